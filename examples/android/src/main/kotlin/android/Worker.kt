package android

import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CancellationException

/** What a worker ends with, as in `androidx.work.ListenableWorker.Result`. */
sealed interface Result {
    data object Success : Result

    data object Retry : Result

    data class Failure(val message: String) : Result
}

/**
 * What `androidx.work.CoroutineWorker` is, as far as this example uses it: `doWork` runs in a coroutine that is cancelled when
 * the system takes the worker's time away.
 */
abstract class CoroutineWorker {
    /** How long the system lets it work. On Android some minutes, and seconds when an app is about to be put to sleep. */
    open val window: Duration = 20.seconds

    abstract suspend fun doWork(): Result
}

/** What `androidx.work.WorkManager` does with a worker: runs it until it no longer asks to be run again. */
suspend fun runUntilDone(worker: CoroutineWorker, most: Int = 10_000): Result {
    repeat(most) {
        val result =
            try {
                worker.doWork()
            } catch (stopped: CancellationException) {
                throw stopped
            }
        if (result != Result.Retry) return result
    }
    return Result.Failure("it was run $most times and is not done")
}
