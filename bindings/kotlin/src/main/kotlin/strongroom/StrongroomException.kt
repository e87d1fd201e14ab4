// Made by `cargo xtask gen` of bindings/common; do not edit.
package strongroom

import java.io.IOException
import kotlin.time.Duration

/**
 * What every function here fails with, by the kinds of failure that are the same in every language. Storage that an app
 * implements throws these too; anything else it throws comes back to whoever called.
 */
public sealed class StrongroomException(internal val parts: FailureParts) : IOException(parts.text) {
    init {
        (parts.thrown as? Thrown)?.let { initCause(it.throwable) }
    }

    /** The kind of failure. */
    public val kind: ErrorKind
        get() = parts.kind

    /** The number of the kind, the same in every language. */
    public val code: Int
        get() = parts.kind.value.toInt()

    /** The operation that failed, as a verb phrase. */
    public val operation: String
        get() = parts.operation

    /** The object, path or key it failed on, if one is known. */
    public val subject: String?
        get() = parts.subject

    /** A sentence on what was wrong, if there is one. */
    public val detail: String?
        get() = parts.detail

    /** What lies behind it, the nearest first. */
    public val causes: List<String>
        get() = parts.causes

    /** After how long the same call may succeed; null when it will fail again until something else changes. */
    public val retryAfter: Duration?
        get() = parts.retryAfter

    /** Something the operating system or the storage reported that fits no other kind. */
    public class Io internal constructor(parts: FailureParts) : StrongroomException(parts) {
        public constructor(
            message: String,
            retryAfter: Duration? = null,
        ) : this(failureOf(ErrorKind.IO, message, retryAfter))
    }

    /** The named object, path, snapshot or key does not exist. */
    public class NotFound internal constructor(parts: FailureParts) : StrongroomException(parts) {
        public constructor(
            message: String,
            retryAfter: Duration? = null,
        ) : this(failureOf(ErrorKind.NOT_FOUND, message, retryAfter))
    }

    /** Something with that name exists already. */
    public class AlreadyExists internal constructor(parts: FailureParts) : StrongroomException(parts) {
        public constructor(
            message: String,
            retryAfter: Duration? = null,
        ) : this(failureOf(ErrorKind.ALREADY_EXISTS, message, retryAfter))
    }

    /** The operating system or the storage refused access. */
    public class PermissionDenied internal constructor(parts: FailureParts) : StrongroomException(parts) {
        public constructor(
            message: String,
            retryAfter: Duration? = null,
        ) : this(failureOf(ErrorKind.PERMISSION_DENIED, message, retryAfter))
    }

    /** Stored bytes are damaged: they fail authentication, a checksum or a bound of the format. */
    public class Corrupt internal constructor(parts: FailureParts) : StrongroomException(parts) {
        public constructor(
            message: String,
            retryAfter: Duration? = null,
        ) : this(failureOf(ErrorKind.CORRUPT, message, retryAfter))
    }

    /** Stored bytes were written by a version or with an algorithm this build does not know. */
    public class Unsupported internal constructor(parts: FailureParts) : StrongroomException(parts) {
        public constructor(
            message: String,
            retryAfter: Duration? = null,
        ) : this(failureOf(ErrorKind.UNSUPPORTED, message, retryAfter))
    }

    /** The passphrase, recovery code or device key opens none of the key slots. */
    public class WrongKey internal constructor(parts: FailureParts) : StrongroomException(parts) {
        public constructor(
            message: String,
            retryAfter: Duration? = null,
        ) : this(failureOf(ErrorKind.WRONG_KEY, message, retryAfter))
    }

    /** The key that was used does not carry the capability the operation needs. */
    public class Forbidden internal constructor(parts: FailureParts) : StrongroomException(parts) {
        public constructor(
            message: String,
            retryAfter: Duration? = null,
        ) : this(failureOf(ErrorKind.FORBIDDEN, message, retryAfter))
    }

    /** A signature is missing, invalid, or by a device that is not on the owner's list. */
    public class Untrusted internal constructor(parts: FailureParts) : StrongroomException(parts) {
        public constructor(
            message: String,
            retryAfter: Duration? = null,
        ) : this(failureOf(ErrorKind.UNTRUSTED, message, retryAfter))
    }

    /** An argument or option makes no sense. */
    public class InvalidArgument internal constructor(parts: FailureParts) : StrongroomException(parts) {
        public constructor(
            message: String,
            retryAfter: Duration? = null,
        ) : this(failureOf(ErrorKind.INVALID_ARGUMENT, message, retryAfter))
    }

    /** The caller cancelled the operation. */
    public class Cancelled internal constructor(parts: FailureParts) : StrongroomException(parts) {
        public constructor(
            message: String,
            retryAfter: Duration? = null,
        ) : this(failureOf(ErrorKind.CANCELLED, message, retryAfter))
    }

    /** The storage or the target file system is full. */
    public class StorageFull internal constructor(parts: FailureParts) : StrongroomException(parts) {
        public constructor(
            message: String,
            retryAfter: Duration? = null,
        ) : this(failureOf(ErrorKind.STORAGE_FULL, message, retryAfter))
    }

    /** The account's quota does not allow it. */
    public class QuotaExceeded internal constructor(parts: FailureParts) : StrongroomException(parts) {
        public constructor(
            message: String,
            retryAfter: Duration? = null,
        ) : this(failureOf(ErrorKind.QUOTA_EXCEEDED, message, retryAfter))
    }

    /** The storage cannot be reached at the moment, or took too long. */
    public class Unavailable internal constructor(parts: FailureParts) : StrongroomException(parts) {
        public constructor(
            message: String,
            retryAfter: Duration? = null,
        ) : this(failureOf(ErrorKind.UNAVAILABLE, message, retryAfter))
    }

    /** The memory, size or count bound of the operation would be exceeded. */
    public class LimitExceeded internal constructor(parts: FailureParts) : StrongroomException(parts) {
        public constructor(
            message: String,
            retryAfter: Duration? = null,
        ) : this(failureOf(ErrorKind.LIMIT_EXCEEDED, message, retryAfter))
    }

    /** Somebody else changed the same thing first. */
    public class Conflict internal constructor(parts: FailureParts) : StrongroomException(parts) {
        public constructor(
            message: String,
            retryAfter: Duration? = null,
        ) : this(failureOf(ErrorKind.CONFLICT, message, retryAfter))
    }

    /** The storage or target is read-only. */
    public class ReadOnly internal constructor(parts: FailureParts) : StrongroomException(parts) {
        public constructor(
            message: String,
            retryAfter: Duration? = null,
        ) : this(failureOf(ErrorKind.READ_ONLY, message, retryAfter))
    }

    /** A bug in this library; please report it. */
    public class Internal internal constructor(parts: FailureParts) : StrongroomException(parts) {
        public constructor(
            message: String,
            retryAfter: Duration? = null,
        ) : this(failureOf(ErrorKind.INTERNAL, message, retryAfter))
    }

    /** The handle was closed before. */
    public class Closed internal constructor(parts: FailureParts) : StrongroomException(parts) {
        public constructor(
            message: String,
            retryAfter: Duration? = null,
        ) : this(failureOf(ErrorKind.CLOSED, message, retryAfter))
    }

    /** A function that the app handed in failed with an error of its own. */
    public class Callback internal constructor(parts: FailureParts) : StrongroomException(parts) {
        public constructor(
            message: String,
            retryAfter: Duration? = null,
        ) : this(failureOf(ErrorKind.CALLBACK, message, retryAfter))
    }
}

internal fun failureOf(kind: ErrorKind, message: String, retryAfter: Duration?) =
    FailureParts(kind, "call the app", null, message, message, emptyList(), retryAfter, null)

internal fun exceptionOf(parts: FailureParts): StrongroomException =
    when (parts.kind) {
        ErrorKind.IO -> StrongroomException.Io(parts)
        ErrorKind.NOT_FOUND -> StrongroomException.NotFound(parts)
        ErrorKind.ALREADY_EXISTS -> StrongroomException.AlreadyExists(parts)
        ErrorKind.PERMISSION_DENIED -> StrongroomException.PermissionDenied(parts)
        ErrorKind.CORRUPT -> StrongroomException.Corrupt(parts)
        ErrorKind.UNSUPPORTED -> StrongroomException.Unsupported(parts)
        ErrorKind.WRONG_KEY -> StrongroomException.WrongKey(parts)
        ErrorKind.FORBIDDEN -> StrongroomException.Forbidden(parts)
        ErrorKind.UNTRUSTED -> StrongroomException.Untrusted(parts)
        ErrorKind.INVALID_ARGUMENT -> StrongroomException.InvalidArgument(parts)
        ErrorKind.CANCELLED -> StrongroomException.Cancelled(parts)
        ErrorKind.STORAGE_FULL -> StrongroomException.StorageFull(parts)
        ErrorKind.QUOTA_EXCEEDED -> StrongroomException.QuotaExceeded(parts)
        ErrorKind.UNAVAILABLE -> StrongroomException.Unavailable(parts)
        ErrorKind.LIMIT_EXCEEDED -> StrongroomException.LimitExceeded(parts)
        ErrorKind.CONFLICT -> StrongroomException.Conflict(parts)
        ErrorKind.READ_ONLY -> StrongroomException.ReadOnly(parts)
        ErrorKind.INTERNAL -> StrongroomException.Internal(parts)
        ErrorKind.CLOSED -> StrongroomException.Closed(parts)
        ErrorKind.CALLBACK -> StrongroomException.Callback(parts)
    }
