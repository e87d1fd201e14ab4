"""What most tests need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import strongroom


@pytest.fixture
def repository() -> Iterator[strongroom.Repository]:
    """A cheap repository in memory."""
    with strongroom.Repository.create(strongroom.Backend.memory(), "pass", cost=strongroom.Cost.FLOOR) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a few files."""
    root = tmp_path / "source"
    (root / "notes").mkdir(parents=True)
    (root / "notes/one.txt").write_text("one\n" * 1000)
    (root / "table.csv").write_text("name,count\nred,1\ngreen,2\n")
    (root / "empty").write_bytes(b"")
    return root
