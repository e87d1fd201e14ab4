"""fsspec, pandas, progress bars."""

from __future__ import annotations

import io
from pathlib import Path

import fsspec
import pandas
import pytest
import rich.console
import rich.progress
import strongroom
from strongroom.fs import SnapshotFileSystem
from strongroom.progress import RichProgress, TqdmProgress


def test_a_snapshot_is_a_file_system(repository: strongroom.Repository, folder: Path) -> None:
    repository.backup(folder)
    files = SnapshotFileSystem(repository)
    assert sorted(files.ls("", detail=False)) == ["empty", "notes", "table.csv"]
    assert sorted(files.find("")) == ["empty", "notes/one.txt", "table.csv"]
    assert files.info("/notes")["type"] == "directory"
    assert files.size("notes/one.txt") == 4000
    assert files.isdir("notes")
    assert files.isfile("strongroom://table.csv")
    assert not files.exists("nothing")
    assert files.glob("**/*.txt") == ["notes/one.txt"]
    assert files.cat_file("table.csv", start=-8) == b"green,2\n"
    assert files.cat("table.csv") == (folder / "table.csv").read_bytes()
    with files.open("notes/one.txt", "r") as text:
        assert text.readline() == "one\n"
    with pytest.raises(FileNotFoundError):
        files.open("nothing")
    with pytest.raises(PermissionError):
        files.open("table.csv", "wb")


def test_pandas_reads_from_a_backup(tmp_path: Path, folder: Path) -> None:
    place = tmp_path / "repository"
    with strongroom.Repository.create(place, "pass", cost=strongroom.Cost.FLOOR) as repository:
        repository.backup(folder)
        table = pandas.read_csv(SnapshotFileSystem(repository).open("table.csv"))
    by_address = pandas.read_csv("strongroom://table.csv", storage_options={"repository": str(place), "secret": "pass"})
    assert table.equals(by_address)
    assert list(by_address["count"]) == [1, 2]


def test_the_file_system_is_registered() -> None:
    assert fsspec.get_filesystem_class("strongroom") is SnapshotFileSystem


def test_progress_bars(repository: strongroom.Repository, folder: Path) -> None:
    out = io.StringIO()
    with TqdmProgress(file=out, leave=True) as bar:
        repository.backup(folder, progress=bar)
    assert bar.bar.n == 4025
    assert "4.0" in out.getvalue() or "3.9" in out.getvalue()

    console = rich.console.Console(file=io.StringIO(), width=100)
    with rich.progress.Progress(console=console) as display:
        shown = RichProgress(display)
        repository.check(read_data=100, progress=shown)
        assert display.tasks[shown.task].description in ("Checking", "Finishing", "Preparing")
    with RichProgress():
        pass
