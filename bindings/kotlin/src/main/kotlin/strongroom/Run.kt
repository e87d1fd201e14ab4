package strongroom

import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.channelFlow

/**
 * How one operation runs, and what stops it. Cancelling the coroutine that runs the operation does the same as [cancel].
 *
 * @param budget bounds on threads, memory, transfer rates and time
 * @param onProgress hears how it goes on, on a thread of the library, some ten times a second at most; what it throws ends
 *   the operation, which then fails with just that
 */
public class Run(budget: Budget = Budget(), onProgress: ((Progress) -> Unit)? = null) {
    internal val handle: RunHandle = call { RunHandle(budget, onProgress?.let(::Listener)) }

    /** Stops it within a quarter of a second; it then fails with [StrongroomException.Cancelled]. */
    public fun cancel(): Unit = handle.cancel()

    /** Asks for a durable stop: what is done so far is kept, and the same call goes on from there. */
    public fun requestSuspend(): Unit = handle.requestSuspend()

    /** How it goes on, as last heard; null before it has begun. */
    public val progress: Progress?
        get() = handle.progress()

    private class Listener(private val listen: (Progress) -> Unit) : ForeignProgress {
        override fun progress(progress: Progress) = foreign { listen(progress) }
    }
}

/** What a flow of an operation tells. */
public sealed interface Event<out T> {
    /** It goes on. What a collector is too slow for is left out. */
    public data class Running(val progress: Progress) : Event<Nothing>

    /** It is done. The last event. */
    public data class Done<out T>(val value: T) : Event<T>
}

/**
 * Runs an operation when the flow is collected, and tells how it goes on: progress, and at the end its result. What it fails
 * with, the flow fails with; who stops collecting cancels it.
 *
 * ```
 * events { run -> repository.backup(source, run = run) }.collect { event -> ... }
 * ```
 */
public fun <T> events(budget: Budget = Budget(), operation: suspend (Run) -> T): Flow<Event<T>> =
    channelFlow<Event<T>> {
            val gate = Any()
            var open = true
            val run = Run(budget) { progress -> synchronized(gate) { if (open) trySend(Event.Running(progress)) } }
            val value = operation(run)
            synchronized(gate) { open = false }
            send(Event.Done(value))
        }
        .buffer(Channel.CONFLATED)
