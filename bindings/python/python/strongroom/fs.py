"""A file system for fsspec over a snapshot, so that pandas and everything else that takes fsspec reads from a backup.

    files = SnapshotFileSystem(repository, "latest")
    table = pandas.read_csv(files.open("reports/2025.csv"))

By address, with what opens the repository in `storage_options`:

    pandas.read_csv(
        "strongroom://reports/2025.csv",
        storage_options={"repository": "/mnt/backup", "secret": "correct horse battery staple"},
    )
"""

from __future__ import annotations

from os import PathLike, fspath
from typing import Any

from fsspec.spec import AbstractFileSystem

from strongroom._enums import EntryKind
from strongroom._errors import NotFoundError, ReadOnlyError
from strongroom._io import SnapshotFile
from strongroom._native import Backend, Repository, Secret
from strongroom._options import SnapshotFilter
from strongroom._records import Entry, Snapshot

__all__ = ["SnapshotFileSystem"]

_TYPES = {EntryKind.FILE: "file", EntryKind.DIRECTORY: "directory", EntryKind.SYMLINK: "link"}


class SnapshotFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """One snapshot of a repository, for reading.

    Args:
        repository: An opened repository; or storage, such as a folder, to be opened with `secret`.
        snapshot: A snapshot, `latest`, or the first digits of an id.
        secret: What opens the repository, where that is not open yet.
        filter: Chooses among snapshots where `latest` is asked for.
    """

    protocol = "strongroom"
    root_marker = ""
    # Instances hold a repository, which is no key of a cache.
    cachable = False

    def __init__(
        self,
        repository: Repository | Backend | str | PathLike[str],
        snapshot: Snapshot | str = "latest",
        *,
        secret: Secret | str | None = None,
        filter: SnapshotFilter | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if not isinstance(repository, Repository):
            if secret is None:
                raise TypeError("a repository that is not open yet needs the secret that opens it")
            repository = Repository.open(repository, secret)
        self.repository = repository
        self.snapshot = snapshot if isinstance(snapshot, Snapshot) else repository.snapshot(snapshot, filter)

    @property
    def fsid(self) -> str:
        """The same for the same snapshot, wherever the repository is."""
        return f"strongroom-{self.snapshot.id}"

    @classmethod
    def _strip_protocol(cls, path: str | PathLike[str] | list[str]) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        return fspath(path).removeprefix("strongroom:").strip("/")

    def _info(self, entry: Entry) -> dict[str, Any]:
        return {
            "name": entry.path,
            "size": entry.size if entry.kind is EntryKind.FILE else 0,
            "type": _TYPES.get(entry.kind, "other"),
            "mode": entry.mode,
            "uid": entry.uid,
            "gid": entry.gid,
            "mtime": entry.modified_ns / 1_000_000_000,
            "islink": entry.kind is EntryKind.SYMLINK,
            "destination": entry.target,
        }

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """What there is to say of a path, as `os.stat` would."""
        path = self._strip_protocol(path)
        if not path:
            return {"name": "", "size": 0, "type": "directory"}
        return self._info(self.repository.entry(self.snapshot, path))

    def exists(self, path: str, **_: Any) -> bool:
        """Whether the snapshot has a path."""
        try:
            self.info(path)
        except NotFoundError:
            return False
        return True

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """What is in a folder; for a file, the file itself."""
        with self.repository.list(self.snapshot, self._strip_protocol(path)) as listing:
            found = [self._info(entry) for entry in listing]
        return found if detail else [one["name"] for one in found]

    def modified(self, path: str) -> Any:
        """When a path was last changed."""
        return self.repository.entry(self.snapshot, self._strip_protocol(path)).modified

    created = modified

    def _open(self, path: str, mode: str = "rb", **_: Any) -> SnapshotFile:
        if mode not in ("rb", "r"):
            raise ReadOnlyError(f"a snapshot cannot be written to: {path}")
        return self.repository.open_file(self.snapshot, self._strip_protocol(path))

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        """The bytes of a file, or those from `start` on and before `end`; negative ones count from its end."""
        with self._open(path) as file:
            if start is None and end is None:
                return file.readall()
            first, behind, _step = slice(start, end).indices(file.entry.size)
            return file.read_at(first, max(0, behind - first))
