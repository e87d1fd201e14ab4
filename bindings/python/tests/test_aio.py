"""The asynchronous face: nothing blocks the loop, tasks cancel, iterators and storage are asynchronous."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import strongroom
from storage import Dictionary
from strongroom import Source, aio

FLOOR = strongroom.Cost.FLOOR


class Remote(aio.AsyncObjectStore):
    """Storage that takes a moment for everything."""

    def __init__(self) -> None:
        self.inner = Dictionary()

    async def put(self, name: str, data: bytes) -> None:
        await asyncio.sleep(0.001)
        self.inner.put(name, data)

    async def read(self, name: str, offset: int, length: int) -> bytes:
        await asyncio.sleep(0.001)
        return self.inner.read(name, offset, length)

    async def stat(self, name: str) -> strongroom.ObjectInfo:
        return self.inner.stat(name)

    async def list(self, folder: str) -> AsyncIterator[strongroom.ObjectInfo]:
        for found in self.inner.list(folder):
            await asyncio.sleep(0)
            yield found

    async def delete(self, name: str) -> None:
        self.inner.delete(name)


def test_round_trip(tmp_path: Path, folder: Path) -> None:
    async def main() -> None:
        heard: list[threading.Thread] = []
        async with await aio.Repository.create(tmp_path / "repository", "pass", cost=FLOOR) as repository:
            report = await repository.backup(folder, progress=lambda _: heard.append(threading.current_thread()))
            assert report.snapshot is not None
            assert set(heard) == {threading.main_thread()}
            found = [entry.path async for entry in repository.list(report.snapshot, recursive=True)]
            assert found == ["empty", "notes", "notes/one.txt", "table.csv"]
            async with repository.find(report.snapshot, "*.csv") as listing:
                assert [entry.path async for entry in listing] == ["table.csv"]
            async with await repository.open_file(report.snapshot, "notes/one.txt") as file:
                assert b"".join([piece async for piece in file.chunks(999)]) == b"one\n" * 1000
            await repository.restore(report.snapshot, tmp_path / "restored")
            assert (await repository.check()).is_sound
            second = await repository.backup(Source.bytes("x", b"x"))
            assert second.snapshot is not None
            changes = [one.change async for one in repository.diff(report.snapshot, second.snapshot)]
            assert changes.count(strongroom.ChangeKind.ADDED) == 1
            with pytest.raises(KeyError):
                await repository.entry(second.snapshot, "y")
        assert repository.closed
        with pytest.raises(strongroom.ClosedError):
            await repository.snapshots()

    asyncio.run(main())
    assert (tmp_path / "restored/table.csv").read_bytes() == (folder / "table.csv").read_bytes()


def test_cancelling_a_task_cancels_the_operation() -> None:
    async def main() -> None:
        store = Dictionary()
        async with await aio.Repository.create(store, "pass", cost=FLOOR) as repository:

            async def endless() -> AsyncIterator[bytes]:
                while True:
                    yield os.urandom(65_536)

            token = strongroom.CancelToken()
            task = asyncio.create_task(repository.backup(Source.reader("x", aio.stream(endless())), cancel=token))
            await asyncio.sleep(0.3)
            began = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - began < 2
            assert token.is_cancelled
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await repository.backup(Source.reader("x", aio.stream(endless())))
            assert not (await repository.snapshots()).snapshots
            assert (await repository.check()).is_sound

    asyncio.run(main())
    for thread in threading.enumerate():
        if thread.name == "strongroom-aio":
            thread.join(5)
            assert not thread.is_alive()


def test_a_stream_that_never_answers_does_not_keep_a_task() -> None:
    async def main() -> None:
        async with await aio.Repository.create(strongroom.Backend.memory(), "pass", cost=FLOOR) as repository:

            async def silent() -> AsyncIterator[bytes]:
                yield b"x"
                await asyncio.Event().wait()

            task = asyncio.create_task(repository.backup(Source.reader("x", aio.stream(silent()))))
            await asyncio.sleep(0.3)
            task.cancel()
            await asyncio.sleep(0.1)
            assert not task.done()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await repository.check()).is_sound

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < 4


def test_the_loop_goes_on_meanwhile() -> None:
    async def main() -> None:
        turns = 0

        async def watch() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0.001)
                turns += 1

        source = Source.bytes("x", os.urandom(30_000_000))
        async with await aio.Repository.create(strongroom.Backend.memory(), "pass", cost=FLOOR) as repository:
            watching = asyncio.create_task(watch())
            began = time.monotonic()
            await repository.backup(source)
            took = time.monotonic() - began
        watching.cancel()
        # A loop that is blocked turns once or twice; one that is not does so tens of times a second.
        assert turns > 5 + 10 * took

    asyncio.run(main())


def test_storage_streams_and_entries_of_the_loop() -> None:
    async def main() -> None:
        remote = Remote()
        backend = aio.storage(remote)
        async with await aio.Repository.create(backend, "pass", cost=FLOOR) as repository:

            async def rows() -> AsyncIterator[strongroom.AppEntry]:
                for number in range(5):
                    await asyncio.sleep(0)
                    yield strongroom.AppEntry.file(f"row {number}", bytes([number]) * 1000)

            report = await repository.backup(Source.entries(aio.entries(rows()), known_as=["rows"]))
            assert report.files == 5

            reader = asyncio.StreamReader()
            reader.feed_data(b"streamed" * 1000)
            reader.feed_eof()
            second = await repository.backup(Source.reader("stream", aio.stream(reader)))
            assert second.bytes == 8000

            class Mine(Exception):
                pass

            async def failing() -> AsyncIterator[bytes]:
                yield b"x"
                raise Mine

            with pytest.raises(Mine):
                await repository.backup(Source.reader("stream", aio.stream(failing())))
        async with await aio.Repository.open(backend, "pass") as repository:
            assert (await repository.check(read_data=100)).is_sound
            assert len(await repository.snapshots()) == 2

    asyncio.run(main())


def test_many_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with await aio.Repository.create(tmp_path, "pass", cost=FLOOR) as repository:
            made = await asyncio.gather(*(repository.backup(Source.bytes(f"{n}", bytes([n]))) for n in range(6)))
            assert len({report.snapshot for report in made}) == 6

    asyncio.run(main())
