package guide

import java.nio.file.Files
import java.nio.file.Path
import kotlin.io.path.createDirectories
import kotlin.io.path.readBytes
import kotlin.io.path.writeBytes
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import strongroom.Backend
import strongroom.CreateOptions
import strongroom.Progress
import strongroom.Repository
import strongroom.Secret
import strongroom.Source
import strongroom.scenarios.World

internal class Message(val id: Int, val body: ByteArray)

/** What the code of docs/guide-kotlin.md takes for granted. Its absolute paths are those below a folder here. */
internal class App(private val folder: Path, val repository: Repository, val source: Source) {
    val process: Process = ProcessBuilder("true").start()
    val bytes: ByteArray = "{}".toByteArray()
    val messages = listOf(Message(1, "one".toByteArray()), Message(2, "two".toByteArray()))
    var scheduled = 0

    fun place(path: String): Path = folder.resolve(path.removePrefix("/"))

    fun show(progress: Progress) = check(progress.bytes >= 0)

    fun scheduleAgain() {
        scheduled += 1
    }
}

class GuideTest {
    @TempDir lateinit var folder: Path

    @Test
    fun `what the guide says is what happens`() = runBlocking {
        val photo = ByteArray(1000) { it.toByte() }
        folder.resolve("home/me/photos/album").createDirectories().resolve("1.jpg").writeBytes(photo)
        val backend = Backend.local(folder.resolve("mnt/backup"), sync = false)
        val secret = Secret.passphrase("correct horse battery staple")
        Repository.create(backend, secret, CreateOptions(cost = World.CHEAP)).use { repository ->
            val app = App(folder, repository, Source.bytes("again.txt", "again".toByteArray()))
            app.block1()
            assertArrayEquals(photo, folder.resolve("tmp/photos/album/1.jpg").readBytes())
            app.block2()
            assertEquals(0, app.scheduled)
            assertEquals(2, repository.snapshots().snapshots.size)
            app.block3()
        }
        assertEquals(1, Files.list(folder.resolve("tmp/photos/album")).use { it.count() })
    }
}
