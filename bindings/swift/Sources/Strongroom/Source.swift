import Foundation

/// What to back up. Files and bytes can be backed up again; streams and entries are used up by one backup.
public final class Source: Sendable {
    private let names: [RawName]?
    private let make: @Sendable ([RawName]?) throws -> SourceHandle
    private let once: Guarded<SourceHandle?>?

    private init(
        _ names: [RawName]?, once: Guarded<SourceHandle?>?,
        _ make: @escaping @Sendable ([RawName]?) throws -> SourceHandle
    ) {
        self.names = names
        self.once = once
        self.make = make
    }

    private convenience init(
        isReusable: Bool, _ make: @escaping @Sendable ([RawName]?) throws -> SourceHandle
    ) {
        self.init(nil, once: isReusable ? nil : Guarded(nil), make)
    }

    func handle() throws -> SourceHandle {
        guard let once else { return try call { try make(names) } }
        return try once.with { made in
            let handle = try made ?? call { try make(names) }
            made = handle
            return handle
        }
    }

    /// Sets the paths, or any names, by which snapshots of the same thing are known to belong together.
    public func known(as names: [RawName]) -> Source {
        Source(names, once: once, make)
    }

    /// Files and folders. A single folder stands at the snapshot's root.
    public static func files(_ paths: URL...) -> Source {
        files(FilesOptions(paths: paths.map { LocalPath($0) }))
    }

    /// Files and folders, with exclusions.
    public static func files(_ options: FilesOptions) -> Source {
        Source(isReusable: true) { try SourceHandle.files(options: options, knownAs: $0) }
    }

    /// One file with these bytes.
    public static func bytes(_ path: RawName, _ bytes: Data, options: StreamOptions = StreamOptions()) -> Source {
        Source(isReusable: true) {
            try SourceHandle.bytes(path: path, bytes: bytes, options: options, knownAs: $0)
        }
    }

    /// One file with what a file handle gives: a pipe, a socket, a file.
    public static func stream(_ path: RawName, _ file: FileHandle, options: StreamOptions = StreamOptions()) -> Source {
        let reader = Reader { most in try file.read(upToCount: most) ?? Data() }
        return Source(isReusable: false) {
            try SourceHandle.reader(path: path, reader: reader, options: options, knownAs: $0)
        }
    }

    /// One file with the pieces that a sequence gives. When the sequence fails, so does the backup.
    public static func stream<Pieces: AsyncSequence & Sendable>(
        _ path: RawName, _ pieces: Pieces, options: StreamOptions = StreamOptions()
    ) -> Source where Pieces.Element == Data {
        let reader = Reader(Pull(pieces))
        return Source(isReusable: false) {
            try SourceHandle.reader(path: path, reader: reader, options: options, knownAs: $0)
        }
    }

    /// What a tar stream holds.
    public static func tar(_ file: FileHandle) -> Source {
        let reader = Reader { most in try file.read(upToCount: most) ?? Data() }
        return Source(isReusable: false) { SourceHandle.tar(reader: reader, knownAs: $0) }
    }

    /// What a tar stream in pieces holds.
    public static func tar<Pieces: AsyncSequence & Sendable>(_ pieces: Pieces) -> Source where Pieces.Element == Data {
        let reader = Reader(Pull(pieces))
        return Source(isReusable: false) { SourceHandle.tar(reader: reader, knownAs: $0) }
    }

    /// The app's own entries. `isSorted` promises ascending order of their paths, each once. When getting an entry fails, so
    /// does the backup; a failure of the file system while one's content is read is a problem of that entry alone.
    public static func entries<Entries: AsyncSequence & Sendable>(_ entries: Entries, isSorted: Bool = false) -> Source
    where Entries.Element == SourceEntry {
        let pull = Pull(entries)
        let adapter = EntriesAdapter { try pull.next() }
        return Source(isReusable: false) {
            SourceHandle.entries(entries: adapter, sorted: isSorted, knownAs: $0)
        }
    }

    /// The app's own entries, as above.
    public static func entries<Entries: Sequence & Sendable>(_ entries: Entries, isSorted: Bool = false) -> Source
    where Entries.Element == SourceEntry {
        let iterator = Guarded(entries.makeIterator())
        let adapter = EntriesAdapter { iterator.with { $0.next() } }
        return Source(isReusable: false) {
            SourceHandle.entries(entries: adapter, sorted: isSorted, knownAs: $0)
        }
    }

    private final class EntriesAdapter: ForeignEntries {
        let next: @Sendable () throws -> SourceEntry?

        init(_ next: @escaping @Sendable () throws -> SourceEntry?) {
            self.next = next
        }

        func nextEntry() throws -> ForeignEntry? {
            try foreign { try next()?.foreignEntry() }
        }
    }
}

/// An asynchronous sequence that a thread of the library pulls. Only one pulls at a time.
final class Pull<Elements: AsyncSequence & Sendable>: @unchecked Sendable where Elements.Element: Sendable {
    private var iterator: Elements.AsyncIterator

    init(_ elements: Elements) {
        iterator = elements.makeAsyncIterator()
    }

    func next() throws -> Elements.Element? {
        try wait { try await self.advance() }
    }

    private func advance() async throws -> Elements.Element? {
        var taken = iterator
        defer { iterator = taken }
        return try await taken.next()
    }
}

/// Gives the library what a function gives.
final class Reader: ForeignReader {
    private let give: @Sendable (Int) throws -> Data

    init(_ give: @escaping @Sendable (Int) throws -> Data) {
        self.give = give
    }

    /// Pieces of any length, handed on as they are wanted.
    convenience init<Pieces: AsyncSequence & Sendable>(_ pull: Pull<Pieces>) where Pieces.Element == Data {
        let rest = Guarded(Data())
        self.init { most in
            try rest.with { rest in
                while rest.isEmpty {
                    guard let piece = try pull.next() else { return Data() }
                    rest = piece
                }
                let given = Data(rest.prefix(most))
                rest = rest.dropFirst(given.count)
                return given
            }
        }
    }

    func read(most: Int32) throws -> Data {
        try foreign { try give(Int(most)) }
    }

    func finish() {}
}

/// An entry that an app gives. What is left out is left to the library.
public struct SourceEntry: Sendable {
    private let path: RawName
    private let kind: EntryKind
    private var bytes: Data?
    private var open: (@Sendable () throws -> @Sendable (Int) throws -> Data)?
    private var size: Int64?
    private var target: RawName?
    private var hardLinkTo: RawName?
    private var device: (major: Int64, minor: Int64) = (0, 0)
    private var problem: ForeignProblem?
    /// What is known of it beside its content.
    public var metadata = EntryMetadata()

    private init(_ path: RawName, _ kind: EntryKind) {
        self.path = path
        self.kind = kind
    }

    /// A file with these bytes.
    public static func file(_ path: RawName, _ bytes: Data, metadata: EntryMetadata = EntryMetadata()) -> SourceEntry {
        var entry = SourceEntry(path, .file)
        entry.bytes = bytes
        entry.metadata = metadata
        return entry
    }

    /// A file with what a function gives: at most so many bytes a call, none at the end. `open`, which makes that function, is
    /// called when the content is wanted. `size` is the length, if known.
    public static func file(
        _ path: RawName, size: Int64? = nil, metadata: EntryMetadata = EntryMetadata(),
        open: @escaping @Sendable () throws -> @Sendable (Int) throws -> Data
    ) -> SourceEntry {
        var entry = SourceEntry(path, .file)
        entry.open = open
        entry.size = size
        entry.metadata = metadata
        return entry
    }

    /// A folder.
    public static func directory(_ path: RawName, metadata: EntryMetadata = EntryMetadata()) -> SourceEntry {
        var entry = SourceEntry(path, .directory)
        entry.metadata = metadata
        return entry
    }

    /// A symbolic link.
    public static func symlink(
        _ path: RawName, to target: RawName, metadata: EntryMetadata = EntryMetadata()
    ) -> SourceEntry {
        var entry = SourceEntry(path, .symlink)
        entry.target = target
        entry.metadata = metadata
        return entry
    }

    /// One more name of the file that another entry stands for.
    public static func hardLink(_ path: RawName, to other: RawName) -> SourceEntry {
        var entry = SourceEntry(path, .file)
        entry.hardLinkTo = other
        return entry
    }

    /// A pipe, socket or device.
    public static func special(
        _ path: RawName, _ kind: EntryKind, major: Int64 = 0, minor: Int64 = 0, metadata: EntryMetadata = EntryMetadata()
    ) -> SourceEntry {
        var entry = SourceEntry(path, kind)
        entry.device = (major, minor)
        entry.metadata = metadata
        return entry
    }

    /// Something that belongs to the backup and cannot be read; the report names it.
    public static func problem(_ path: RawName, _ reason: ProblemReason, _ detail: String) -> SourceEntry {
        var entry = SourceEntry(path, .file)
        entry.problem = ForeignProblem(reason: reason, detail: detail)
        return entry
    }

    func foreignEntry() -> ForeignEntry {
        var reader: Reader?
        if let open {
            let opened = Guarded<(@Sendable (Int) throws -> Data)?>(nil)
            reader = Reader { most in
                let give = try opened.with { given in
                    let give = try given ?? open()
                    given = give
                    return give
                }
                return try give(most)
            }
        }
        return ForeignEntry(
            path: path, kind: kind, bytes: bytes, reader: reader, size: size, target: target, hardLinkTo: hardLinkTo,
            deviceMajor: device.major, deviceMinor: device.minor, mode: metadata.mode, uid: metadata.uid,
            gid: metadata.gid, modified: metadata.modified, changed: metadata.changed, xattrs: metadata.xattrs,
            problem: problem)
    }
}

/// What is known of an entry beside its content.
public struct EntryMetadata: Sendable {
    /// Permission bits.
    public var mode: Int32?
    /// User id; counts together with the group id.
    public var uid: Int64?
    /// Group id; counts together with the user id.
    public var gid: Int64?
    /// Last change of content.
    public var modified: Timestamp?
    /// Last change of anything. With it and a size, a later backup sees without reading that a file is unchanged.
    public var changed: Timestamp?
    /// Extended attributes.
    public var xattrs: [Xattr]

    public init(
        mode: Int32? = nil, uid: Int64? = nil, gid: Int64? = nil, modified: Timestamp? = nil, changed: Timestamp? = nil,
        xattrs: [Xattr] = []
    ) {
        self.mode = mode
        self.uid = uid
        self.gid = gid
        self.modified = modified
        self.changed = changed
        self.xattrs = xattrs
    }
}
