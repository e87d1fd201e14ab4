"""Entries that an app brings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from strongroom._enums import EntryKind, ProblemReason
from strongroom._options import AnyPath, AnyTime


class BinaryReader(Protocol):
    """A stream of bytes, such as a file opened with `"rb"`, a socket's `makefile`, or an HTTP response."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most `size` of them; none at the end."""


class BinaryWriter(Protocol):
    """Something bytes are written to."""

    def write(self, data: bytes, /) -> object:
        """Takes `data`; a number says how much of it, anything else that it was all."""


# Pieces of bytes, such as a generator gives, are a stream as well.
Stream: TypeAlias = BinaryReader | Iterable[bytes]


@dataclass(slots=True, kw_only=True)
class AppEntry:
    """An entry of a backup that an app brings itself, such as a row, a document or a message.

    The class methods make them; whatever is left out is left to the library.

    Attributes:
        path: Where it stands in the snapshot.
        kind: What it is.
        content: Content of a regular file: bytes, or a stream.
        size: How many bytes a stream will give, if that is known.
        target: Where a symbolic link points.
        hard_link_to: For one more name of the file that another entry stands for: the path of that entry.
        device: Major and minor number of a device.
        mode: Permission bits.
        owner: User id and group id.
        modified: Last change of content.
        changed: Last change of anything. With it and a size, a later backup sees without reading that a file is
            unchanged.
        xattrs: Extended attributes.
        problem: For something that belongs to the backup and cannot be read: why, for programs and for people.
    """

    path: AnyPath
    kind: EntryKind = EntryKind.FILE
    content: bytes | Stream | None = None
    size: int | None = None
    target: AnyPath | None = None
    hard_link_to: AnyPath | None = None
    device: tuple[int, int] = (0, 0)
    mode: int | None = None
    owner: tuple[int, int] | None = None
    modified: AnyTime | None = None
    changed: AnyTime | None = None
    xattrs: Mapping[AnyPath, bytes] = field(default_factory=dict)
    problem: tuple[ProblemReason, str] | None = None

    @classmethod
    def file(
        cls,
        path: AnyPath,
        content: bytes | Stream,
        *,
        size: int | None = None,
        mode: int | None = None,
        owner: tuple[int, int] | None = None,
        modified: AnyTime | None = None,
        changed: AnyTime | None = None,
        xattrs: Mapping[AnyPath, bytes] | None = None,
    ) -> AppEntry:
        """A file with these bytes, or what this stream gives. The stream is read after the next entry was asked for."""
        return cls(
            path=path,
            content=content,
            size=size,
            mode=mode,
            owner=owner,
            modified=modified,
            changed=changed,
            xattrs=xattrs or {},
        )

    @classmethod
    def directory(cls, path: AnyPath, *, mode: int | None = None, modified: AnyTime | None = None) -> AppEntry:
        """A folder. Folders need not be given but for what is said of them."""
        return cls(path=path, kind=EntryKind.DIRECTORY, mode=mode, modified=modified)

    @classmethod
    def symlink(cls, path: AnyPath, target: AnyPath, *, modified: AnyTime | None = None) -> AppEntry:
        """A symbolic link."""
        return cls(path=path, kind=EntryKind.SYMLINK, target=target, modified=modified)

    @classmethod
    def hard_link(cls, path: AnyPath, to: AnyPath) -> AppEntry:
        """One more name of the file that the entry at `to` stands for."""
        return cls(path=path, hard_link_to=to)

    @classmethod
    def unreadable(cls, path: AnyPath, reason: ProblemReason, detail: str) -> AppEntry:
        """Something that belongs to the backup and cannot be read; it is named in the report."""
        return cls(path=path, problem=(reason, detail))
