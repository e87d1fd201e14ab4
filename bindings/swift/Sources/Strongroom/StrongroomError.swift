// Made by `cargo xtask gen` of bindings/common; do not edit.
import Foundation

/// What every function here fails with, by the kinds of failure that are the same in every language. Storage that an app
/// implements throws these too; anything else it throws comes back to whoever called.
public enum StrongroomError: Error, Sendable {
    /// Something the operating system or the storage reported that fits no other kind.
    case io(Details)
    /// The named object, path, snapshot or key does not exist.
    case notFound(Details)
    /// Something with that name exists already.
    case alreadyExists(Details)
    /// The operating system or the storage refused access.
    case permissionDenied(Details)
    /// Stored bytes are damaged: they fail authentication, a checksum or a bound of the format.
    case corrupt(Details)
    /// Stored bytes were written by a version or with an algorithm this build does not know.
    case unsupported(Details)
    /// The passphrase, recovery code or device key opens none of the key slots.
    case wrongKey(Details)
    /// The key that was used does not carry the capability the operation needs.
    case forbidden(Details)
    /// A signature is missing, invalid, or by a device that is not on the owner's list.
    case untrusted(Details)
    /// An argument or option makes no sense.
    case invalidArgument(Details)
    /// The caller cancelled the operation.
    case cancelled(Details)
    /// The storage or the target file system is full.
    case storageFull(Details)
    /// The account's quota does not allow it.
    case quotaExceeded(Details)
    /// The storage cannot be reached at the moment, or took too long.
    case unavailable(Details)
    /// The memory, size or count bound of the operation would be exceeded.
    case limitExceeded(Details)
    /// Somebody else changed the same thing first.
    case conflict(Details)
    /// The storage or target is read-only.
    case readOnly(Details)
    /// A bug in this library; please report it.
    case `internal`(Details)
    /// The handle was closed before.
    case closed(Details)
    /// A function that the app handed in failed with an error of its own.
    case callback(Details)

    /// A failure of this kind, for an app's own storage to throw.
    public init(_ kind: ErrorKind, _ message: String, retryAfter: Duration? = nil) {
        self.init(
            FailureParts(
                kind: kind, operation: "call the app", subject: nil, detail: message, text: message, causes: [],
                retryAfter: retryAfter, thrown: nil))
    }

    init(_ parts: FailureParts) {
        let details = Details(parts: parts)
        switch parts.kind {
        case .io: self = .io(details)
        case .notFound: self = .notFound(details)
        case .alreadyExists: self = .alreadyExists(details)
        case .permissionDenied: self = .permissionDenied(details)
        case .corrupt: self = .corrupt(details)
        case .unsupported: self = .unsupported(details)
        case .wrongKey: self = .wrongKey(details)
        case .forbidden: self = .forbidden(details)
        case .untrusted: self = .untrusted(details)
        case .invalidArgument: self = .invalidArgument(details)
        case .cancelled: self = .cancelled(details)
        case .storageFull: self = .storageFull(details)
        case .quotaExceeded: self = .quotaExceeded(details)
        case .unavailable: self = .unavailable(details)
        case .limitExceeded: self = .limitExceeded(details)
        case .conflict: self = .conflict(details)
        case .readOnly: self = .readOnly(details)
        case .internal: self = .internal(details)
        case .closed: self = .closed(details)
        case .callback: self = .callback(details)
        }
    }

    /// What went wrong.
    public var details: Details {
        switch self {
        case .io(let details): return details
        case .notFound(let details): return details
        case .alreadyExists(let details): return details
        case .permissionDenied(let details): return details
        case .corrupt(let details): return details
        case .unsupported(let details): return details
        case .wrongKey(let details): return details
        case .forbidden(let details): return details
        case .untrusted(let details): return details
        case .invalidArgument(let details): return details
        case .cancelled(let details): return details
        case .storageFull(let details): return details
        case .quotaExceeded(let details): return details
        case .unavailable(let details): return details
        case .limitExceeded(let details): return details
        case .conflict(let details): return details
        case .readOnly(let details): return details
        case .internal(let details): return details
        case .closed(let details): return details
        case .callback(let details): return details
        }
    }

    /// The kind of failure.
    public var kind: ErrorKind { details.parts.kind }

    /// The number of the kind, the same in every language.
    public var code: UInt32 { kind.rawValue }

    /// What went wrong, complete enough to tell a person and to act on.
    public struct Details: Sendable {
        let parts: FailureParts

        /// All of it in one line, for people.
        public var message: String { parts.text }
        /// The operation that failed, as a verb phrase.
        public var operation: String { parts.operation }
        /// The object, path or key it failed on, if one is known.
        public var subject: String? { parts.subject }
        /// A sentence on what was wrong, if there is one.
        public var detail: String? { parts.detail }
        /// What lies behind it, the nearest first.
        public var causes: [String] { parts.causes }
        /// After how long the same call may succeed; nil when it will fail again until something else changes.
        public var retryAfter: Duration? { parts.retryAfter }
        /// What a function of the app threw, if that lies behind it.
        public var cause: (any Error)? { (parts.thrown as? Thrown)?.error }
    }
}

extension StrongroomError: LocalizedError, CustomStringConvertible {
    public var errorDescription: String? { details.message }
    public var description: String { details.message }
}
