import Foundation

/// Storage that an app implements: a table, a service it uploads to. Objects are created once, each under a name never used
/// before, and never changed. All functions may be called from several threads at once.
///
/// Names are `config`, or a folder, `/` and a file name of lower-case letters, digits, `-` and `.`.
public protocol Storage: Sendable {
    /// Stores `data` under `name`, durably and all or nothing; ``StrongroomError/alreadyExists(_:)`` when the name is taken.
    func put(_ name: String, _ data: Data) async throws
    /// Exactly `length` bytes from `offset` on; ``StrongroomError/notFound(_:)`` when there is no such object,
    /// ``StrongroomError/corrupt(_:)`` when it ends before.
    func read(_ name: String, offset: Int64, length: Int64) async throws -> Data
    /// Length and storage time of an object; ``StrongroomError/notFound(_:)`` when there is none.
    func stat(_ name: String) async throws -> StoredObject
    /// The objects of a folder, in any order; those of the root, where `config` is, for an empty name.
    func list(_ folder: String) async throws -> [StoredObject]
    /// Removes an object. Removing one that does not exist succeeds.
    func delete(_ name: String) async throws
    /// For messages: where this is, without any secret.
    var location: String { get }
    /// For how long after a call has returned listings elsewhere may not show what it did.
    var settling: Duration { get }
}

extension Storage {
    public var settling: Duration { .zero }
}

/// Where a repository lives.
public final class Backend: Sendable, CustomStringConvertible {
    let handle: BackendHandle

    private init(_ handle: BackendHandle) {
        self.handle = handle
    }

    /// A folder. `sync` waits until everything is on the device before an object counts as stored.
    public static func local(_ folder: URL, sync: Bool = true) throws -> Backend {
        try local(LocalPath(folder), sync: sync)
    }

    /// A folder, by the bytes of its path.
    public static func local(_ folder: LocalPath, sync: Bool = true) throws -> Backend {
        Backend(try call { try BackendHandle.local(path: folder, sync: sync) })
    }

    /// The memory of this process, for tests.
    public static func memory() -> Backend {
        Backend(BackendHandle.memory())
    }

    /// Storage of the app's own.
    public static func of(_ storage: any Storage) -> Backend {
        Backend(BackendHandle.foreign(storage: Adapter(storage)))
    }

    /// The same storage, whose calls are tried again when they fail for a reason that passes, such as
    /// ``StrongroomError/unavailable(_:)``. Cancelling `run` ends a wait.
    public func retrying(_ options: RetryOptions = RetryOptions(), run: Run? = nil) throws -> Backend {
        Backend(try call { try handle.retrying(options: options, run: try run?.handle) })
    }

    /// Where it is, for messages.
    public var location: String { handle.location() }

    public var description: String { "Backend(\(location))" }

    private final class Adapter: ForeignStorage {
        let storage: any Storage

        init(_ storage: any Storage) {
            self.storage = storage
        }

        func put(name: String, data: Data) throws {
            try foreign { [storage] in try wait { try await storage.put(name, data) } }
        }

        func read(name: String, offset: Int64, length: Int64) throws -> Data {
            try foreign { [storage] in
                try wait { try await storage.read(name, offset: offset, length: length) }
            }
        }

        func stat(name: String) throws -> StoredObject {
            try foreign { [storage] in try wait { try await storage.stat(name) } }
        }

        func list(folder: String) throws -> [StoredObject] {
            try foreign { [storage] in try wait { try await storage.list(folder) } }
        }

        func delete(name: String) throws {
            try foreign { [storage] in try wait { try await storage.delete(name) } }
        }

        func location() -> String { storage.location }

        func settling() -> Duration { storage.settling }
    }
}
