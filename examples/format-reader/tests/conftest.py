"""What the tests share."""

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent.parent
VECTORS = HERE.parent.parent / "docs" / "vectors"
sys.path.insert(0, str(HERE))


@pytest.fixture(scope="session")
def strongroom():
    """The command that writes repositories, where one is given."""
    if "STRONGROOM_BIN" not in os.environ:
        pytest.skip("STRONGROOM_BIN does not name the strongroom command")
    return os.environ["STRONGROOM_BIN"]
