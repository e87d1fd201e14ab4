"""What operations are told beyond plain arguments. The defaults are the engine's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from os import PathLike
from typing import ClassVar, Literal, TypeAlias

from strongroom._enums import PeriodKind

# Bytes too: names in a snapshot may be any bytes.
AnyPath: TypeAlias = str | bytes | PathLike[str] | PathLike[bytes]
AnyTime: TypeAlias = datetime | int
AnySpan: TypeAlias = timedelta | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Bounds on what an operation may use.

    Attributes:
        threads: Threads at work.
        memory: Bytes of memory for buffers, index and caches together; under 32 MiB counts as 32 MiB.
        upload_rate: Bytes a second sent to storage, averaged.
        download_rate: Bytes a second read from storage, averaged.
        deadline: After which time the work is suspended durably, in seconds or as a `timedelta`. The same call goes on
            from there later.
        small: Takes the small bounds meant for phones where nothing else is said.
    """

    threads: int | None = None
    memory: int | None = None
    upload_rate: int | None = None
    download_rate: int | None = None
    deadline: AnySpan | None = None
    small: bool = False


@dataclass(frozen=True, slots=True)
class Cost:
    """What one try at a passphrase costs, by the parameters of Argon2id.

    Attributes:
        memory_kib: KiB of memory.
        passes: Passes over it.
        lanes: Lanes.
    """

    memory_kib: int
    passes: int
    lanes: int

    DEFAULT: ClassVar[Cost]
    FLOOR: ClassVar[Cost]
    CEILING: ClassVar[Cost]


Cost.DEFAULT = Cost(64 * 1024, 3, 4)
Cost.FLOOR = Cost(19 * 1024, 2, 1)
Cost.CEILING = Cost(1024 * 1024, 32, 16)


@dataclass(frozen=True, slots=True)
class ChunkSizes:
    """Bounds on chunk lengths in bytes; all even.

    Attributes:
        min: No chunk but a file's last is shorter.
        average: What chunk lengths cluster around.
        max: No chunk is longer.
    """

    min: int
    average: int
    max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotFilter:
    """Chooses among snapshots. Every condition that is set must hold.

    Attributes:
        host: Only those made on this host.
        paths: Only those for which all of these paths were given.
        tags: Only those with all of these tags.
        after: Only those made at this time or later, by the clock of the device that made them.
        before: Only those made earlier than this time.
        lineage: Only those of one lineage.
    """

    host: str | None = None
    paths: Iterable[AnyPath] = ()
    tags: Iterable[str] = ()
    after: AnyTime | None = None
    before: AnyTime | None = None
    lineage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """Which snapshots are kept. The rules add up.

    `RetentionPolicy(daily=7, weekly=4, monthly=12)` keeps the newest snapshot of each of the last seven days, four
    weeks and twelve months in which there is one.

    Attributes:
        last: Keeps so many of the last ones.
        within: Keeps what was received within this time before now.
        hourly: Keeps one snapshot of each of so many hours.
        daily: Of each of so many days.
        weekly: Of each of so many weeks.
        monthly: Of each of so many months.
        yearly: Of each of so many years.
        within_periods: Keeps one snapshot of each period that was not over so long before now, such as
            `[(PeriodKind.DAY, timedelta(days=30))]`.
        tags: Keeps every snapshot with one of these tags.
        group_by: What snapshots have in common to which the rules are applied together; lineage and device when None.
        utc_offset: Where days begin: so far east of UTC.
        newest_may_go: Whether the newest snapshot of a group may go when no rule keeps it.
        clock_tolerance: By how much a device's clock may disagree with the storage's.
    """

    last: int = 0
    within: AnySpan | None = None
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within_periods: Sequence[tuple[PeriodKind, AnySpan]] = ()
    tags: Iterable[str] = ()
    group_by: Iterable[Literal["lineage", "device", "host", "paths"]] | None = None
    utc_offset: AnySpan = 0
    newest_may_go: bool = False
    clock_tolerance: AnySpan | None = None
