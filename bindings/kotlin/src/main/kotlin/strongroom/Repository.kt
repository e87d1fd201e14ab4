package strongroom

import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import java.io.OutputStream
import java.nio.file.Path
import java.time.Instant

/**
 * An opened repository. Any number of threads and coroutines may use it at once. Functions suspend while their work runs
 * on the dispatcher it was opened with, and end their work when their coroutine is cancelled.
 */
public class Repository
private constructor(private val handle: RepositoryHandle, private val dispatcher: CoroutineDispatcher) : AutoCloseable {
    /** The id chosen when it was created. */
    public val id: String
        get() = call { handle.id() }

    /** The public key of its owner, for [Secret.expectOwner]. */
    public val ownerKey: ByteArray
        get() = call { handle.ownerKey() }

    /** What the secret that opened it allows. */
    public val role: Role
        get() = call { handle.role() }

    /** Where it is, for messages. */
    public val location: String
        get() = call { handle.location() }

    /** When it was created, by its creator's clock. */
    public val created: Instant
        get() = call { handle.created() }

    /** Why local state is kept in memory although a folder was given for it, if that is so. */
    public val stateFolderProblem: String?
        get() = call { handle.stateFolderProblem() }

    /** How much recovery data packs get when they are written, in percent, if any. */
    public val parity: Int?
        get() = call { handle.parity() }

    /** Packs that were found damaged since it was opened, and read all the same by their recovery data: repair them. */
    public val healedPacks: List<String>
        get() = call { handle.healedPacks() }

    /** Whether it was closed. */
    public val isClosed: Boolean
        get() = handle.isClosed()

    /**
     * Lets go of it: whatever is called after that fails with [StrongroomException.Closed]. Operations that are under way go on
     * to their end.
     */
    override fun close(): Unit = handle.shutdown()

    /** The same repository, whose calls ask nothing more of the storage once [run] is cancelled. */
    public fun cancelledBy(run: Run): Repository = Repository(call { handle.cancelledBy(run.handle) }, dispatcher)

    private suspend fun <T> small(work: (RunHandle) -> T): T {
        val run = RunHandle(null, null)
        return operate(dispatcher, run) { work(run) }
    }

    // Backing up and getting back

    /**
     * Backs up a source and makes a snapshot of it. On a deadline or when suspended, what is done so far is kept, and calling
     * again goes on. Paths that cannot be read are problems in the report.
     */
    public suspend fun backup(
        source: Source,
        options: BackupOptions = BackupOptions(),
        run: Run = Run(),
    ): BackupReport =
        try {
            val taken = source.handle()
            operate(dispatcher, run.handle) { handle.backup(taken, options, run.handle) }
        } finally {
            source.finished()
        }

    /** Restores a snapshot, or a part of it, into a folder. What is wrong with single paths is in the report. */
    public suspend fun restore(
        snapshot: String,
        target: Path,
        options: RestoreOptions = RestoreOptions(),
        run: Run = Run(),
    ): RestoreReport = operate(dispatcher, run.handle) { handle.restore(snapshot, target, options, run.handle) }

    /** Writes a snapshot, or a folder or file of it, as a tar stream. The stream is flushed and stays open. */
    public suspend fun exportTar(
        snapshot: String,
        stream: OutputStream,
        path: RawName = ROOT,
        run: Run = Run(),
    ): RestoreReport = operate(dispatcher, run.handle) { handle.exportTar(snapshot, path, Writer(stream), run.handle) }

    /** Opens a file of a snapshot for reading at any place. */
    public suspend fun openFile(snapshot: String, path: RawName): SnapshotFile {
        val run = RunHandle(null, null)
        val file = operate(dispatcher, run) { handle.openFile(snapshot, path, run) }
        return SnapshotFile(file, run, dispatcher)
    }

    /** Opens a file of a snapshot whose path is text. */
    public suspend fun openFile(snapshot: String, path: String): SnapshotFile = openFile(snapshot, RawName(path))

    /** Copies snapshots to other repositories, each with its own keys. What one fails with is in the report. */
    public suspend fun copyTo(
        destinations: List<Repository>,
        options: CopyOptions = CopyOptions(),
        run: Run = Run(),
    ): CopyReport =
        operate(dispatcher, run.handle) { handle.copyTo(destinations.map { it.handle }, options, run.handle) }

    // Looking

    /** The snapshots that [filter] accepts, oldest first. One that cannot be read is listed as such, and hides no other. */
    public suspend fun snapshots(filter: SnapshotFilter = SnapshotFilter()): SnapshotListing =
        small { handle.snapshots(filter, it) }

    /** One snapshot by what a person would type: `latest`, or the first digits of its id. */
    public suspend fun snapshot(spec: String = "latest", filter: SnapshotFilter = SnapshotFilter()): Snapshot =
        small { handle.snapshot(spec, filter, it) }

    /** The entry at a path of a snapshot. */
    public suspend fun entry(snapshot: String, path: RawName): Entry = small { handle.entry(snapshot, path, it) }

    /** The entry at a path that is text. */
    public suspend fun entry(snapshot: String, path: String): Entry = entry(snapshot, RawName(path))

    /**
     * What is in a folder of a snapshot, directly or at any depth. The flow fails with what cannot be read, unless
     * [onUnreadable] takes it: then it goes on behind that.
     */
    public fun list(
        snapshot: String,
        folder: RawName = ROOT,
        recursive: Boolean = false,
        onUnreadable: ((StrongroomException) -> Unit)? = null,
    ): Flow<Entry> = entries(onUnreadable) { handle.list(snapshot, folder, recursive, it) }

    /**
     * The entries of a snapshot whose paths match a glob. `*` and `?` match within a name, `**` across folders. Without a `/`
     * it is compared with names, with one with whole paths.
     */
    public fun find(
        snapshot: String,
        glob: String,
        anyCase: Boolean = false,
        onUnreadable: ((StrongroomException) -> Unit)? = null,
    ): Flow<Entry> = entries(onUnreadable) { handle.find(snapshot, glob, anyCase, it) }

    private fun entries(onUnreadable: ((StrongroomException) -> Unit)?, begin: (RunHandle) -> EntriesHandle) =
        pulled(begin, EntriesHandle::nextBatch, EntriesHandle::shutdown, onUnreadable)

    /**
     * The paths on which two snapshots differ, in ascending order. [run] bounds the work and ends it; a flow that is
     * collected twice takes it twice.
     */
    public fun diff(before: String, after: String, run: Run = Run()): Flow<Difference> =
        pulled(
            { handle.diff(before, after, it) },
            DifferencesHandle::nextBatch,
            DifferencesHandle::shutdown,
            null,
            { run.handle },
        )

    private fun <H, T> pulled(
        begin: (RunHandle) -> H,
        next: (H, Int) -> List<T>,
        end: (H) -> Unit,
        onUnreadable: ((StrongroomException) -> Unit)?,
        runs: () -> RunHandle = { RunHandle(null, null) },
    ): Flow<T> = flow {
        val run = runs()
        val listing = operate(dispatcher, run) { begin(run) }
        try {
            while (true) {
                val batch =
                    try {
                        operate(dispatcher, run) { next(listing, BATCH) }
                    } catch (error: StrongroomException) {
                        (onUnreadable ?: throw error)(error)
                        continue
                    }
                if (batch.isEmpty()) break
                batch.forEach { emit(it) }
            }
        } finally {
            end(listing)
        }
    }

    /** How much the repository holds. */
    public suspend fun stats(run: Run = Run()): RepositoryStats =
        operate(dispatcher, run.handle) { handle.stats(run.handle) }

    /** Who is at work, and who was and has not been cleaned up after. */
    public suspend fun sessions(): List<SessionInfo> = small { handle.sessions(it) }

    // Marks

    /** Adds and removes tags of a snapshot; returns those it has then. */
    public suspend fun tag(
        snapshot: String,
        add: List<String> = emptyList(),
        remove: List<String> = emptyList(),
    ): List<String> = small { handle.tag(snapshot, add, remove, it) }

    /** Holds a snapshot until a time: before that it is not forgotten. Returns the hold that is in force then. */
    public suspend fun hold(snapshot: String, until: Instant): Instant = small { handle.hold(snapshot, until, it) }

    /** Ends the hold of a snapshot. */
    public suspend fun release(snapshot: String): Unit = small { handle.releaseHold(snapshot, it) }

    // Care

    /** Removes snapshots: those that a policy does not keep, or those that are named. */
    public suspend fun forget(options: ForgetOptions, run: Run = Run()): ForgetReport =
        operate(dispatcher, run.handle) { handle.forget(options, run.handle) }

    /** Frees what no snapshot needs, in two phases: condemned by one call, removed by a later one. */
    public suspend fun prune(options: PruneOptions = PruneOptions(), run: Run = Run()): PruneReport =
        operate(dispatcher, run.handle) { handle.prune(options, run.handle) }

    /** Checks that everything every snapshot refers to is there and sound. Damage is what the report is for. */
    public suspend fun check(options: CheckOptions = CheckOptions(), run: Run = Run()): CheckReport =
        operate(dispatcher, run.handle) { handle.check(options, run.handle) }

    /** Mends what can be mended. Only adds objects. */
    public suspend fun repair(options: RepairOptions = RepairOptions(), run: Run = Run()): RepairReport =
        operate(dispatcher, run.handle) { handle.repair(options, run.handle) }

    /** Makes the index list every pack in storage as it is. */
    public suspend fun rebuildIndex(run: Run = Run()): RebuildReport =
        operate(dispatcher, run.handle) { handle.rebuildIndex(run.handle) }

    /** Adds recovery data of this share, in percent, to every pack that has none. */
    public suspend fun addParity(percent: Int, run: Run = Run()): ParityReport =
        operate(dispatcher, run.handle) { handle.addParity(percent, run.handle) }

    /** Moves what was stored under the keys of earlier epochs to those of the newest. */
    public suspend fun reencrypt(options: ReencryptOptions = ReencryptOptions(), run: Run = Run()): ReencryptReport =
        operate(dispatcher, run.handle) { handle.reencrypt(options, run.handle) }

    // Keys and devices

    /** The keys that open it, oldest first. */
    public suspend fun keys(): List<SlotInfo> = small { handle.keys(it) }

    /** Adds a key and returns the id of its slot. Only owners may. */
    public suspend fun addKey(secret: Secret, role: Role, label: String = "", cost: Cost? = null): String =
        small { handle.addKey(secret.handle, role, label, cost, it) }

    /** Makes a recovery code and adds it as a key. Only owners may. */
    public suspend fun addRecoveryCode(role: Role, label: String = ""): AddedCode =
        small { handle.addRecoveryCode(role, label, it) }

    /** Removes a key, shuts its holder out, and begins a new epoch unless [keepEpoch]. Only owners may. */
    public suspend fun removeKey(slot: String, keepEpoch: Boolean = false, run: Run = Run()): KeyRemoval =
        operate(dispatcher, run.handle) { handle.removeKey(slot, keepEpoch, run.handle) }

    /** Replaces the passphrase that opened it by another. */
    public suspend fun changePassphrase(to: Secret, cost: Cost? = null): PassphraseChange =
        small { handle.changePassphrase(to.handle, cost, it) }

    /** The devices on the owner-signed list. */
    public suspend fun devices(): List<DeviceInfo> = small { handle.devices(it) }

    /** Lets a device in, by the request it made with its key, and returns its id. Only owners may. */
    public suspend fun addDevice(request: ByteArray, role: Role): String = small { handle.addDevice(request, role, it) }

    /** Shuts a device out, and begins a new epoch unless [keepEpoch]. Only owners may. */
    public suspend fun revokeDevice(device: String, keepEpoch: Boolean = false, run: Run = Run()): Revocation =
        operate(dispatcher, run.handle) { handle.revokeDevice(device, keepEpoch, run.handle) }

    /** Begins a new epoch: whatever is written from now on is sealed with new keys. Only owners may. */
    public suspend fun rotate(run: Run = Run()): RotationReport =
        operate(dispatcher, run.handle) { handle.rotate(run.handle) }

    /** The epoch under which everything is written at this moment. */
    public suspend fun epoch(): Long = small { handle.epoch(it) }

    public companion object {
        private val ROOT = RawName(ByteArray(0))
        private const val BATCH = 256

        /**
         * Creates a repository whose owner is whoever holds [secret]. Nothing is logged unless [log] takes it;
         * [StrongroomException.AlreadyExists] when there is one at this place.
         */
        public suspend fun create(
            backend: Backend,
            secret: Secret,
            options: CreateOptions = CreateOptions(),
            dispatcher: CoroutineDispatcher = Dispatchers.IO,
            log: ((LogEvent) -> Unit)? = null,
        ): Repository =
            opened(dispatcher) { RepositoryHandle.create(backend.handle, secret.handle, options, log?.let(::Log), it) }

        /**
         * Opens a repository. [StrongroomException.NotFound] when there is none, [StrongroomException.WrongKey] when the secret
         * opens none of its key slots.
         */
        public suspend fun open(
            backend: Backend,
            secret: Secret,
            options: OpenOptions = OpenOptions(),
            dispatcher: CoroutineDispatcher = Dispatchers.IO,
            log: ((LogEvent) -> Unit)? = null,
        ): Repository =
            opened(dispatcher) { RepositoryHandle.open(backend.handle, secret.handle, options, log?.let(::Log), it) }

        private suspend fun opened(dispatcher: CoroutineDispatcher, open: (RunHandle) -> RepositoryHandle): Repository {
            val run = RunHandle(null, null)
            return Repository(operate(dispatcher, run) { open(run) }, dispatcher)
        }
    }

    private class Log(private val listen: (LogEvent) -> Unit) : ForeignLog {
        override fun log(event: LogEvent) {
            // What a log fails with is nobody's business.
            runCatching { listen(event) }
        }
    }

    private class Writer(private val stream: OutputStream) : ForeignWriter {
        override fun write(data: ByteArray) = foreign { stream.write(data) }

        override fun flush() = foreign { stream.flush() }
    }
}

/** Whether everything that was asked for was looked at, and nothing was found wrong. */
public val CheckReport.isSound: Boolean
    get() = problemCount == 0L && outcome == Outcome.COMPLETE

/** Whether there was nothing to mend, and nothing is lost. */
public val RepairReport.wasSound: Boolean
    get() = outcome == Outcome.COMPLETE && damaged.isEmpty() && indexWritten == 0L
