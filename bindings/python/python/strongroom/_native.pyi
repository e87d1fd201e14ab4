from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from logging import Logger
from typing import Final, Literal, Self, TypeAlias, final

from typing_extensions import Buffer

from strongroom._entries import AppEntry, BinaryWriter, Stream
from strongroom._enums import Overwrite, Ownership, Role
from strongroom._io import SnapshotFile
from strongroom._options import (
    AnyPath,
    AnySpan,
    AnyTime,
    Budget,
    ChunkSizes,
    Cost,
    RetentionPolicy,
    SnapshotFilter,
)
from strongroom._records import (
    AddedCode,
    BackupReport,
    CheckReport,
    CopyReport,
    DeviceInfo,
    DeviceRequest,
    Difference,
    Entry,
    ForgetReport,
    KeyRemoval,
    ParityReport,
    PassphraseChange,
    Progress,
    PruneReport,
    RebuildReport,
    ReencryptReport,
    RepairReport,
    RepositoryStats,
    RestoreReport,
    Revocation,
    RotationReport,
    SessionInfo,
    SlotInfo,
    Snapshot,
    SnapshotListing,
)
from strongroom._store import ObjectStore

__all__ = [
    "Backend",
    "CancelToken",
    "DeviceKey",
    "DifferenceIterator",
    "EntryIterator",
    "FileHandle",
    "Repository",
    "Secret",
    "Source",
    "__version__",
    "generate_recovery_code",
    "read_device_request",
]

__version__: Final[str]

_Backend: TypeAlias = Backend | AnyPath | ObjectStore
_Secret: TypeAlias = Secret | str
_Source: TypeAlias = Source | AnyPath | Iterable[AnyPath]
_Snapshot: TypeAlias = Snapshot | str
_Listener: TypeAlias = Callable[[Progress], object]
_Overwrite: TypeAlias = Overwrite | Literal["never", "if_newer", "if_different", "always"]
_Ownership: TypeAlias = Ownership | Literal["named", "numeric", "skip"]
_Role: TypeAlias = Role | Literal["writer", "reader", "maintainer", "owner"]

@final
class Backend:
    @staticmethod
    def local(folder: AnyPath, *, sync: bool = True) -> Backend: ...
    @staticmethod
    def memory() -> Backend: ...
    @staticmethod
    def custom(store: ObjectStore) -> Backend: ...
    def retrying(
        self,
        *,
        tries: int | None = None,
        within: AnySpan | None = None,
        longest_wait: AnySpan | None = None,
        cancel: CancelToken | None = None,
    ) -> Backend: ...
    @property
    def location(self) -> str: ...

@final
class Secret:
    @staticmethod
    def passphrase(passphrase: str | Buffer) -> Secret: ...
    @staticmethod
    def recovery_code(code: str) -> Secret: ...
    @staticmethod
    def device(key: DeviceKey) -> Secret: ...
    @staticmethod
    def account_key(key: Buffer) -> Secret: ...
    def expect_owner(self, owner: Buffer) -> Secret: ...

@final
class DeviceKey:
    @staticmethod
    def generate() -> DeviceKey: ...
    @staticmethod
    def from_bytes(exported: Buffer) -> DeviceKey: ...
    def export(self) -> bytes: ...
    @property
    def id(self) -> str: ...
    def request(self, name: str) -> bytes: ...

def generate_recovery_code() -> str: ...
def read_device_request(request: Buffer) -> DeviceRequest: ...

@final
class CancelToken:
    def __new__(cls) -> Self: ...
    def cancel(self) -> None: ...
    def suspend(self) -> None: ...
    @property
    def is_cancelled(self) -> bool: ...
    @property
    def is_suspending(self) -> bool: ...

@final
class Source:
    @staticmethod
    def files(
        paths: AnyPath | Iterable[AnyPath],
        *,
        exclude: Iterable[str] = ...,
        exclude_files: Iterable[AnyPath] = ...,
        exclude_caches: bool = False,
        exclude_if_present: Iterable[AnyPath] = ...,
        ignore_files: AnyPath | None = None,
        one_file_system: bool = False,
        max_file_size: int | None = None,
        known_as: Iterable[AnyPath] | None = None,
    ) -> Source: ...
    @staticmethod
    def bytes(
        path: AnyPath,
        data: Buffer,
        *,
        mode: int | None = None,
        modified: AnyTime | None = None,
        owner: tuple[int, int] | None = None,
        known_as: Iterable[AnyPath] | None = None,
    ) -> Source: ...
    @staticmethod
    def reader(
        path: AnyPath,
        stream: Stream,
        *,
        mode: int | None = None,
        modified: AnyTime | None = None,
        owner: tuple[int, int] | None = None,
        known_as: Iterable[AnyPath] | None = None,
    ) -> Source: ...
    @staticmethod
    def tar(stream: Stream, *, known_as: Iterable[AnyPath] | None = None) -> Source: ...
    @staticmethod
    def entries(
        entries: Iterable[AppEntry], *, sorted: bool = False, known_as: Iterable[AnyPath] | None = None
    ) -> Source: ...

@final
class EntryIterator:
    def __iter__(self) -> Self: ...
    def __next__(self) -> Entry: ...
    def batch(self, most: int) -> list[Entry]: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_raised: object) -> None: ...

@final
class DifferenceIterator:
    def __iter__(self) -> Self: ...
    def __next__(self) -> Difference: ...
    def batch(self, most: int) -> list[Difference]: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_raised: object) -> None: ...

@final
class FileHandle:
    @property
    def entry(self) -> Entry: ...
    @property
    def length(self) -> int: ...
    def read(self, size: int) -> bytes: ...
    def read_at(self, offset: int, length: int) -> bytes: ...
    def seek(self, position: int) -> None: ...
    def tell(self) -> int: ...
    def close(self) -> None: ...

@final
class Repository:
    @staticmethod
    def create(
        backend: _Backend,
        secret: _Secret,
        *,
        label: str = ...,
        cost: Cost | None = None,
        chunk_sizes: ChunkSizes | None = None,
        segment_size: int | None = None,
        pack_size: int | None = None,
        inline_limit: int | None = None,
        parity: int | None = None,
        state_folder: AnyPath | None = None,
        logger: Logger | None = None,
        cancel: CancelToken | None = None,
    ) -> Repository: ...
    @staticmethod
    def open(
        backend: _Backend,
        secret: _Secret,
        *,
        state_folder: AnyPath | None = None,
        logger: Logger | None = None,
        cancel: CancelToken | None = None,
    ) -> Repository: ...
    def close(self) -> None: ...
    @property
    def closed(self) -> bool: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_raised: object) -> None: ...
    def set_logger(self, logger: Logger | None) -> None: ...
    @property
    def id(self) -> str: ...
    @property
    def owner_key(self) -> bytes: ...
    @property
    def role(self) -> Role: ...
    @property
    def location(self) -> str: ...
    @property
    def created(self) -> datetime: ...
    @property
    def state_folder_problem(self) -> str | None: ...
    @property
    def parity(self) -> int | None: ...
    def cancelled_by(self, token: CancelToken) -> Repository: ...
    def backup(
        self,
        source: _Source,
        *,
        host: str = "",
        user: str = "",
        program: str = "",
        description: str = "",
        tags: Iterable[str] = (),
        metadata: Mapping[str, Buffer] | None = None,
        level: int | None = None,
        parent: _Snapshot | None = "newest",
        skip_if_unchanged: bool = False,
        read_everything: bool = False,
        compare_change_time: bool = True,
        compare_inode: bool = True,
        time: AnyTime | None = None,
        budget: Budget | None = None,
        cancel: CancelToken | None = None,
        progress: _Listener | None = None,
    ) -> BackupReport: ...
    def restore(
        self,
        snapshot: _Snapshot,
        target: AnyPath,
        *,
        path: AnyPath = "",
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        overwrite: _Overwrite = "if_different",
        verify_existing: bool = False,
        owner: _Ownership = "named",
        xattrs: bool = True,
        sparse: bool = True,
        delete_extra: bool = False,
        dry_run: bool = False,
        sync: bool = False,
        budget: Budget | None = None,
        cancel: CancelToken | None = None,
        progress: _Listener | None = None,
    ) -> RestoreReport: ...
    def export_tar(
        self,
        snapshot: _Snapshot,
        out: BinaryWriter,
        *,
        path: AnyPath = "",
        budget: Budget | None = None,
        cancel: CancelToken | None = None,
        progress: _Listener | None = None,
    ) -> RestoreReport: ...
    def open_file(self, snapshot: _Snapshot, path: AnyPath) -> SnapshotFile: ...
    def copy_to(
        self,
        destinations: Repository | Iterable[Repository],
        *,
        snapshots: Iterable[_Snapshot] = (),
        filter: SnapshotFilter | None = None,
        level: int | None = None,
        verify: bool = True,
        verify_data: bool = False,
        budget: Budget | None = None,
        cancel: CancelToken | None = None,
        progress: _Listener | None = None,
    ) -> CopyReport: ...
    def snapshots(self, filter: SnapshotFilter | None = None) -> SnapshotListing: ...
    def snapshot(self, spec: str = "latest", filter: SnapshotFilter | None = None) -> Snapshot: ...
    def entry(self, snapshot: _Snapshot, path: AnyPath) -> Entry: ...
    def list(self, snapshot: _Snapshot, folder: AnyPath = "", *, recursive: bool = False) -> EntryIterator: ...
    def find(self, snapshot: _Snapshot, glob: str, *, any_case: bool = False) -> EntryIterator: ...
    def diff(
        self,
        before: _Snapshot,
        after: _Snapshot,
        *,
        budget: Budget | None = None,
        cancel: CancelToken | None = None,
        progress: _Listener | None = None,
    ) -> DifferenceIterator: ...
    def stats(
        self, *, budget: Budget | None = None, cancel: CancelToken | None = None, progress: _Listener | None = None
    ) -> RepositoryStats: ...
    def sessions(self) -> tuple[SessionInfo, ...]: ...
    def tag(self, snapshot: _Snapshot, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> tuple[str, ...]: ...
    def hold(self, snapshot: _Snapshot, until: AnyTime) -> datetime: ...
    def release(self, snapshot: _Snapshot) -> None: ...
    def forget(
        self,
        snapshots: Iterable[_Snapshot] = (),
        *,
        policy: RetentionPolicy | None = None,
        damaged: Iterable[str] = (),
        filter: SnapshotFilter | None = None,
        dry_run: bool = False,
        despite_unreadable_marks: bool = False,
        budget: Budget | None = None,
        cancel: CancelToken | None = None,
        progress: _Listener | None = None,
    ) -> ForgetReport: ...
    def prune(
        self,
        *,
        min_live_share: float | None = None,
        max_moved_bytes: int | None = None,
        dry_run: bool = False,
        budget: Budget | None = None,
        cancel: CancelToken | None = None,
        progress: _Listener | None = None,
    ) -> PruneReport: ...
    def check(
        self,
        *,
        read_data: float | None = None,
        verify_content: bool = False,
        seed: int | None = None,
        budget: Budget | None = None,
        cancel: CancelToken | None = None,
        progress: _Listener | None = None,
    ) -> CheckReport: ...
    def repair(
        self,
        *,
        dry_run: bool = False,
        structure_only: bool = False,
        budget: Budget | None = None,
        cancel: CancelToken | None = None,
        progress: _Listener | None = None,
    ) -> RepairReport: ...
    def rebuild_index(
        self, *, budget: Budget | None = None, cancel: CancelToken | None = None, progress: _Listener | None = None
    ) -> RebuildReport: ...
    def add_parity(
        self,
        percent: int,
        *,
        budget: Budget | None = None,
        cancel: CancelToken | None = None,
        progress: _Listener | None = None,
    ) -> ParityReport: ...
    def healed_packs(self) -> tuple[str, ...]: ...
    def reencrypt(
        self,
        *,
        max_bytes: int | None = None,
        max_time: AnySpan | None = None,
        budget: Budget | None = None,
        cancel: CancelToken | None = None,
        progress: _Listener | None = None,
    ) -> ReencryptReport: ...
    def keys(self) -> tuple[SlotInfo, ...]: ...
    def add_key(self, secret: _Secret, role: _Role, *, label: str = "", cost: Cost | None = None) -> str: ...
    def add_recovery_code(self, role: _Role, *, label: str = "") -> AddedCode: ...
    def remove_key(
        self,
        slot: str,
        *,
        keep_epoch: bool = False,
        budget: Budget | None = None,
        cancel: CancelToken | None = None,
        progress: _Listener | None = None,
    ) -> KeyRemoval: ...
    def change_passphrase(self, new: _Secret, *, cost: Cost | None = None) -> PassphraseChange: ...
    def devices(self) -> tuple[DeviceInfo, ...]: ...
    def add_device(self, request: Buffer, role: _Role) -> str: ...
    def revoke_device(
        self,
        device: str,
        *,
        keep_epoch: bool = False,
        budget: Budget | None = None,
        cancel: CancelToken | None = None,
        progress: _Listener | None = None,
    ) -> Revocation: ...
    def rotate(
        self, *, budget: Budget | None = None, cancel: CancelToken | None = None, progress: _Listener | None = None
    ) -> RotationReport: ...
    def epoch(self) -> int: ...
