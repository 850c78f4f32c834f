"""What is imported only when it is used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ml4t.backtest

PRINTED = "import sys; print(*[name for name in {names} if name in sys.modules])"


def loaded_by(statement, *names):
    code = f"{statement}\n{PRINTED.format(names=names)}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.split()


def test_the_package_alone_loads_no_library():
    assert loaded_by("import ml4t.backtest", "numpy", "pandas", "pyarrow", "pydantic") == []


def test_a_run_loads_what_runs_need_and_no_more():
    """The command line, pictures, feeds and the look-ahead check come when they are used."""
    beside = ("typer", "rich", "matplotlib", "plotly", "ruamel", "numba", "pyarrow.dataset")
    ours = ("ml4t.backtest.lookahead", "ml4t.backtest.cli", "ml4t.backtest.runfile")
    statement = "from ml4t.backtest import BacktestConfig, MarketData, SignalStrategy, run_backtest"
    assert loaded_by(statement, "pandas", *beside, *ours) == ["pandas"]


def test_rooms_are_found_as_attributes_of_the_package():
    statement = "import ml4t.backtest as bt; bt.risk.TrailingStop"
    assert loaded_by(statement, "ml4t.backtest.risk") == ["ml4t.backtest.risk"]


def test_market_data_without_what_reads_tables_says_where_it_is():
    code = "from ml4t.backtest.market.market_data import MarketData; MarketData.from_tables(None)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: ")
    assert last.endswith("write `from ml4t.backtest import MarketData`")


def test_the_package_has_the_names_that_its_stub_gives_to_editors():
    stub = ast.parse(Path(ml4t.backtest.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imported = {
        alias.name: node.module
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    listed = next(ast.literal_eval(n.value) for n in stub.body if isinstance(n, ast.Assign))
    assert dir(ml4t.backtest) == ml4t.backtest.__all__ == listed == sorted(imported)
    for name, module in imported.items():
        found = getattr(ml4t.backtest, name)
        assert found is getattr(sys.modules[module], name)


def test_a_name_that_is_not_there_is_told_the_nearest():
    with pytest.raises(
        AttributeError, match=r"has no 'run_backtests'; did you mean 'run_backtest'"
    ):
        ml4t.backtest.run_backtests  # noqa: B018
    assert not hasattr(ml4t.backtest, "__path_of_nothing__")
