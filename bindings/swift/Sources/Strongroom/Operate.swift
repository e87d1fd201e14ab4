import Foundation

/// Where blocking work runs: not on the threads of Swift's own pool, which must never wait.
private let workers = DispatchQueue(label: "strongroom", attributes: .concurrent)

/// Runs `work`, which blocks. When the task is cancelled, the run is told, and the work has ended before this returns.
func operate<T: Sendable>(_ run: RunHandle, _ work: @escaping @Sendable () throws -> T) async throws -> T {
    let result: Result<T, any Error> = await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
            workers.async { continuation.resume(returning: Result(catching: work)) }
        }
    } onCancel: {
        run.cancel()
    }
    do {
        return try result.get()
    } catch {
        let error = translated(error)
        if Task.isCancelled, case StrongroomError.cancelled = error { throw CancellationError() }
        throw error
    }
}

/// Calls what does not block.
func call<T>(_ work: () throws -> T) throws -> T {
    do {
        return try work()
    } catch {
        throw translated(error)
    }
}

private func translated(_ error: any Error) -> any Error {
    guard case NativeError.Failed(let failure) = error else {
        if error is StrongroomError || error is CancellationError { return error }
        return StrongroomError(.internal, String(describing: error))
    }
    // What the app threw comes back as it was, unless the error says more than that.
    if let thrown = failure.details.cause, failure.kind == .callback { return thrown }
    return failure
}

/// Keeps what a function of the app threw while an error leads to it.
final class Thrown: ForeignThrown {
    let error: any Error

    init(_ error: any Error) {
        self.error = error
    }

    func describe() -> String {
        String(describing: error)
    }
}

/// Calls a function of the app on behalf of the library.
func foreign<T>(_ work: () throws -> T) throws -> T {
    do {
        return try work()
    } catch {
        let known = error as? StrongroomError
        throw ForeignError.Failed(
            kind: kind(of: error), text: known?.details.message ?? String(describing: error),
            retryAfter: known?.details.retryAfter, thrown: Thrown(error))
    }
}

private func kind(of error: any Error) -> ErrorKind {
    switch error {
    case let error as StrongroomError: return error.kind
    case is CancellationError: return .cancelled
    case let error as CocoaError:
        switch error.code {
        case .fileNoSuchFile, .fileReadNoSuchFile: return .notFound
        case .fileWriteFileExists: return .alreadyExists
        case .fileReadNoPermission, .fileWriteNoPermission: return .permissionDenied
        default: return .io
        }
    case let error as POSIXError:
        switch error.code {
        case .ENOENT: return .notFound
        case .EEXIST: return .alreadyExists
        case .EACCES, .EPERM: return .permissionDenied
        default: return .io
        }
    default: return .callback
    }
}

/// Waits on a thread of the library for what the app does asynchronously.
func wait<T: Sendable>(_ work: @escaping @Sendable () async throws -> T) throws -> T {
    let (answer, done) = (Guarded<Result<T, any Error>?>(nil), DispatchSemaphore(value: 0))
    Task.detached {
        let result: Result<T, any Error>
        do {
            result = .success(try await work())
        } catch {
            result = .failure(error)
        }
        answer.with { $0 = result }
        done.signal()
    }
    done.wait()
    return try answer.with { $0! }.get()
}

/// A value that threads take turns at.
final class Guarded<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value

    init(_ value: Value) {
        self.value = value
    }

    func with<T>(_ work: (inout Value) throws -> T) rethrows -> T {
        lock.lock()
        defer { lock.unlock() }
        return try work(&value)
    }
}
