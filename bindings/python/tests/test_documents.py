"""What the guide and the example say is what happens."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import strongroom

ROOT = Path(__file__).resolve().parents[3]


def blocks(document: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL)


def test_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/notes.txt").write_text("a first line\nand a second\n")
    (tmp_path / "photos/table.csv").write_text("name,count\nred,1\n")
    code = blocks("docs/guide-python.md")
    assert len(code) >= 9
    names: dict[str, object] = {"__name__": "guide"}
    exec(compile("\n".join(code), "guide-python.md", "exec"), names)
    said = capsys.readouterr().out
    assert "a first line" in said
    assert "not_found 2 no such file" in said
    assert "complete" in said
    assert (tmp_path / "restored/table.csv").read_text() == "name,count\nred,1\n"
    repository = names["repository"]
    assert isinstance(repository, strongroom.Repository)
    assert len(repository.snapshots()) == 7
    assert repository.check(read_data=100).is_sound


def test_the_example_runs(tmp_path: Path, folder: Path) -> None:
    (folder / "README.md").write_text("# A heading\n")
    program = str(ROOT / "examples/python/backup.py")
    command = [sys.executable, program, str(folder), str(tmp_path / "repository"), str(tmp_path / "restored")]
    for number in (1, 2):
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        assert ran.stdout.count(" 4 files\n") == number
        assert "README.md: # A heading" in ran.stdout
    assert (tmp_path / "restored/notes/one.txt").read_text() == "one\n" * 1000


def test_the_measuring_program_runs(tmp_path: Path, folder: Path) -> None:
    program = ROOT / "benches/bindings/python/bench.py"

    def run(*arguments: object) -> str:
        command: list[str] = [sys.executable, str(program), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    place = tmp_path / "repository"
    assert run("backup", folder, place).endswith("3 files\n")
    assert run("backup", folder, place).endswith("3 files\n")
    assert run("restore", place, tmp_path / "target") == "3 files\n"
    assert float(run("calls", place, 10)) > 0
