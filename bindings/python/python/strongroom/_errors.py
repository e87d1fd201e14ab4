"""Exceptions: one class for each kind of error, each also one of Python's own."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any

from strongroom._enums import ErrorKind

__all__ = [
    "AlreadyExistsError",
    "CallbackError",
    "CancelledError",
    "ClosedError",
    "ConflictError",
    "CorruptError",
    "Error",
    "ForbiddenError",
    "InternalError",
    "InvalidArgumentError",
    "IoError",
    "LimitExceededError",
    "NotFoundError",
    "PermissionDeniedError",
    "QuotaExceededError",
    "ReadOnlyError",
    "StorageFullError",
    "UnavailableError",
    "UnsupportedError",
    "UntrustedError",
    "WrongKeyError",
]


class Error(Exception):
    """What everything in this package raises.

    Storage of your own may raise the subclasses to say what kind of failure it was.

    Attributes:
        kind: What kind of failure it was, the same in every language.
        operation: What failed, as a verb phrase.
        object: The object, path or key it failed on, if one is known.
        detail: A sentence on what was wrong, if there is one.
        causes: What lies behind it, the nearest first.
        retry_after: After how many seconds the same call may succeed; None when something else has to change first.
    """

    kind: ErrorKind = ErrorKind.INTERNAL
    message: str
    operation: str | None
    object: str | None
    detail: str | None
    causes: tuple[str, ...]
    retry_after: float | None

    def __init__(
        self,
        message: str = "",
        *,
        operation: str | None = None,
        object: str | None = None,
        detail: str | None = None,
        causes: Sequence[str] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.operation = operation
        self.object = object
        self.detail = detail
        self.causes = tuple(causes)
        self.retry_after = retry_after
        if isinstance(self, OSError):
            system: OSError = self
            system.errno = _ERRNO.get(self.kind)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return (
            _again,
            (type(self), self.message, self.operation, self.object, self.detail, self.causes, self.retry_after),
        )


class IoError(Error, OSError):
    """Something the operating system or the storage reported that fits no other kind."""

    kind = ErrorKind.IO


class NotFoundError(Error, FileNotFoundError, KeyError):
    """The named object, path, snapshot or key does not exist."""

    kind = ErrorKind.NOT_FOUND


class AlreadyExistsError(Error, FileExistsError):
    """Something with that name exists already."""

    kind = ErrorKind.ALREADY_EXISTS


class PermissionDeniedError(Error, PermissionError):
    """The operating system or the storage refused access."""

    kind = ErrorKind.PERMISSION_DENIED


class CorruptError(Error, ValueError):
    """Stored bytes are damaged: they fail authentication, a checksum or a bound of the format."""

    kind = ErrorKind.CORRUPT


class UnsupportedError(Error, NotImplementedError):
    """Stored bytes were written by a version or with an algorithm this build does not know."""

    kind = ErrorKind.UNSUPPORTED


class WrongKeyError(Error, PermissionError):
    """The passphrase, recovery code or device key opens none of the key slots."""

    kind = ErrorKind.WRONG_KEY


class ForbiddenError(Error, PermissionError):
    """The key that was used does not carry the capability the operation needs."""

    kind = ErrorKind.FORBIDDEN


class UntrustedError(Error, ValueError):
    """A signature is missing, invalid, or by a device that is not on the owner's list."""

    kind = ErrorKind.UNTRUSTED


class InvalidArgumentError(Error, ValueError):
    """An argument or option makes no sense."""

    kind = ErrorKind.INVALID_ARGUMENT


class CancelledError(Error, InterruptedError):
    """The caller cancelled the operation."""

    kind = ErrorKind.CANCELLED


class StorageFullError(Error, OSError):
    """The storage or the target file system is full."""

    kind = ErrorKind.STORAGE_FULL


class QuotaExceededError(Error, OSError):
    """The account's quota does not allow it."""

    kind = ErrorKind.QUOTA_EXCEEDED


class UnavailableError(Error, TimeoutError, ConnectionError):
    """The storage cannot be reached at the moment, or took too long."""

    kind = ErrorKind.UNAVAILABLE


class LimitExceededError(Error, MemoryError):
    """The memory, size or count bound of the operation would be exceeded."""

    kind = ErrorKind.LIMIT_EXCEEDED


class ConflictError(Error, RuntimeError):
    """Somebody else changed the same thing first."""

    kind = ErrorKind.CONFLICT


class ReadOnlyError(Error, PermissionError):
    """The storage or target is read-only."""

    kind = ErrorKind.READ_ONLY


class InternalError(Error, RuntimeError):
    """A bug in this library; please report it."""

    kind = ErrorKind.INTERNAL


class ClosedError(Error, ValueError):
    """The handle was closed before."""

    kind = ErrorKind.CLOSED


class CallbackError(Error):
    """A function that the app handed in failed with an error of its own.

    What such a function raises is raised again as it was; this is for failures that come with no exception.
    """

    kind = ErrorKind.CALLBACK


_ERRNO = {
    ErrorKind.IO: errno.EIO,
    ErrorKind.NOT_FOUND: errno.ENOENT,
    ErrorKind.ALREADY_EXISTS: errno.EEXIST,
    ErrorKind.PERMISSION_DENIED: errno.EACCES,
    ErrorKind.WRONG_KEY: errno.EACCES,
    ErrorKind.FORBIDDEN: errno.EPERM,
    ErrorKind.CANCELLED: errno.EINTR,
    ErrorKind.STORAGE_FULL: errno.ENOSPC,
    ErrorKind.QUOTA_EXCEEDED: errno.EDQUOT,
    ErrorKind.UNAVAILABLE: errno.ETIMEDOUT,
    ErrorKind.READ_ONLY: errno.EROFS,
}

_CLASSES: dict[ErrorKind, type[Error]] = {
    made.kind: made
    for made in (
        IoError,
        NotFoundError,
        AlreadyExistsError,
        PermissionDeniedError,
        CorruptError,
        UnsupportedError,
        WrongKeyError,
        ForbiddenError,
        UntrustedError,
        InvalidArgumentError,
        CancelledError,
        StorageFullError,
        QuotaExceededError,
        UnavailableError,
        LimitExceededError,
        ConflictError,
        ReadOnlyError,
        InternalError,
        ClosedError,
        CallbackError,
    )
}


def _again(
    made: type[Error],
    message: str,
    operation: str | None,
    object: str | None,
    detail: str | None,
    causes: Sequence[str],
    retry_after: float | None,
) -> Error:
    return made(message, operation=operation, object=object, detail=detail, causes=causes, retry_after=retry_after)


def make(
    kind: str,
    message: str,
    operation: str,
    object: str | None,
    detail: str | None,
    causes: Sequence[str],
    retry_after_ms: int | None,
) -> Error:
    """The exception for an error of the library."""
    retry_after = None if retry_after_ms is None else retry_after_ms / 1000
    return _again(_CLASSES[ErrorKind(kind)], message, operation, object, detail, causes, retry_after)


# What Python's own exceptions mean, the first that fits.
_MEANINGS: tuple[tuple[type[BaseException], ErrorKind], ...] = (
    (FileNotFoundError, ErrorKind.NOT_FOUND),
    (FileExistsError, ErrorKind.ALREADY_EXISTS),
    (PermissionError, ErrorKind.PERMISSION_DENIED),
    (TimeoutError, ErrorKind.UNAVAILABLE),
    (ConnectionError, ErrorKind.UNAVAILABLE),
)

_NUMBERS = {
    errno.ENOSPC: ErrorKind.STORAGE_FULL,
    errno.EDQUOT: ErrorKind.QUOTA_EXCEEDED,
    errno.EROFS: ErrorKind.READ_ONLY,
}


def classify(raised: BaseException, by_storage: bool) -> tuple[str, int | None]:
    """Which kind of failure an app's function meant, and after how many milliseconds it may be called again."""
    if isinstance(raised, Error):
        retry_after_ms = None if raised.retry_after is None else max(0, round(raised.retry_after * 1000))
        return raised.kind.value, retry_after_ms
    # A dictionary's way to say that it has no such object.
    if by_storage and isinstance(raised, KeyError):
        return ErrorKind.NOT_FOUND.value, None
    if isinstance(raised, OSError):
        number = _NUMBERS.get(raised.errno) if raised.errno is not None else None
        if number is not None:
            return number.value, None
        for meant, kind in _MEANINGS:
            if isinstance(raised, meant):
                return kind.value, None
        return ErrorKind.IO.value, None
    return ErrorKind.CALLBACK.value, None
