package android

import java.nio.file.Path
import kotlin.io.path.exists
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import strongroom.*

/**
 * Backs up a folder within the window that the system gives. What does not fit is suspended durably a little before that ends,
 * and the next run goes on from there; what is cancelled all the same loses no more than was under way.
 */
class BackupWorker(
    private val source: Path,
    private val place: Path,
    private val state: Path,
    private val secret: Secret,
    override val window: Duration = 20.seconds,
) : CoroutineWorker() {
    /** How many runs it took. */
    var runs: Int = 0
        private set

    /** The snapshot, once there is one. */
    var snapshot: String? = null
        private set

    override suspend fun doWork(): Result {
        runs += 1
        return try {
            open().use { repository ->
                val run = Run(Budget(small = true, deadline = window * MARGIN))
                val report = repository.backup(Source.files(source), BackupOptions(host = "phone"), run)
                println("run $runs: ${report.outcome.name.lowercase()}, ${report.newBytes} new bytes")
                snapshot = report.snapshot
                if (report.outcome == Outcome.SUSPENDED) Result.Retry else Result.Success
            }
        } catch (error: StrongroomException.Unavailable) {
            // No network at the moment: the system runs it again when there is.
            Result.Retry
        } catch (error: StrongroomException) {
            Result.Failure(error.message ?: error.kind.name)
        }
    }

    private suspend fun open(): Repository {
        val backend = Backend.local(place)
        if (place.resolve("config").exists()) return Repository.open(backend, secret, OpenOptions(state))
        return Repository.create(backend, secret, CreateOptions(stateFolder = state))
    }

    private companion object {
        /** Suspending takes a moment, and the window is not ours to overrun. */
        const val MARGIN = 0.75
    }
}
