import java.nio.file.Path
import kotlin.io.path.exists
import kotlin.system.exitProcess
import kotlin.time.measureTime
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import strongroom.*

/** The same work in every language, for what a binding costs: `backup`, `restore` and many small `calls`. */
fun main(arguments: Array<String>): Unit = runBlocking {
    if (arguments.size != 3) {
        System.err.println("bench backup SOURCE REPOSITORY | restore REPOSITORY TARGET | calls REPOSITORY N")
        exitProcess(2)
    }
    val (verb, first, second) = arguments
    var told = 0
    val run = Run { told += 1 }
    when (verb) {
        "backup" -> open(Path.of(second)).use { println(it.backup(Source.files(Path.of(first)), run = run).bytes) }
        "restore" ->
            open(Path.of(first)).use { println(it.restore(it.snapshot().id, Path.of(second), run = run).bytes) }
        "calls" ->
            open(Path.of(first)).use { repository ->
                val snapshot = repository.snapshot().id
                val path = repository.list(snapshot, recursive = true).first { it.kind == EntryKind.FILE }.path
                val time = measureTime { repeat(second.toInt()) { repository.entry(snapshot, path) } }
                println(time.inWholeMicroseconds / 1e6)
            }
        else -> exitProcess(2)
    }
}

private suspend fun open(place: Path): Repository {
    val (backend, secret) = Pair(Backend.local(place), Secret.passphrase("correct horse battery staple"))
    val state = place.resolveSibling("${place.fileName}.state")
    return if (place.resolve("config").exists()) Repository.open(backend, secret, OpenOptions(state))
    else Repository.create(backend, secret, CreateOptions(stateFolder = state))
}
