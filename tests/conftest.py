"""What tests of more than one room need."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Benchmarks and profiling scripts are tested too. At the end: an installed package goes first.
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--first-shard",
        action="store_true",
        help="of tests over random markets, which run in shards, the first shard alone",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--first-shard"):
        return
    left_out = [item for item in items if _parameters(item).get("shard", 0) != 0]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if _parameters(item).get("shard", 0) == 0]


def _parameters(item: pytest.Item) -> dict[str, object]:
    return item.callspec.params if hasattr(item, "callspec") else {}


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real market data: $ML4T_SHARED/data, or shared/data beside the checkout."""
    folder = Path(os.environ.get("ML4T_SHARED") or ROOT.parent / "shared") / "data"
    if not folder.is_dir():
        pytest.skip(f"no real market data at {folder}: set ML4T_SHARED")
    return folder
