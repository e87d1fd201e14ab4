"""Keys, devices and sessions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from strongroom._enums import Role, SlotMethod
from strongroom._records.notes import Rejected
from strongroom._times import utc


@dataclass(frozen=True, slots=True)
class SlotInfo:
    """A key that opens the repository.

    Attributes:
        id: Its id.
        role: What its holder may do.
        epoch: The newest epoch that it opens.
        method: What opens it.
        label: What it is called; may be empty.
        created_ns: When it was made, by its maker's clock, in nanoseconds since 1970.
        device: The device that its holder is listed as; none for owners, unless they have a device of their
            own.
        current: Whether the repository was opened with it.
    """

    id: str
    role: Role
    epoch: int
    method: SlotMethod
    label: str
    created_ns: int
    device: str | None
    current: bool

    @property
    def created(self) -> datetime:
        """`created_ns` as a time in UTC."""
        return utc(self.created_ns)


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A device as it is listed.

    Attributes:
        id: Its id, derived from its public keys.
        name: Its name for people.
        role: What it may do.
        added_ns: When it was added, by the owner's clock, in nanoseconds since 1970.
        revoked_ns: From when on it is no longer accepted, if it was revoked, in nanoseconds since 1970.
        has_key: Whether it is a device with its own key, and not the keys of a passphrase, code or account key.
    """

    id: str
    name: str
    role: Role
    added_ns: int
    revoked_ns: int | None
    has_key: bool

    @property
    def added(self) -> datetime:
        """`added_ns` as a time in UTC."""
        return utc(self.added_ns)

    @property
    def revoked(self) -> datetime | None:
        """`revoked_ns` as a time in UTC."""
        return None if self.revoked_ns is None else utc(self.revoked_ns)


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session: one writer or maintainer at work, or one that was.

    Attributes:
        id: Its id.
        device: The device at work; none for maintainers.
        purpose: What it does: `backup`, `prune` or `copy`.
        began_ns: When storage received its first lease, in nanoseconds since 1970.
        renewed_ns: When storage received its newest lease, in nanoseconds since 1970.
        expires_ns: Until when that holds, by the storage's clock, in nanoseconds since 1970.
        ended: Whether it said that it is done.
    """

    id: str
    device: str | None
    purpose: str
    began_ns: int
    renewed_ns: int
    expires_ns: int
    ended: bool

    @property
    def began(self) -> datetime:
        """`began_ns` as a time in UTC."""
        return utc(self.began_ns)

    @property
    def renewed(self) -> datetime:
        """`renewed_ns` as a time in UTC."""
        return utc(self.renewed_ns)

    @property
    def expires(self) -> datetime:
        """`expires_ns` as a time in UTC."""
        return utc(self.expires_ns)


@dataclass(frozen=True, slots=True)
class RotationReport:
    """What beginning a new epoch did.

    Attributes:
        epoch: The epoch that everything is written under from now on.
        handed_out: How many holders were handed its keys. Owners need none.
        removed: Key slots with the keys of earlier epochs that are superfluous now, and were deleted.
        remaining: The same, where the storage would not delete them, and why.
        left_behind: Who has no key that the new ones could be sealed to.
        at_work: Sessions that were at work when the epoch began.
    """

    epoch: int
    handed_out: int
    removed: tuple[str, ...]
    remaining: tuple[Rejected, ...]
    left_behind: tuple[LeftBehind, ...]
    at_work: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A holder who could not be handed newer keys.

    Attributes:
        name: The name of the device, or the label of the key.
        role: What the holder may do.
        device: The device that the holder is listed as, if there is one.
        slot: The holder's key slot, if there is one.
    """

    name: str
    role: Role
    device: str | None
    slot: str | None


@dataclass(frozen=True, slots=True)
class Revocation:
    """What revoking a device did.

    Attributes:
        device: The device.
        since_ns: From when on the device is no longer accepted, in nanoseconds since 1970.
        removed: Its key slots, which were deleted.
        remaining: Its key slots that the storage would not delete, and why.
        rotation: The epoch that began with it, unless it was to be kept.
    """

    device: str
    since_ns: int
    removed: tuple[str, ...]
    remaining: tuple[Rejected, ...]
    rotation: RotationReport | None

    @property
    def since(self) -> datetime:
        """`since_ns` as a time in UTC."""
        return utc(self.since_ns)


@dataclass(frozen=True, slots=True)
class KeyRemoval:
    """What removing a key came to.

    Attributes:
        revoked: The device its holder was listed as, which was revoked.
        removed: The key slots that were deleted.
        remaining: Key slots that the storage would not delete, and why.
        rotation: The epoch that began with it, unless it was to be kept.
    """

    revoked: str | None
    removed: tuple[str, ...]
    remaining: tuple[Rejected, ...]
    rotation: RotationReport | None


@dataclass(frozen=True, slots=True)
class PassphraseChange:
    """What changing the passphrase did.

    Attributes:
        slot: The new slot.
        remaining: The old slot, if the storage would not delete it, and why: the old passphrase still opens it.
    """

    slot: str
    remaining: Rejected | None


@dataclass(frozen=True, slots=True)
class AddedCode:
    """A recovery code that was added to a repository. It is shown once and stored nowhere.

    Attributes:
        slot: The id of its key slot.
        code: The code.
    """

    slot: str
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What a device's request to be let in says.

    Attributes:
        id: The device's id, to be compared with what the device itself shows.
        name: The name the device gives itself.
    """

    id: str
    name: str
