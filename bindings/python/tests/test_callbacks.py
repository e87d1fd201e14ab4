"""What an app brings in Python: streams, entries, listeners, storage."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import strongroom
from storage import Dictionary, one
from strongroom import Source

FLOOR = strongroom.Cost.FLOOR


def test_sources_that_give_their_content_once(repository: strongroom.Repository) -> None:
    for source in (
        Source.reader("x", io.BytesIO(b"x")),
        Source.tar(iter([bytes(1024)])),
        Source.entries(iter([strongroom.AppEntry.file("x", b"x")])),
    ):
        repository.backup(source)
        with pytest.raises(strongroom.InvalidArgumentError, match="used before"):
            repository.backup(source)
    again = Source.entries([strongroom.AppEntry.file("x", b"x"), strongroom.AppEntry.directory("y")])
    assert repository.backup(again).files == repository.backup(again).files == 1


def test_streams_of_all_kinds(repository: strongroom.Repository, folder: Path) -> None:
    def pieces() -> list[bytes]:
        return [b"a" * 100_000, b"", b"b", memoryview(b"c")]  # type: ignore[list-item]

    with open(folder / "table.csv", "rb") as file:
        report = repository.backup(
            Source.entries(
                [
                    strongroom.AppEntry.file("pieces", pieces()),
                    strongroom.AppEntry.file("stream", io.BytesIO(b"stream" * 10_000), mode=0o640),
                    strongroom.AppEntry.symlink("link", "pieces"),
                    strongroom.AppEntry.hard_link("second", "stream"),
                    strongroom.AppEntry.unreadable("gone", strongroom.ProblemReason.VANISHED, "it was there"),
                    strongroom.AppEntry.file("file", file),
                ]
            )
        )
    assert report.outcome == "partial"
    assert [(one.path, one.detail) for one in report.problems] == [("gone", "it was there")]
    assert report.snapshot is not None
    with repository.open_file(report.snapshot, "pieces") as read:
        assert read.read() == b"a" * 100_000 + b"bc"
    assert repository.entry(report.snapshot, "second").size == 60_000
    assert repository.entry(report.snapshot, "link").target == "pieces"


def test_text_streams_are_refused(repository: strongroom.Repository) -> None:
    with pytest.raises(TypeError, match="binary mode"):
        repository.backup(Source.reader("x", io.StringIO("text")))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Source.reader("x", "text")  # type: ignore[arg-type]
    closed = io.BytesIO(b"x")
    closed.close()
    with pytest.raises(ValueError, match="closed"):
        repository.backup(Source.reader("x", closed))

    class Liar:
        def read(self, size: int, /) -> bytes:
            return b"x" * (size + 1)

    with pytest.raises(ValueError, match="asked for"):
        repository.backup(Source.reader("x", Liar()))
    assert repository.check().is_sound


class OfTheApp(Exception):
    """An error only the app knows."""


def test_what_callbacks_raise_comes_back(repository: strongroom.Repository) -> None:
    raised = OfTheApp("mine")

    def fail(*_: object) -> bytes:
        raise raised

    class Stream:
        read = staticmethod(fail)

    class Out:
        write = staticmethod(fail)

    def entries() -> Iterator[strongroom.AppEntry]:
        yield strongroom.AppEntry.file("first", b"x")
        fail()

    snapshot = one(repository, os.urandom(3_000_000))
    calls = (
        lambda: repository.backup(Source.reader("x", Stream())),
        lambda: repository.backup(Source.entries(entries())),
        lambda: repository.backup(Source.entries([strongroom.AppEntry.file("x", Stream())])),
        lambda: repository.export_tar(snapshot, Out()),
        lambda: repository.check(read_data=100, progress=fail),
    )
    for call in calls:
        with pytest.raises(OfTheApp) as found:
            call()
        assert found.value is raised
    assert repository.check().is_sound


def test_an_os_error_of_one_entry_is_a_problem_of_that_entry(repository: strongroom.Repository) -> None:
    class Stream:
        def read(self, size: int, /) -> bytes:
            raise PermissionError("not yours")

    entries = [strongroom.AppEntry.file("bad", Stream()), strongroom.AppEntry.file("good", b"x")]
    report = repository.backup(Source.entries(entries))
    assert [(one.path, one.reason) for one in report.problems] == [("bad", "permission_denied")]
    assert report.snapshot is not None
    assert [entry.path for entry in repository.list(report.snapshot)] == ["good"]


def test_callbacks_may_call_back(repository: strongroom.Repository) -> None:
    first = one(repository, b"x")
    seen: list[object] = []

    def entries() -> Iterator[strongroom.AppEntry]:
        seen.append(repository.entry(first, "file").size)
        inner = repository.backup(Source.bytes("inner", b"inner"))
        yield strongroom.AppEntry.file("outer", (inner.snapshot or "").encode())

    report = repository.backup(
        Source.entries(entries()), progress=lambda progress: seen.append(len(repository.snapshots()))
    )
    assert report.files == 1
    assert seen[0] == 1
    assert len(repository.snapshots()) == 3


def test_storage_of_the_app() -> None:
    store = Dictionary()
    with pytest.raises(strongroom.NotFoundError, match="no repository here"):
        strongroom.Repository.open(store, "pass")
    with strongroom.Repository.create(store, "pass", cost=FLOOR) as repository:
        assert "Dictionary" in repository.location
        snapshot = one(repository, os.urandom(100_000))
    with strongroom.Repository.open(store, "pass") as repository:
        assert repository.check(read_data=100).is_sound
        raised = OfTheApp("the line is down")

        def fail(name: str, data: bytes) -> None:
            raise raised

        store.put = fail  # type: ignore[method-assign]
        with pytest.raises(OfTheApp) as seen:
            one(repository, os.urandom(100_000))
        assert seen.value is raised
        del store.put
        assert [found.id for found in repository.snapshots()] == [snapshot]
        store.read = lambda name, offset, length: b"short"  # type: ignore[method-assign]
        with pytest.raises(strongroom.Error):
            strongroom.Repository.open(store, "pass")
    with pytest.raises(TypeError, match="put"):
        strongroom.Repository.open(object(), "pass")  # type: ignore[arg-type]


def test_storage_is_tried_again() -> None:
    store = Dictionary()
    put, tries = store.put, []

    def busy(name: str, data: bytes) -> None:
        tries.append(name)
        if len(tries) % 3 != 0:
            raise strongroom.UnavailableError("busy", retry_after=0.001)
        put(name, data)

    store.put = busy  # type: ignore[method-assign]
    backend = strongroom.Backend.custom(store)
    with pytest.raises(strongroom.UnavailableError):
        strongroom.Repository.create(backend.retrying(tries=2), "pass", cost=FLOOR)
    tries.clear()
    with strongroom.Repository.create(backend.retrying(tries=3, within=60), "pass", cost=FLOOR) as repository:
        assert one(repository, b"data")
    assert len(tries) > 6
    store.put = put  # type: ignore[method-assign]

    def down(name: str, offset: int, length: int) -> bytes:
        raise strongroom.UnavailableError("down", retry_after=60)

    store.read = down  # type: ignore[method-assign]
    token = strongroom.CancelToken()
    timer = threading.Timer(0.2, token.cancel)
    timer.start()
    began = time.monotonic()
    with pytest.raises(strongroom.CancelledError):
        strongroom.Repository.open(backend.retrying(longest_wait=30, cancel=token), "pass")
    assert time.monotonic() - began < 5
    with pytest.raises(strongroom.Error):
        backend.retrying(within=-1)


def test_opening_and_creating_are_cancelled() -> None:
    store = Dictionary()
    token = strongroom.CancelToken()
    strongroom.Repository.create(store, "pass", cost=FLOOR).close()
    read = store.read

    def last(name: str, offset: int, length: int) -> bytes:
        token.cancel()
        return read(name, offset, length)

    store.read = last  # type: ignore[method-assign]
    with pytest.raises(strongroom.CancelledError):
        strongroom.Repository.open(store, "pass", cancel=token)
    empty = Dictionary()
    with pytest.raises(strongroom.CancelledError):
        strongroom.Repository.create(empty, "pass", cost=FLOOR, cancel=token)
    assert not empty.objects
    store.read = read  # type: ignore[method-assign]
    # What was opened listens to its token no more.
    token = strongroom.CancelToken()
    with strongroom.Repository.open(store, "pass", cancel=token) as repository:
        token.cancel()
        assert one(repository, b"data")


def test_storage_that_is_down_is_unavailable() -> None:
    store = Dictionary()
    strongroom.Repository.create(store, "pass", cost=FLOOR).close()
    own = strongroom.UnavailableError("try later", retry_after=2.5)

    def fail(name: str, offset: int, length: int) -> bytes:
        raise own

    store.read = fail  # type: ignore[method-assign]
    with pytest.raises(TimeoutError) as found:
        strongroom.Repository.open(store, "pass")
    assert isinstance(found.value, strongroom.UnavailableError)
    assert found.value.retry_after == 2.5
    assert found.value.__cause__ is own
