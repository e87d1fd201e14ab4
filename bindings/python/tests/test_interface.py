"""What a Python person relies on: files, errors, arguments, times, docstrings."""

from __future__ import annotations

import inspect
import io
import json
import os
import pickle
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import strongroom
from storage import one
from strongroom import Source

ROOT = Path(__file__).resolve().parents[3]
FLOOR = strongroom.Cost.FLOOR


def test_every_operation_is_where_the_table_says() -> None:
    names = json.loads((ROOT / "bindings/python/operations.json").read_text())
    for name in names.values():
        if name.endswith("="):
            for method in ("backup", "restore", "check", "prune"):
                assert name[:-1] in inspect.signature(getattr(strongroom.Repository, method)).parameters
            continue
        found: object = strongroom
        for part in name.split("."):
            found = getattr(found, part)


def test_everything_has_a_docstring() -> None:
    for name in strongroom.__all__:
        found = getattr(strongroom, name)
        if name.startswith("__"):
            continue
        assert inspect.getdoc(found), name
        for member, value in vars(found).items() if inspect.isclass(found) else ():
            if not member.startswith("_") and (callable(value) or isinstance(value, property)):
                assert inspect.getdoc(value), f"{name}.{member}"
    assert "recursive=False" in str(inspect.signature(strongroom.Repository.list))


def test_files_of_a_snapshot_are_files(repository: strongroom.Repository) -> None:
    lines = "".join(f"line {number}\n" for number in range(20_000)).encode()
    snapshot = one(repository, lines)
    with repository.open_file(snapshot, "file") as raw:
        assert isinstance(raw, io.RawIOBase)
        assert raw.readable()
        assert raw.seekable()
        assert not raw.writable()
        assert raw.read(6) == b"line 0"
        assert raw.tell() == 6
        assert raw.seek(-3, os.SEEK_END) == len(lines) - 3
        assert raw.readall() == lines[-3:]
        assert raw.seek(len(lines) + 9) == len(lines) + 9
        assert raw.read() == b""
        assert raw.read_at(5, 3) == lines[5:8]
        room = bytearray(10)
        raw.seek(0)
        assert raw.readinto(memoryview(room)[2:8]) == 6
        assert bytes(room) == b"\0\0line 0\0\0"
        with pytest.raises(TypeError):
            raw.readinto(b"not writable")
        with pytest.raises(ValueError, match="negative"):
            raw.seek(-1)
        # More than there is memory for is no more than there is of the file.
        assert raw.read_at(0, 2**63) == lines
        raw.seek(0)
        assert raw.read(2**62) == lines
    with pytest.raises(ValueError, match="closed"):
        raw.read()
    assert raw.closed
    raw.close()
    with io.TextIOWrapper(io.BufferedReader(repository.open_file(snapshot, "file")), "utf-8") as text:
        assert [text.readline(), *text][-1] == "line 19999\n"


def test_errors_are_also_pythons_own(tmp_path: Path, repository: strongroom.Repository) -> None:
    snapshot = one(repository, b"x")
    with pytest.raises(FileNotFoundError) as found:
        repository.entry(snapshot, "nothing")
    assert isinstance(found.value, strongroom.NotFoundError)
    assert isinstance(found.value, KeyError)
    assert found.value.kind is strongroom.ErrorKind.NOT_FOUND
    assert "nothing" in str(found.value)
    again = pickle.loads(pickle.dumps(found.value))
    assert (type(again), str(again), again.object) == (type(found.value), str(found.value), found.value.object)
    with pytest.raises(ValueError, match="id"):
        repository.entry("no id", "x")
    strongroom.Repository.create(tmp_path, "right", cost=FLOOR).close()
    with pytest.raises(PermissionError):
        strongroom.Repository.open(tmp_path, "wrong")
    with pytest.raises(FileExistsError):
        strongroom.Repository.create(tmp_path, "right", cost=FLOOR)
    with pytest.raises(FileNotFoundError, match="repository"):
        strongroom.Repository.open(tmp_path / "elsewhere", "right")


def test_every_kind_has_its_exception() -> None:
    kinds = set()
    for made in vars(strongroom).values():
        if isinstance(made, type) and issubclass(made, strongroom.Error):
            kinds.add(made.kind)
    assert kinds == set(strongroom.ErrorKind)
    assert strongroom.ErrorKind.CALLBACK.code == 102


def test_closed_things_say_so(repository: strongroom.Repository) -> None:
    snapshot = one(repository, b"x")
    listing = repository.list(snapshot)
    listing.close()
    listing.close()
    with pytest.raises(strongroom.ClosedError):
        next(listing)
    repository.close()
    repository.close()
    assert repository.closed
    for call in (repository.keys, repository.snapshots, lambda: repository.id, repository.check):
        with pytest.raises(strongroom.ClosedError):
            call()


@pytest.mark.parametrize("path", ["a\0b", "\ud800", "..", "a/../b", ""])
def test_paths_that_are_none(repository: strongroom.Repository, path: str) -> None:
    with pytest.raises(strongroom.InvalidArgumentError):
        repository.backup(Source.bytes(path, b"x"))
    with pytest.raises(strongroom.InvalidArgumentError):
        repository.backup(path) if path in ("a\0b", "\ud800", "") else repository.backup(Source.bytes(path, b""))
    one(repository, b"sound")
    assert repository.check().is_sound


def test_text_with_surrogates_is_refused(repository: strongroom.Repository) -> None:
    with pytest.raises(strongroom.InvalidArgumentError):
        repository.backup(Source.bytes("x", b""), tags=["\ud800"])
    with pytest.raises(strongroom.InvalidArgumentError):
        strongroom.Secret.passphrase("\udcff")
    with pytest.raises(TypeError, match="iterable"):
        repository.backup(Source.bytes("x", b""), tags="daily")
    with pytest.raises(OverflowError):
        repository.prune(max_moved_bytes=-1)
    with pytest.raises(strongroom.InvalidArgumentError, match="never, if_newer"):
        repository.restore("0" * 64, "t", overwrite="sometimes")  # type: ignore[arg-type]


def test_names_that_are_no_utf8(repository: strongroom.Repository, tmp_path: Path) -> None:
    root = tmp_path / "bytes"
    root.mkdir()
    name = b"caf\xe9 \xff"
    (root / os.fsdecode(name)).write_bytes(b"kept")
    snapshot = repository.backup(root).snapshot
    assert snapshot is not None
    (entry,) = repository.list(snapshot)
    assert (entry.path_bytes, os.fsencode(entry.path)) == (name, name)
    for path in (name, entry.path, Path(entry.path)):
        with repository.open_file(snapshot, path) as file:
            assert file.read() == b"kept"
    repository.restore(snapshot, tmp_path / "target")
    assert os.listdir(os.fsencode(tmp_path / "target")) == [name]


def test_times(repository: strongroom.Repository) -> None:
    moment = datetime(2001, 2, 3, 4, 5, 6, 789_123, tzinfo=timezone(timedelta(hours=3)))
    nanoseconds = 981_162_306_789_123_456
    for given, kept in ((moment, 981_162_306_789_123_000), (nanoseconds, nanoseconds), (-1, -1)):
        snapshot = repository.backup(Source.bytes("x", b"x", modified=given)).snapshot
        assert snapshot is not None
        entry = repository.entry(snapshot, "x")
        assert entry.modified_ns == kept
    assert entry.modified == datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    found = repository.snapshots(strongroom.SnapshotFilter(after=datetime.now() - timedelta(minutes=5)))
    assert len(found) == 3
    assert not repository.snapshots(strongroom.SnapshotFilter(before=moment))


def test_secrets_do_not_show() -> None:
    assert repr(strongroom.Secret.passphrase("correct horse")) == "<strongroom.Secret>"
    code = strongroom.generate_recovery_code()
    strongroom.Secret.recovery_code(code.lower())
    assert code not in repr(strongroom.AddedCode("slot", code))


def test_retention_policies() -> None:
    with strongroom.Repository.create(strongroom.Backend.memory(), "pass", cost=FLOOR) as repository:
        ids = [one(repository, bytes([number])) for number in range(3)]
        repository.tag(ids[0], add=["keep"])
        policy = strongroom.RetentionPolicy(
            last=1,
            tags=["keep"],
            group_by=["host"],
            within_periods=[(strongroom.PeriodKind.DAY, timedelta(0))],
            utc_offset=timedelta(hours=-5),
        )
        report = repository.forget(policy=policy, dry_run=True)
        assert (report.kept, report.removed) == (2, 1)
        (group,) = report.groups
        assert [bool(decision.keep) for decision in group.decisions] == [True, False, True]
        with pytest.raises(strongroom.InvalidArgumentError, match="lineage"):
            repository.forget(policy=strongroom.RetentionPolicy(group_by=["colour"]))  # type: ignore[list-item]
        assert repository.forget([ids[1]]).removed == 1
        assert [snapshot.id for snapshot in repository.snapshots()] == [ids[0], ids[2]]
        with pytest.raises(TypeError):
            repository.forget(ids[0])
