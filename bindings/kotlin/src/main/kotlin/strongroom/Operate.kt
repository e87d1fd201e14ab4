package strongroom

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import java.io.FileNotFoundException
import java.io.IOException
import java.nio.charset.CharacterCodingException
import java.nio.file.AccessDeniedException
import java.nio.file.FileAlreadyExistsException
import java.nio.file.NoSuchFileException
import java.util.concurrent.atomic.AtomicBoolean

/**
 * Runs `work`, which blocks, on the dispatcher. When the coroutine is cancelled, the run is told, and the work has ended
 * before this returns: nothing of it outlives the scope it was started in.
 */
internal suspend fun <T> operate(dispatcher: CoroutineDispatcher, run: RunHandle, work: () -> T): T {
    val result = coroutineScope {
        val done = AtomicBoolean()
        val watcher =
            launch(Dispatchers.Unconfined, CoroutineStart.UNDISPATCHED) {
                try {
                    awaitCancellation()
                } finally {
                    if (!done.get()) run.cancel()
                }
            }
        // As a value: an exception that crosses contexts may be replaced by a copy, and an app's own has to stay itself.
        val result = withContext(dispatcher + NonCancellable) { runCatching(work) }
        done.set(true)
        watcher.cancel()
        result
    }
    currentCoroutineContext().ensureActive()
    return result.getOrElse { throw translated(it) }
}

/** Calls what does not block, or may. */
internal inline fun <T> call(work: () -> T): T =
    try {
        work()
    } catch (error: Throwable) {
        throw translated(error)
    }

internal fun translated(error: Throwable): Throwable =
    when (error) {
        is NativeException.Failed -> {
            val thrown = (error.failure.parts.thrown as? Thrown)?.throwable
            // What the app threw comes back as it was, unless the error says more than that.
            if (thrown != null && error.failure.kind == ErrorKind.CALLBACK) thrown else error.failure
        }
        is CharacterCodingException -> StrongroomException.InvalidArgument("the text holds half of a surrogate pair")
        is InternalException -> StrongroomException.Internal(error.message ?: "no message")
        else -> error
    }

/** Keeps what a function of the app threw while an error leads to it. */
internal class Thrown(val throwable: Throwable) : ForeignThrown {
    override fun describe(): String = throwable.toString()
}

/** Calls a function of the app on behalf of the library: whatever it throws, the library hears of it. */
internal inline fun <T> foreign(work: () -> T): T =
    try {
        work()
    } catch (error: Throwable) {
        throw ForeignException.Failed(kindOf(error), error.message ?: error.toString(), retryAfterOf(error), Thrown(error))
    }

internal fun retryAfterOf(error: Throwable) = (error as? StrongroomException)?.retryAfter

internal fun kindOf(error: Throwable): ErrorKind =
    when (error) {
        is StrongroomException -> error.kind
        is NoSuchFileException, is FileNotFoundException -> ErrorKind.NOT_FOUND
        is FileAlreadyExistsException -> ErrorKind.ALREADY_EXISTS
        is AccessDeniedException -> ErrorKind.PERMISSION_DENIED
        is IOException -> ErrorKind.IO
        else -> ErrorKind.CALLBACK
    }
