"""The same for asyncio: nothing here blocks the event loop, and cancelling a task cancels what it waits for.

    async with await aio.Repository.open("/mnt/backup", "correct horse battery staple") as repository:
        report = await repository.backup("/home/me/photos")
        async for entry in repository.list(report.snapshot, recursive=True):
            print(entry.path)

Listeners of progress are called in the event loop. Streams, entries and storage of your own may be asynchronous: see
`stream`, `entries` and `AsyncObjectStore`.
"""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from datetime import datetime
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, runtime_checkable

import strongroom
from strongroom import (
    AddedCode,
    AppEntry,
    Backend,
    CancelToken,
    DeviceInfo,
    Difference,
    Entry,
    ObjectInfo,
    ObjectStore,
    PassphraseChange,
    Progress,
    Role,
    SessionInfo,
    SlotInfo,
    Snapshot,
    SnapshotFile,
    SnapshotFilter,
    SnapshotListing,
)
from strongroom._options import AnyPath, AnyTime, Cost

__all__ = ["AsyncObjectStore", "File", "Listing", "Repository", "entries", "storage", "stream"]

P = ParamSpec("P")
T = TypeVar("T")
# How many entries are taken at once.
_BATCH = 256
# For how many seconds a cancelled task waits for the end of what it began; a second cancellation ends the wait.
_PATIENCE = 5.0


async def _apart(work: Callable[[], T], token: CancelToken | None = None) -> T:
    """Runs something on a thread of its own. Cancelling the task cancels `token`, and the thread is waited for."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, raised: BaseException | None) -> None:
        if done.done():
            return
        if raised is None:
            done.set_result(result)  # type: ignore[arg-type]
        elif isinstance(raised, StopIteration):
            # A future cannot hold one.
            done.set_exception(RuntimeError("a function of the app raised StopIteration"))
        else:
            done.set_exception(raised)

    def run() -> None:
        result: T | None = None
        raised: BaseException | None = None
        try:
            result = work()
        except BaseException as error:
            raised = error
        try:
            loop.call_soon_threadsafe(settle, result, raised)
        except RuntimeError:
            # The loop was closed: nobody waits any more.
            return

    threading.Thread(target=run, name="strongroom-aio", daemon=True).start()
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        if token is not None:
            token.cancel()
        # Retrieved whenever it comes, so that nobody complains that it was not.
        done.add_done_callback(lambda ended: ended.exception())
        await asyncio.wait([done], timeout=_PATIENCE)
        raise


def _in_loop(loop: asyncio.AbstractEventLoop, made: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine in the loop, from a thread of the library."""
    try:
        return asyncio.run_coroutine_threadsafe(made, loop).result()
    except RuntimeError:
        made.close()
        raise


@runtime_checkable
class AsyncReader(Protocol):
    """A stream such as `asyncio.StreamReader`."""

    def read(self, size: int, /) -> Awaitable[bytes]:
        """The next bytes, at most `size` of them; none at the end."""


class _Stream:
    def __init__(self, loop: asyncio.AbstractEventLoop, reader: AsyncReader) -> None:
        self._loop, self._reader = loop, reader

    def read(self, size: int, /) -> bytes:
        async def next_bytes() -> bytes:
            return await self._reader.read(size)

        return _in_loop(self._loop, next_bytes())


_END = object()


def _iterate(loop: asyncio.AbstractEventLoop, items: AsyncIterable[T]) -> Iterator[T]:
    iterator = aiter(items)

    async def advance() -> Any:
        return await anext(iterator, _END)

    while (item := _in_loop(loop, advance())) is not _END:
        yield item


def stream(source: AsyncReader | AsyncIterable[bytes]) -> strongroom.BinaryReader | Iterable[bytes]:
    """A stream for `Source.reader`, `Source.tar` or `AppEntry.file` of an asynchronous one, read in this loop."""
    loop = asyncio.get_running_loop()
    if isinstance(source, AsyncReader):
        return _Stream(loop, source)
    return _iterate(loop, source)


def entries(source: AsyncIterable[AppEntry]) -> Iterable[AppEntry]:
    """Entries for `Source.entries` of an asynchronous iterator, such as a database cursor, which runs in this loop."""
    return _iterate(asyncio.get_running_loop(), source)


class AsyncObjectStore(ABC):
    """Storage of your own, with coroutines: as `ObjectStore`, whose rules hold here too."""

    @abstractmethod
    async def put(self, name: str, data: bytes) -> None:
        """Stores `data` under `name`, durably and all or nothing. A name that is taken is an error."""

    @abstractmethod
    async def read(self, name: str, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset` on."""

    @abstractmethod
    async def stat(self, name: str) -> ObjectInfo:
        """Length and storage time of an object."""

    @abstractmethod
    def list(self, folder: str) -> AsyncIterator[ObjectInfo]:
        """Every object of one folder, in any order. The folder `""` is the root, where `config` is."""

    @abstractmethod
    async def delete(self, name: str) -> None:
        """Removes an object. Removing one that does not exist succeeds."""

    def location(self) -> str:
        """For messages: where this is, without any secret."""
        return type(self).__name__

    def settling(self) -> float:
        """For how many seconds after a call listings elsewhere may not show what it did; 0 for most storage."""
        return 0.0


class _Store(ObjectStore):
    def __init__(self, loop: asyncio.AbstractEventLoop, store: AsyncObjectStore) -> None:
        self._loop, self._store = loop, store
        self.location = store.location  # type: ignore[method-assign]
        self.settling = store.settling  # type: ignore[method-assign]

    def put(self, name: str, data: bytes) -> None:
        _in_loop(self._loop, self._store.put(name, data))

    def read(self, name: str, offset: int, length: int) -> bytes:
        return _in_loop(self._loop, self._store.read(name, offset, length))

    def stat(self, name: str) -> ObjectInfo:
        return _in_loop(self._loop, self._store.stat(name))

    def list(self, folder: str) -> Iterator[ObjectInfo]:
        return _iterate(self._loop, self._store.list(folder))

    def delete(self, name: str) -> None:
        _in_loop(self._loop, self._store.delete(name))


def storage(store: AsyncObjectStore) -> Backend:
    """A backend of asynchronous storage, whose coroutines run in this loop."""
    return Backend.custom(_Store(asyncio.get_running_loop(), store))


class Listing(Generic[T]):
    """A listing for `async for`. It closes itself at its end, and at the end of an `async with` block."""

    def __init__(self, begin: Callable[[], Any]) -> None:
        self._begin = begin
        self._listing: Any = None
        self._batch: list[T] = []

    def __aiter__(self) -> Listing[T]:
        return self

    async def __anext__(self) -> T:
        if not self._batch:
            self._batch = await _apart(self._more)
            self._batch.reverse()
        if not self._batch:
            raise StopAsyncIteration
        return self._batch.pop()

    def _more(self) -> list[T]:
        if self._listing is None:
            self._listing = self._begin()
        found: list[T] = self._listing.batch(_BATCH)
        return found

    async def close(self) -> None:
        """Ends it and frees what it holds."""
        if self._listing is not None:
            await _apart(self._listing.close)

    async def __aenter__(self) -> Listing[T]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class File:
    """A file of a snapshot; `Repository.open_file` opens one."""

    def __init__(self, file: SnapshotFile) -> None:
        self._file = file

    @property
    def entry(self) -> Entry:
        """The entry that is read."""
        return self._file.entry

    async def read(self, size: int = -1) -> bytes:
        """The next `size` bytes, or all that are left."""
        return await _apart(lambda: self._file.read(size))

    async def read_at(self, offset: int, length: int) -> bytes:
        """The bytes from `offset` on, at most `length` and as far as the file goes. The position stays."""
        return await _apart(lambda: self._file.read_at(offset, length))

    def seek(self, offset: int, whence: int = 0) -> int:
        """Moves the position."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The position."""
        return self._file.tell()

    async def chunks(self, size: int = 1024 * 1024) -> AsyncIterator[bytes]:
        """The bytes that are left, in pieces."""
        while data := await self.read(size):
            yield data

    async def close(self) -> None:
        """Ends the reading and frees what it holds."""
        await _apart(self._file.close)

    async def __aenter__(self) -> File:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _long(
    of: Callable[Concatenate[strongroom.Repository, P], T],
) -> Callable[Concatenate[Repository, P], Coroutine[Any, Any, T]]:
    """An operation that a token stops and that tells of progress, as a coroutine with the same arguments."""

    async def call(self: Repository, /, *args: P.args, **kwargs: P.kwargs) -> T:
        chosen: dict[str, Any] = dict(kwargs)
        token = chosen["cancel"] = chosen.get("cancel") or CancelToken()
        listener = chosen.get("progress")
        if listener is not None:
            chosen["progress"] = _listener(asyncio.get_running_loop(), listener)
        return await _apart(lambda: of(self.sync, *args, **chosen), token)

    call.__name__ = of.__name__
    call.__qualname__ = f"Repository.{of.__name__}"
    call.__doc__ = f"{of.__doc__}\n\nCancelling the task cancels it, and `cancel`."
    return call


def _listener(loop: asyncio.AbstractEventLoop, listener: Callable[[Progress], object]) -> Callable[[Progress], object]:
    async def hear(progress: Progress) -> None:
        listener(progress)

    return lambda progress: _in_loop(loop, hear(progress))


class Repository:
    """An opened repository, as `strongroom.Repository`, with coroutines. Any number of tasks may use it at once.

    `sync` is the repository itself, for what takes no time, such as `set_logger`.
    """

    def __init__(self, repository: strongroom.Repository) -> None:
        self.sync: strongroom.Repository = repository

    @classmethod
    async def create(cls, *args: Any, **kwargs: Any) -> Repository:
        """Creates a repository, as `strongroom.Repository.create` does. Cancelling the task cancels that."""
        token = kwargs.setdefault("cancel", strongroom.CancelToken())
        return cls(await _apart(lambda: strongroom.Repository.create(*args, **kwargs), token))

    @classmethod
    async def open(cls, *args: Any, **kwargs: Any) -> Repository:
        """Opens a repository, as `strongroom.Repository.open` does. Cancelling the task cancels that."""
        token = kwargs.setdefault("cancel", strongroom.CancelToken())
        return cls(await _apart(lambda: strongroom.Repository.open(*args, **kwargs), token))

    async def close(self) -> None:
        """Lets go of it; what is called after that raises ClosedError."""
        await _apart(self.sync.close)

    async def __aenter__(self) -> Repository:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self.sync.closed

    @property
    def id(self) -> str:
        """The id chosen when it was created."""
        return self.sync.id

    @property
    def role(self) -> Role:
        """What the secret that opened it allows."""
        return self.sync.role

    backup = _long(strongroom.Repository.backup)
    restore = _long(strongroom.Repository.restore)
    export_tar = _long(strongroom.Repository.export_tar)
    copy_to = _long(strongroom.Repository.copy_to)
    stats = _long(strongroom.Repository.stats)
    forget = _long(strongroom.Repository.forget)
    prune = _long(strongroom.Repository.prune)
    check = _long(strongroom.Repository.check)
    repair = _long(strongroom.Repository.repair)
    rebuild_index = _long(strongroom.Repository.rebuild_index)
    add_parity = _long(strongroom.Repository.add_parity)
    reencrypt = _long(strongroom.Repository.reencrypt)
    remove_key = _long(strongroom.Repository.remove_key)
    revoke_device = _long(strongroom.Repository.revoke_device)
    rotate = _long(strongroom.Repository.rotate)

    async def snapshots(self, filter: SnapshotFilter | None = None) -> SnapshotListing:
        """The snapshots that a filter accepts, oldest first."""
        return await _apart(lambda: self.sync.snapshots(filter))

    async def snapshot(self, spec: str = "latest", filter: SnapshotFilter | None = None) -> Snapshot:
        """One snapshot: `latest`, or the first digits of its id."""
        return await _apart(lambda: self.sync.snapshot(spec, filter))

    async def entry(self, snapshot: Snapshot | str, path: AnyPath) -> Entry:
        """The entry at a path of a snapshot."""
        return await _apart(lambda: self.sync.entry(snapshot, path))

    def list(self, snapshot: Snapshot | str, folder: AnyPath = "", *, recursive: bool = False) -> Listing[Entry]:
        """What is in a folder of a snapshot, directly or at any depth, for `async for`."""
        return Listing(lambda: self.sync.list(snapshot, folder, recursive=recursive))

    def find(self, snapshot: Snapshot | str, glob: str, *, any_case: bool = False) -> Listing[Entry]:
        """The entries of a snapshot whose paths match a glob, for `async for`."""
        return Listing(lambda: self.sync.find(snapshot, glob, any_case=any_case))

    def diff(self, before: Snapshot | str, after: Snapshot | str) -> Listing[Difference]:
        """The paths on which two snapshots differ, for `async for`."""
        return Listing(lambda: self.sync.diff(before, after))

    async def open_file(self, snapshot: Snapshot | str, path: AnyPath) -> File:
        """Opens a file of a snapshot for reading at any place."""
        return File(await _apart(lambda: self.sync.open_file(snapshot, path)))

    async def tag(
        self, snapshot: Snapshot | str, *, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> tuple[str, ...]:
        """Adds and removes tags of a snapshot; returns the tags it has then."""
        return await _apart(lambda: self.sync.tag(snapshot, add=add, remove=remove))

    async def hold(self, snapshot: Snapshot | str, until: AnyTime) -> datetime:
        """Holds a snapshot until a time: before that it is not forgotten."""
        return await _apart(lambda: self.sync.hold(snapshot, until))

    async def release(self, snapshot: Snapshot | str) -> None:
        """Ends the hold of a snapshot."""
        await _apart(lambda: self.sync.release(snapshot))

    async def sessions(self) -> tuple[SessionInfo, ...]:
        """Who is at work, and who was and has not been cleaned up after."""
        return await _apart(self.sync.sessions)

    async def keys(self) -> tuple[SlotInfo, ...]:
        """The keys that open this repository, oldest first."""
        return await _apart(self.sync.keys)

    async def add_key(
        self, secret: strongroom.Secret | str, role: Role, *, label: str = "", cost: Cost | None = None
    ) -> str:
        """Adds a key and returns the id of its slot. Only owners may."""
        return await _apart(lambda: self.sync.add_key(secret, role, label=label, cost=cost))

    async def add_recovery_code(self, role: Role, *, label: str = "") -> AddedCode:
        """Makes a recovery code and adds it as a key. Only owners may."""
        return await _apart(lambda: self.sync.add_recovery_code(role, label=label))

    async def change_passphrase(self, new: strongroom.Secret | str, *, cost: Cost | None = None) -> PassphraseChange:
        """Replaces the passphrase that opened this repository by another."""
        return await _apart(lambda: self.sync.change_passphrase(new, cost=cost))

    async def devices(self) -> tuple[DeviceInfo, ...]:
        """The devices on the owner-signed list."""
        return await _apart(self.sync.devices)

    async def add_device(self, request: bytes, role: Role) -> str:
        """Lets a device in, by the request it made with its key. Only owners may."""
        return await _apart(lambda: self.sync.add_device(request, role))

    async def epoch(self) -> int:
        """The epoch under which everything is written at this moment."""
        return await _apart(self.sync.epoch)
