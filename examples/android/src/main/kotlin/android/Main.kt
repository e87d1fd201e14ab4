package android

import java.nio.file.Path
import kotlin.system.exitProcess
import kotlin.time.Duration
import strongroom.*

/** Runs the worker as the system would until the backup is done, then restores it. */
suspend fun main(arguments: Array<String>) {
    if (arguments.size !in 3..4) {
        System.err.println("worker FOLDER REPOSITORY TARGET [WINDOW]")
        exitProcess(2)
    }
    val (folder, place, target) = arguments.take(3).map { Path.of(it).toAbsolutePath() }
    val window = Duration.parse(arguments.getOrElse(3) { "20s" })
    val secret = Secret.passphrase("correct horse battery staple")
    val worker = BackupWorker(folder, place, place.resolveSibling("state"), secret, window)
    when (val result = runUntilDone(worker)) {
        Result.Success -> println("done after ${worker.runs} runs of $window: ${worker.snapshot}")
        else -> {
            System.err.println("not done: $result")
            exitProcess(1)
        }
    }
    Repository.open(Backend.local(place), secret).use { repository ->
        println("restored ${repository.restore(worker.snapshot!!, target).files} files")
    }
}
