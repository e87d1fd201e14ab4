import Foundation

/// How one operation runs, and what stops it. Cancelling the task that runs the operation does the same as ``cancel()``.
public final class Run: Sendable {
    private let made: Result<RunHandle, any Error>

    /// One operation within these bounds. `onProgress` hears how it goes on, on a thread of the library, some ten times a
    /// second at most; what it throws ends the operation, which then fails with just that.
    public init(_ budget: Budget = Budget(), onProgress: (@Sendable (Progress) throws -> Void)? = nil) {
        let listener = onProgress.map(Listener.init)
        made = Result { try call { try RunHandle(budget: budget, progress: listener) } }
    }

    var handle: RunHandle {
        get throws { try made.get() }
    }

    /// Stops it within a quarter of a second; it then fails with ``StrongroomError/cancelled(_:)``.
    public func cancel() {
        try? made.get().cancel()
    }

    /// Asks for a durable stop: what is done so far is kept, and the same call goes on from there.
    public func requestSuspend() {
        try? made.get().requestSuspend()
    }

    /// How it goes on, as last heard; nil before it has begun.
    public var progress: Progress? {
        (try? made.get())?.progress()
    }

    private final class Listener: ForeignProgress {
        let listen: @Sendable (Progress) throws -> Void

        init(_ listen: @escaping @Sendable (Progress) throws -> Void) {
            self.listen = listen
        }

        func progress(progress: Progress) throws {
            try foreign { try listen(progress) }
        }
    }
}

/// What a stream of an operation tells.
public enum Event<Value: Sendable>: Sendable {
    /// It goes on. What a consumer is too slow for is left out.
    case running(Progress)
    /// It is done. The last event.
    case done(Value)
}

/// Runs an operation and tells how it goes on: progress, and at the end its result. What it fails with, the stream fails with;
/// who stops consuming cancels it.
///
/// ```swift
/// for try await event in events({ run in try await repository.backup(source, run: run) }) { ... }
/// ```
public func events<Value: Sendable>(
    within budget: Budget = Budget(), _ operation: @escaping @Sendable (Run) async throws -> Value
) -> AsyncThrowingStream<Event<Value>, any Error> {
    AsyncThrowingStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
        let open = Guarded(true)
        let run = Run(budget) { progress in
            open.with { open in
                if open { continuation.yield(.running(progress)) }
            }
        }
        let task = Task {
            do {
                let value = try await operation(run)
                open.with { $0 = false }
                continuation.yield(.done(value))
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        continuation.onTermination = { _ in task.cancel() }
    }
}
