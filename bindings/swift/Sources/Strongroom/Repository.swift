import Foundation

/// An opened repository. Any number of tasks may use it at once. Functions do their work on threads of their own, and end it
/// when their task is cancelled.
public final class Repository: Sendable {
    private let handle: RepositoryHandle

    private init(_ handle: RepositoryHandle) {
        self.handle = handle
    }

    /// Creates a repository whose owner is whoever holds `secret`. Nothing is logged unless `log` takes it;
    /// ``StrongroomError/alreadyExists(_:)`` when there is one at this place.
    public static func create(
        _ backend: Backend, _ secret: Secret, options: CreateOptions = CreateOptions(),
        log: (@Sendable (LogEvent) -> Void)? = nil
    ) async throws -> Repository {
        let (backend, secret, log) = (backend.handle, secret.handle, log.map(Log.init))
        let run = try fresh()
        return Repository(
            try await operate(run) {
                try RepositoryHandle.create(backend: backend, secret: secret, options: options, log: log, run: run)
            })
    }

    /// Opens a repository. ``StrongroomError/notFound(_:)`` when there is none, ``StrongroomError/wrongKey(_:)`` when the secret
    /// opens none of its key slots.
    public static func open(
        _ backend: Backend, _ secret: Secret, options: OpenOptions = OpenOptions(),
        log: (@Sendable (LogEvent) -> Void)? = nil
    ) async throws -> Repository {
        let (backend, secret, log) = (backend.handle, secret.handle, log.map(Log.init))
        let run = try fresh()
        return Repository(
            try await operate(run) {
                try RepositoryHandle.open(backend: backend, secret: secret, options: options, log: log, run: run)
            })
    }

    /// Lets go of it: whatever is called after that fails with ``StrongroomError/closed(_:)``. Operations that are under way go on
    /// to their end. Closing twice is harmless.
    public func close() {
        handle.shutdown()
    }

    /// Whether it was closed.
    public var isClosed: Bool { handle.isClosed() }

    /// The id chosen when it was created.
    public var id: String { get throws { try call { try handle.id() } } }

    /// The public key of its owner, for ``Secret/expectOwner(_:)``.
    public var ownerKey: Data { get throws { try call { try handle.ownerKey() } } }

    /// What the secret that opened it allows.
    public var role: Role { get throws { try call { try handle.role() } } }

    /// Where it is, for messages.
    public var location: String { get throws { try call { try handle.location() } } }

    /// When it was created, by its creator's clock.
    public var created: Timestamp { get throws { try call { try handle.created() } } }

    /// Why local state is kept in memory although a folder was given for it, if that is so.
    public var stateFolderProblem: String? { get throws { try call { try handle.stateFolderProblem() } } }

    /// How much recovery data packs get when they are written, in percent, if any.
    public var parity: Int32? { get throws { try call { try handle.parity() } } }

    /// Packs that were found damaged since it was opened, and read all the same by their recovery data: repair them.
    public var healedPacks: [String] { get throws { try call { try handle.healedPacks() } } }

    /// The same repository, whose calls ask nothing more of the storage once `run` is cancelled.
    public func cancelled(by run: Run) throws -> Repository {
        Repository(try call { try handle.cancelledBy(run: try run.handle) })
    }

    private static func fresh() throws -> RunHandle {
        try call { try RunHandle(budget: nil, progress: nil) }
    }

    func perform<T: Sendable>(
        _ run: Run? = nil, _ work: @escaping @Sendable (RepositoryHandle, RunHandle) throws -> T
    ) async throws -> T {
        let (handle, run) = (handle, try run?.handle ?? Self.fresh())
        return try await operate(run) { try work(handle, run) }
    }

    // MARK: Backing up and getting back

    /// Backs up a source and makes a snapshot of it. On a deadline or when suspended, what is done so far is kept, and calling
    /// again goes on. Paths that cannot be read are problems in the report.
    public func backup(
        _ source: Source, options: BackupOptions = BackupOptions(), run: Run = Run()
    ) async throws -> BackupReport {
        let source = try source.handle()
        return try await perform(run) { try $0.backup(source: source, options: options, run: $1) }
    }

    /// Restores a snapshot, or a part of it, into a folder. What is wrong with single paths is in the report.
    public func restore(
        _ snapshot: String, to target: URL, options: RestoreOptions = RestoreOptions(), run: Run = Run()
    ) async throws -> RestoreReport {
        try await restore(snapshot, to: LocalPath(target), options: options, run: run)
    }

    /// Restores a snapshot into a folder, by the bytes of its path.
    public func restore(
        _ snapshot: String, to target: LocalPath, options: RestoreOptions = RestoreOptions(), run: Run = Run()
    ) async throws -> RestoreReport {
        try await perform(run) { try $0.restore(snapshot: snapshot, target: target, options: options, run: $1) }
    }

    /// Hands a snapshot, or a folder or file of it, to a function as a tar stream.
    public func exportTar(
        _ snapshot: String, path: RawName = "", run: Run = Run(), to write: @escaping @Sendable (Data) throws -> Void
    ) async throws -> RestoreReport {
        let writer = Writer(write)
        return try await perform(run) { try $0.exportTar(snapshot: snapshot, path: path, writer: writer, run: $1) }
    }

    /// Writes a snapshot, or a folder or file of it, to a file or pipe as a tar stream.
    public func exportTar(
        _ snapshot: String, path: RawName = "", run: Run = Run(), to file: FileHandle
    ) async throws -> RestoreReport {
        try await exportTar(snapshot, path: path, run: run) { try file.write(contentsOf: $0) }
    }

    /// Opens a file of a snapshot for reading at any place.
    public func openFile(_ snapshot: String, _ path: RawName) async throws -> SnapshotFile {
        let (handle, run) = (handle, try Self.fresh())
        let file = try await operate(run) { try handle.openFile(snapshot: snapshot, path: path, run: run) }
        return SnapshotFile(file, run)
    }

    /// Copies snapshots to other repositories, each with its own keys. What one fails with is in the report.
    public func copy(
        to destinations: [Repository], options: CopyOptions = CopyOptions(), run: Run = Run()
    ) async throws -> CopyReport {
        let destinations = destinations.map(\.handle)
        return try await perform(run) { try $0.copyTo(destinations: destinations, options: options, run: $1) }
    }

    // MARK: Looking

    /// The snapshots that `filter` accepts, oldest first. One that cannot be read is listed as such, and hides no other.
    public func snapshots(_ filter: SnapshotFilter = SnapshotFilter()) async throws -> SnapshotListing {
        try await perform { try $0.snapshots(filter: filter, run: $1) }
    }

    /// One snapshot by what a person would type: `latest`, or the first digits of its id.
    public func snapshot(
        _ spec: String = "latest", filter: SnapshotFilter = SnapshotFilter()
    ) async throws -> Snapshot {
        try await perform { try $0.snapshot(spec: spec, filter: filter, run: $1) }
    }

    /// The entry at a path of a snapshot.
    public func entry(_ snapshot: String, _ path: RawName) async throws -> Entry {
        try await perform { try $0.entry(snapshot: snapshot, path: path, run: $1) }
    }

    /// What is in a folder of a snapshot, directly or at any depth. The listing fails with what cannot be read, unless
    /// `onUnreadable` takes it: then it goes on behind that.
    public func list(
        _ snapshot: String, _ folder: RawName = "", isRecursive: Bool = false,
        onUnreadable: (@Sendable (StrongroomError) -> Void)? = nil
    ) -> Listing<Entry> {
        entries(onUnreadable) { [handle] in
            try handle.list(snapshot: snapshot, folder: folder, recursive: isRecursive, run: $0)
        }
    }

    /// The entries of a snapshot whose paths match a glob. `*` and `?` match within a name, `**` across folders. Without a `/`
    /// it is compared with names, with one with whole paths.
    public func find(
        _ snapshot: String, _ glob: String, ignoringCase: Bool = false,
        onUnreadable: (@Sendable (StrongroomError) -> Void)? = nil
    ) -> Listing<Entry> {
        entries(onUnreadable) { [handle] in
            try handle.find(snapshot: snapshot, glob: glob, anyCase: ignoringCase, run: $0)
        }
    }

    private func entries(
        _ onUnreadable: (@Sendable (StrongroomError) -> Void)?,
        _ begin: @escaping @Sendable (RunHandle) throws -> EntriesHandle
    ) -> Listing<Entry> {
        Listing(
            begin: { run in
                let entries = try begin(run)
                return .init(next: { try entries.nextBatch(atMost: $0) }, end: { entries.shutdown() })
            }, onUnreadable: onUnreadable)
    }

    /// The paths on which two snapshots differ, in ascending order. `run` bounds the work and ends it.
    public func diff(_ before: String, _ after: String, run: Run = Run()) -> Listing<Difference> {
        Listing(
            run: run,
            begin: { [handle] run in
                let differences = try handle.diff(before: before, after: after, run: run)
                return .init(next: { try differences.nextBatch(atMost: $0) }, end: { differences.shutdown() })
            }, onUnreadable: nil)
    }

    /// How much the repository holds.
    public func stats(run: Run = Run()) async throws -> RepositoryStats {
        try await perform(run) { try $0.stats(run: $1) }
    }

    /// Who is at work, and who was and has not been cleaned up after.
    public func sessions() async throws -> [SessionInfo] {
        try await perform { try $0.sessions(run: $1) }
    }

    // MARK: Marks

    /// Adds and removes tags of a snapshot; returns those it has then.
    @discardableResult
    public func tag(_ snapshot: String, add: [String] = [], remove: [String] = []) async throws -> [String] {
        try await perform { try $0.tag(snapshot: snapshot, add: add, remove: remove, run: $1) }
    }

    /// Holds a snapshot until a time: before that it is not forgotten. Returns the hold that is in force then.
    @discardableResult
    public func hold(_ snapshot: String, until: Timestamp) async throws -> Timestamp {
        try await perform { try $0.hold(snapshot: snapshot, until: until, run: $1) }
    }

    /// Ends the hold of a snapshot.
    public func release(_ snapshot: String) async throws {
        try await perform { try $0.releaseHold(snapshot: snapshot, run: $1) }
    }
}
