import Foundation

/// A file of a snapshot, read at any place. Every byte is verified.
public final class SnapshotFile: Sendable {
    private let handle: SnapshotFileHandle
    private let run: RunHandle
    /// The entry that is read.
    public let entry: Entry

    init(_ handle: SnapshotFileHandle, _ run: RunHandle) {
        self.handle = handle
        self.run = run
        entry = handle.entry()
    }

    deinit {
        handle.shutdown()
    }

    /// Length of the file.
    public var size: Int64 { entry.size }

    /// The bytes from `offset` on, at most `length` and as far as the file goes.
    public func read(offset: Int64 = 0, length: Int64 = .max) async throws -> Data {
        let handle = handle
        return try await operate(run) { try handle.readRange(offset: offset, length: length) }
    }

    /// The content in pieces.
    public func pieces(of pieceSize: Int64 = 1 << 20) -> AsyncThrowingStream<Data, any Error> {
        let at = Guarded<Int64>(0)
        return AsyncThrowingStream { [self] in
            let offset = at.with { $0 }
            let piece = try await read(offset: offset, length: Swift.max(pieceSize, 1))
            at.with { $0 += Int64(piece.count) }
            return piece.isEmpty ? nil : piece
        }
    }

    /// Ends the reading; what is called after that fails with ``StrongroomError/closed(_:)``. Closing twice is harmless.
    public func close() {
        handle.shutdown()
    }
}
