package strongroom

import java.nio.file.Path
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.assertThrows
import strongroom.scenarios.World

internal fun secret(): Secret = Secret.passphrase("correct horse battery staple")

internal suspend fun repository(backend: Backend = Backend.memory()): Repository =
    Repository.create(backend, secret(), CreateOptions(cost = World.CHEAP))

/** The error of a kind that `work` fails with. */
internal inline fun <reified T : Throwable> failing(crossinline work: suspend () -> Unit): T =
    assertThrows<T> { runBlocking { work() } }

internal fun noise(length: Int): ByteArray = kotlin.random.Random(length).nextBytes(length)

/** Runs the `strongroom` command with the passphrase of [secret]. */
internal fun command(repository: Path, vararg arguments: String): String {
    val process =
        ProcessBuilder(listOf(System.getProperty("strongroom.command")) + arguments)
            .apply {
                environment()["STRONGROOM_REPOSITORY"] = repository.toString()
                environment()["STRONGROOM_PASSPHRASE"] = "correct horse battery staple"
                environment()["XDG_CACHE_HOME"] = repository.resolveSibling("cache").toString()
            }
            .redirectErrorStream(true)
            .start()
    val said = process.inputStream.readAllBytes().decodeToString()
    assertTrue(process.waitFor() == 0, said)
    return said
}
