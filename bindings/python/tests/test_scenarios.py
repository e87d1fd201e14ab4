"""The stories that every language plays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import scenario

ROOT = Path(__file__).resolve().parents[3]
# Other ones, when languages are held against each other.
GIVEN = os.environ.get("STRONGROOM_SCENARIOS")
SCENARIOS = sorted(Path(GIVEN or ROOT / "docs/scenarios").glob("*.json"))


def test_the_scenarios_are_there() -> None:
    assert len(SCENARIOS) >= (1 if GIVEN else 15)


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_scenario(file: Path, tmp_path: Path) -> None:
    assert scenario.play(ROOT, file, tmp_path) > 0
