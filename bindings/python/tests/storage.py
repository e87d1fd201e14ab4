"""Storage in a dictionary, as an app would write it, and backups of a line."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from strongroom import AlreadyExistsError, CorruptError, ObjectInfo, ObjectStore, Repository, Source


class Dictionary(ObjectStore):
    """Objects with the times at which they came."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, int]] = {}
        self.lock = threading.Lock()

    def put(self, name: str, data: bytes) -> None:
        with self.lock:
            if name in self.objects:
                raise AlreadyExistsError(f"{name} is there")
            self.objects[name] = (data, time.time_ns())

    def read(self, name: str, offset: int, length: int) -> bytes:
        data = self.objects[name][0][offset : offset + length]
        if len(data) != length:
            raise CorruptError(f"{name} is too short")
        return data

    def stat(self, name: str) -> ObjectInfo:
        data, modified = self.objects[name]
        return ObjectInfo(name, len(data), modified)

    def list(self, folder: str) -> Iterator[ObjectInfo]:
        with self.lock:
            found = list(self.objects.items())
        for name, (data, modified) in found:
            if name.rpartition("/")[0] == folder:
                yield ObjectInfo(name, len(data), modified)

    def delete(self, name: str) -> None:
        self.objects.pop(name, None)


def one(repository: Repository, data: bytes, path: str = "file") -> str:
    """Backs up one file; the snapshot."""
    snapshot = repository.backup(Source.bytes(path, data)).snapshot
    assert snapshot is not None
    return snapshot
