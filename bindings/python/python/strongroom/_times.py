"""Times as Python has them and as the library counts them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)
_FIRST = datetime.min.replace(tzinfo=UTC)


def utc(nanoseconds: int) -> datetime:
    """A time in UTC; what a `datetime` cannot hold becomes the nearest that it can."""
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return _LAST if nanoseconds > 0 else _FIRST


def nanoseconds(time: datetime) -> int:
    """Nanoseconds since 1970. A time without a time zone is local time, as everywhere in Python."""
    since = (time if time.tzinfo is not None else time.astimezone()) - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


def split(time: datetime | int) -> tuple[int, int]:
    """Whole seconds since 1970, and the nanoseconds after them."""
    if isinstance(time, datetime):
        time = nanoseconds(time)
    elif not isinstance(time, int):
        raise TypeError(f"a datetime or nanoseconds since 1970 as int are wanted, not {type(time).__name__}")
    return divmod(time, 1_000_000_000)


def seconds(span: timedelta | float) -> float:
    """A length of time in seconds."""
    return span.total_seconds() if isinstance(span, timedelta) else float(span)


def whole_seconds(span: timedelta | float) -> int:
    """A length of time in whole seconds, which may be negative."""
    return round(seconds(span))
