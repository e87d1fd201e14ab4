import java.nio.file.Path
import kotlin.io.path.exists
import kotlin.system.exitProcess
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.count
import strongroom.*

/** Backs up a folder, lists what is in the newest snapshot, and restores it. */
suspend fun main(arguments: Array<String>) {
    if (arguments.size != 3) {
        System.err.println("backup FOLDER REPOSITORY TARGET")
        exitProcess(2)
    }
    val (folder, place, target) = arguments.map { Path.of(it).toAbsolutePath() }
    val backend = Backend.local(place)
    val secret = Secret.passphrase("correct horse battery staple")
    val isNew = !place.resolve("config").exists()
    val repository = if (isNew) Repository.create(backend, secret) else Repository.open(backend, secret)
    repository.use {
        events { run -> repository.backup(Source.files(folder), BackupOptions(tags = listOf("example")), run) }
            .collect { event ->
                when (event) {
                    is Event.Running -> println("${event.progress.entries} entries, ${event.progress.bytes} bytes so far")
                    is Event.Done -> println("backed up ${event.value.files} files into ${event.value.snapshot}")
                }
            }
        val snapshot = repository.snapshot("latest")
        println("the newest snapshot has ${repository.list(snapshot.id, recursive = true).count()} entries")
        val report = repository.restore(snapshot.id, target)
        println("restored ${report.files} files, ${report.bytes} bytes, to $target")
    }
}
