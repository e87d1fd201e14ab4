"""What Python writes the command in Rust reads, and the other way round."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import strongroom
from values import tree

COMMAND = os.environ.get("STRONGROOM_BIN")
pytestmark = pytest.mark.skipif(COMMAND is None, reason="STRONGROOM_BIN names no command")


def run(place: Path, *arguments: str | Path) -> str:
    assert COMMAND is not None
    variables = os.environ | {"STRONGROOM_PASSPHRASE": "pass", "HOME": str(place.parent)}
    command = [COMMAND, "--repository", place, *arguments]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout


def test_the_command_reads_what_python_wrote(tmp_path: Path, folder: Path) -> None:
    place = tmp_path / "repository"
    with strongroom.Repository.create(place, "pass", cost=strongroom.Cost.FLOOR) as repository:
        repository.backup(folder)
    run(place, "restore", "latest", "--target", tmp_path / "restored")
    assert tree(tmp_path / "restored") == tree(folder)
    run(place, "check", "--read-data")


def test_python_reads_what_the_command_wrote(tmp_path: Path, folder: Path) -> None:
    place = tmp_path / "repository"
    run(place, "init")
    run(place, "backup", folder)
    with strongroom.Repository.open(place, "pass") as repository:
        repository.restore(repository.snapshot(), tmp_path / "restored")
        assert repository.check(read_data=100, verify_content=True).is_sound
    assert tree(tmp_path / "restored") == tree(folder)
