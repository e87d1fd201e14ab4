package strongroom

import kotlinx.coroutines.runBlocking
import java.nio.file.Path
import kotlin.time.Duration

/**
 * Storage that an app implements: a table, a service it uploads to. Objects are created once, each under a name never used
 * before, and never changed. All functions may be called from several threads at once, and may suspend.
 *
 * Names are `config`, or a folder, `/` and a file name of lower-case letters, digits, `-` and `.`.
 */
public interface Storage {
    /** Stores [data] under [name], durably and all or nothing; [StrongroomException.AlreadyExists] when the name is taken. */
    public suspend fun put(name: String, data: ByteArray)

    /**
     * Exactly [length] bytes from [offset] on; [StrongroomException.NotFound] when there is no such object,
     * [StrongroomException.Corrupt] when it ends before.
     */
    public suspend fun read(name: String, offset: Long, length: Long): ByteArray

    /** Length and storage time of an object; [StrongroomException.NotFound] when there is none. */
    public suspend fun stat(name: String): StoredObject

    /** The objects of a folder, in any order; those of the root, where `config` is, for an empty name. */
    public suspend fun list(folder: String): List<StoredObject>

    /** Removes an object. Removing one that does not exist succeeds. */
    public suspend fun delete(name: String)

    /** For messages: where this is, without any secret. */
    public val location: String

    /** For how long after a call has returned listings elsewhere may not show what it did. */
    public val settling: Duration
        get() = Duration.ZERO
}

/** Where a repository lives. */
public class Backend private constructor(internal val handle: BackendHandle) {
    /** Where it is, for messages. */
    public val location: String
        get() = handle.location()

    /**
     * The same storage, whose calls are tried again when they fail for a reason that passes, such as
     * [StrongroomException.Unavailable]. Cancelling [run] ends a wait; the wait itself is otherwise not cut short.
     */
    public fun retrying(options: RetryOptions = RetryOptions(), run: Run? = null): Backend =
        Backend(call { handle.retrying(options, run?.handle) })

    override fun toString(): String = "Backend($location)"

    public companion object {
        /** A folder. [sync] waits until everything is on the device before an object counts as stored. */
        public fun local(folder: Path, sync: Boolean = true): Backend = Backend(call { BackendHandle.local(folder, sync) })

        /** The memory of this process, for tests. */
        public fun memory(): Backend = Backend(BackendHandle.memory())

        /** Storage of the app's own. */
        public fun of(storage: Storage): Backend = Backend(BackendHandle.foreign(Adapter(storage)))
    }

    private class Adapter(private val storage: Storage) : ForeignStorage {
        // The library's own threads call, and block until the app has answered.
        private inline fun <T> wait(crossinline work: suspend () -> T): T = foreign { runBlocking { work() } }

        override fun put(name: String, data: ByteArray) = wait { storage.put(name, data) }

        override fun read(name: String, offset: Long, length: Long) = wait { storage.read(name, offset, length) }

        override fun stat(name: String) = wait { storage.stat(name) }

        override fun list(folder: String) = wait { storage.list(folder) }

        override fun delete(name: String) = wait { storage.delete(name) }

        override fun location() = runCatching { storage.location }.getOrDefault("the app's storage")

        override fun settling() = runCatching { storage.settling }.getOrDefault(Duration.INFINITE)
    }
}
