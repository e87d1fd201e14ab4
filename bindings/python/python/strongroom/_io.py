"""Files of a snapshot as Python's own kind of file."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from strongroom._errors import ClosedError, InvalidArgumentError
from strongroom._records import Entry

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from strongroom._native import FileHandle

# How much is asked for at once where the whole rest of a file is wanted.
_PIECE = 8 * 1024 * 1024


class SnapshotFile(io.RawIOBase):
    """A file of a snapshot, for reading at any place; `Repository.open_file` opens one.

    It is a raw file: wrap it in `io.BufferedReader` for many small reads, and that in `io.TextIOWrapper` for text.
    Threads may share one; `read_at` does not move the position.
    """

    def __init__(self, handle: FileHandle) -> None:
        super().__init__()
        self._handle = handle

    def __repr__(self) -> str:
        return f"<strongroom.SnapshotFile {self.name!r}{' (closed)' if self.closed else ''}>"

    @property
    def entry(self) -> Entry:
        """The entry that is read."""
        return self._handle.entry

    @property
    def name(self) -> str:
        """The path in the snapshot."""
        return self.entry.path

    @property
    def mode(self) -> str:
        """Always `rb`."""
        return "rb"

    def readable(self) -> bool:
        """True."""
        self._check()
        return True

    def seekable(self) -> bool:
        """True."""
        self._check()
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fills `buffer` from the position on, and says how many bytes came: fewer only at the end of the file."""
        with memoryview(buffer) as whole, whole.cast("B") as view:
            data = self._handle.read(len(view))
            view[: len(data)] = data
            return len(data)

    def read(self, size: int | None = -1, /) -> bytes:
        """The next `size` bytes, or all that are left."""
        if size is None or size < 0:
            return self.readall()
        return self._handle.read(size)

    def readall(self) -> bytes:
        """All bytes that are left."""
        return b"".join(iter(lambda: self._handle.read(_PIECE), b""))

    def read_at(self, offset: int, length: int) -> bytes:
        """The bytes from `offset` on, at most `length` and as far as the file goes. The position stays."""
        return self._handle.read_at(offset, length)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Moves the position; behind the end nothing is read."""
        if whence == os.SEEK_CUR:
            offset += self._handle.tell()
        elif whence == os.SEEK_END:
            offset += self._handle.length
        elif whence != os.SEEK_SET:
            raise InvalidArgumentError(f"whence has to be 0, 1 or 2, not {whence}")
        if offset < 0:
            raise InvalidArgumentError(f"negative position {offset}")
        self._handle.seek(offset)
        return offset

    def tell(self) -> int:
        """The position."""
        return self._handle.tell()

    def close(self) -> None:
        """Ends the reading and frees what it holds. Closing twice is harmless."""
        self._handle.close()
        super().close()

    def _check(self) -> None:
        if self.closed:
            raise ClosedError("could not read a file of the snapshot: the file was closed")
