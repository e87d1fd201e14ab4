package strongroom

import java.io.ByteArrayInputStream
import java.nio.ByteBuffer
import java.nio.file.Files
import java.nio.file.Path
import java.time.Instant
import kotlin.io.path.createDirectory
import kotlin.io.path.readText
import kotlin.io.path.writeText
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.nanoseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir

class RepositoryTest {
    @TempDir lateinit var folder: Path

    @Test
    fun `the command reads what Kotlin wrote`() = runBlocking {
        val place = folder.resolve("repository")
        repository(Backend.local(place)).use { it.backup(Source.bytes("greeting.txt", "hello\n".toByteArray())) }
        command(place, "restore", "latest", "--target", folder.resolve("out").toString())
        assertEquals("hello\n", folder.resolve("out/greeting.txt").readText())
    }

    @Test
    fun `Kotlin reads what the command wrote`() = runBlocking {
        val (place, source) = Pair(folder.resolve("repository"), folder.resolve("source").createDirectory())
        source.resolve("greeting.txt").writeText("hello\n")
        command(place, "init")
        command(place, "backup", source.toString())
        Repository.open(Backend.local(place), secret()).use { repository ->
            val snapshot = repository.snapshot()
            repository.restore(snapshot.id, folder.resolve("out"))
            assertEquals("hello\n", folder.resolve("out/greeting.txt").readText())
            assertEquals(6, repository.entry(snapshot.id, "greeting.txt").size)
        }
    }

    @Test
    fun `a dictionary is storage`() = runBlocking {
        val dictionary = Dictionary()
        val content = noise(3_000_000)
        val backend = Backend.of(dictionary)
        assertEquals("a dictionary", backend.location)
        val snapshot = repository(backend).use { it.backup(Source.bytes("noise", content)).snapshot!! }
        Repository.open(backend, secret()).use { repository ->
            repository.openFile(snapshot, "noise").use { assertArrayEquals(content, it.read(0, it.size)) }
            assertTrue(repository.check(CheckOptions(readData = 100.0)).isSound)
        }
        assertTrue(dictionary.objects.keys.any { it.startsWith("packs/") })
    }

    @Test
    fun `storage may suspend`() = runBlocking {
        val slow =
            object : Storage by Dictionary() {
                private val inner = Dictionary()

                override suspend fun put(name: String, data: ByteArray) {
                    delay(5)
                    inner.put(name, data)
                }

                override suspend fun read(name: String, offset: Long, length: Long): ByteArray {
                    delay(5)
                    return inner.read(name, offset, length)
                }

                override suspend fun stat(name: String) = inner.stat(name)

                override suspend fun list(folder: String) = inner.list(folder)

                override suspend fun delete(name: String) = inner.delete(name)
            }
        repository(Backend.of(slow)).use { repository ->
            val snapshot = repository.backup(Source.bytes("a", noise(100_000))).snapshot!!
            assertEquals(listOf("a"), repository.list(snapshot).toList().map { it.path.toString() })
        }
    }

    @Test
    fun `a flow of events tells of progress and of the end`() = runBlocking {
        repository().use { repository ->
            val told = events { run -> repository.backup(Source.bytes("a", noise(5_000_000)), run = run) }.toList()
            val report = (told.last() as Event.Done).value
            assertEquals(5_000_000, report.bytes)
            assertTrue(told.dropLast(1).all { it is Event.Running })
        }
    }

    @Test
    fun `entries come from a flow`() = runBlocking {
        val entries: Flow<SourceEntry> = flow {
            repeat(100) { number ->
                delay(1)
                emit(SourceEntry.file(RawName("folder/%03d".format(number)), "number $number".toByteArray()))
            }
        }
        repository().use { repository ->
            val report = repository.backup(Source.entries(entries, sorted = true))
            assertEquals(100, report.files)
            val listed = repository.list(report.snapshot!!, recursive = true).toList()
            assertEquals("folder/099", listed.last().path.toString())
        }
    }

    @Test
    fun `a cancelled coroutine ends the backup, and its scope waits for that`() = runBlocking {
        val (began, closed) = Pair(CompletableDeferred<Unit>(), CompletableDeferred<Unit>())
        val endless =
            object : java.io.InputStream() {
                override fun read() = throw UnsupportedOperationException()

                override fun read(buffer: ByteArray, offset: Int, length: Int): Int {
                    began.complete(Unit)
                    Thread.sleep(1)
                    return length
                }

                override fun close() {
                    closed.complete(Unit)
                }
            }
        repository().use { repository ->
            val job = launch(Dispatchers.Default) { repository.backup(Source.stream("endless", endless)) }
            began.await()
            val asked = System.nanoTime()
            job.cancel()
            job.join()
            assertTrue(System.nanoTime() - asked < 2_000_000_000)
            closed.await()
            assertEquals(emptyList<Snapshot>(), repository.snapshots().snapshots)
        }
    }

    @Test
    fun `a cancelled token is the library's error, a cancelled coroutine is Kotlin's`() = runBlocking<Unit> {
        repository().use { repository ->
            val run = Run()
            run.cancel()
            failing<StrongroomException.Cancelled> { repository.backup(Source.bytes("a", noise(10)), run = run) }
            val deferred = async { repository.backup(Source.bytes("a", noise(10))) }
            deferred.cancel()
            assertThrows<CancellationException> { runBlocking { deferred.await() } }
        }
    }

    @Test
    fun `a deadline suspends, and the same call goes on`() = runBlocking {
        val source = folder.resolve("source").createDirectory()
        repeat(40) { Files.write(source.resolve("file$it"), noise(1_000_000 + it)) }
        repository().use { repository ->
            var suspended = 0
            while (true) {
                val report = repository.backup(Source.files(source), run = Run(Budget(deadline = 20.milliseconds)))
                if (report.outcome != Outcome.SUSPENDED) {
                    assertEquals(40, report.files)
                    break
                }
                suspended += 1
                assertNull(report.snapshot)
                assertTrue(suspended < 1000)
            }
            assertTrue(suspended > 0)
        }
    }

    @Test
    fun `what is read can be streamed, sought and interrupted`() = runBlocking {
        val content = noise(1_500_000)
        repository().use { repository ->
            val snapshot = repository.backup(Source.stream("noise", ByteArrayInputStream(content))).snapshot!!
            repository.openFile(snapshot, "noise").use { file ->
                assertArrayEquals(content, file.inputStream().readAllBytes())
                val stream = file.inputStream()
                stream.skip(1_000_000)
                assertArrayEquals(content.copyOfRange(1_000_000, 1_000_010), stream.readNBytes(10))
                val channel = file.channel().position(1_499_995)
                val buffer = ByteBuffer.allocate(100)
                assertEquals(5, channel.read(buffer))
                assertEquals(-1, channel.read(buffer))
                assertEquals(1_000, file.pieces(1_000).first().size)
                assertEquals(0, file.read(content.size + 10L, 10).size)
            }
        }
    }

    @Test
    fun `opening ends with its coroutine`() = runBlocking {
        val (asked, dictionary) = Pair(CompletableDeferred<Unit>(), Dictionary())
        repository(Backend.of(dictionary)).close()
        val slow =
            object : Storage by dictionary {
                override suspend fun read(name: String, offset: Long, length: Long): ByteArray {
                    asked.complete(Unit)
                    delay(100.milliseconds)
                    return dictionary.read(name, offset, length)
                }
            }
        val opening = async(Dispatchers.Default) { Repository.open(Backend.of(slow), secret()) }
        asked.await()
        opening.cancel()
        assertThrows<CancellationException> { runBlocking { opening.await() } }
        assertTrue(opening.isCancelled)
    }

    @Test
    fun `storage is tried again`() = runBlocking {
        val dictionary = Dictionary()
        var puts = 0
        val busy =
            object : Storage by dictionary {
                override suspend fun put(name: String, data: ByteArray) {
                    puts += 1
                    if (puts % 3 != 0) throw StrongroomException.Unavailable("busy", retryAfter = 1.milliseconds)
                    dictionary.put(name, data)
                }

                override suspend fun read(name: String, offset: Long, length: Long): ByteArray =
                    throw StrongroomException.Unavailable("down", retryAfter = 60.seconds)
            }
        val backend = Backend.of(busy)
        failing<StrongroomException.Unavailable> { repository(backend.retrying(RetryOptions(tries = 2))) }
        puts = 0
        repository(backend.retrying(RetryOptions(tries = 3))).close()
        assertTrue(puts >= 3)
        val run = Run()
        val patient = backend.retrying(RetryOptions(longestWait = 30.seconds), run)
        val opening = async(Dispatchers.Default) { runCatching { Repository.open(patient, secret()) } }
        delay(100.milliseconds)
        run.cancel()
        assertTrue(opening.await().exceptionOrNull() is StrongroomException.Cancelled)
    }

    @Test
    fun `comparing runs as it is told`() = runBlocking<Unit> {
        repository().use { repository ->
            val first = repository.backup(Source.bytes("a", noise(1))).snapshot!!
            val second = repository.backup(Source.bytes("b", noise(2))).snapshot!!
            val run = Run()
            assertEquals(2, repository.diff(first, second, run).toList().size)
            run.cancel()
            failing<StrongroomException.Cancelled> { repository.diff(first, second, run).toList() }
        }
    }

    @Test
    fun `the log is told, and nobody else`() = runBlocking {
        val told = java.util.concurrent.ConcurrentLinkedQueue<LogEvent>()
        val options = CreateOptions(cost = strongroom.scenarios.World.CHEAP)
        Repository.create(Backend.memory(), secret(), options, log = told::add).use { it.stats() }
        assertTrue(told.any { it.operation == "stats" && it.level == LogLevel.INFO })
    }

    @Test
    fun `values keep what they are`() {
        val time = Instant.ofEpochSecond(-5, 123_456_789)
        assertEquals(time, instantOf(partsOf(time)))
        assertEquals(Instant.MAX, instantOf(TimeParts(Long.MAX_VALUE, 0)))
        assertEquals(Instant.MIN, instantOf(TimeParts(Long.MIN_VALUE, 0)))
        assertEquals(5.nanoseconds, durationOf(5))
        val odd = "/tmp/\u00e4 %+".toByteArray() + byteArrayOf(-1, 10)
        assertArrayEquals(odd, bytesOf(pathOf(odd)))
        assertEquals(RawName("a"), RawName(byteArrayOf(97)))
        assertTrue(RawName("a") < RawName(byteArrayOf(-1)))
        assertTrue(!RawName(byteArrayOf(-1)).isText)
        assertEquals(2, ErrorKind.NOT_FOUND.value.toInt())
        assertSame(Role.OWNER, Role.valueOf("OWNER"))
        assertNotNull(libraryVersion())
    }
}
