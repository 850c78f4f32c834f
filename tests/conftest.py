"""What tests of more than one room need."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Benchmarks and profiling scripts are tested too. At the end: an installed package goes first.
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real market data: $ML4T_SHARED/data, or shared/data beside the checkout."""
    folder = Path(os.environ.get("ML4T_SHARED") or ROOT.parent / "shared") / "data"
    if not folder.is_dir():
        pytest.skip(f"no real market data at {folder}: set ML4T_SHARED")
    return folder
