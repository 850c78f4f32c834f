"""The commands sweep and study: tables of mixed columns, and the number of trials behind the best."""

import pandas as pd
import pytest
from typer.testing import CliRunner
from unit.sweep.studied import TEMPLATE, market

from ml4t.backtest.analytics import deflated_sharpe
from ml4t.backtest.cli import app
from ml4t.backtest.cli.sweeps import _as_parquet
from ml4t.backtest.sweep import between, from_optuna, grid, read_returns, sweep
from ml4t.backtest.sweep.journal import n_tried

STRATEGY = """
from ml4t.backtest import Strategy


class Mixed(Strategy):
    def __init__(self, mode, windows=None):
        self.mode = mode

    def on_market_data(self, event):
        if not self.position(event.asset):
            self.order_target_percent(event.asset, 0.5)
"""
STUDY = """
data: {prices: prices.parquet}
strategy:
  class: mixed.py:Mixed
  parameters: {mode: [fast, 3, null], windows: [[5, 20], [10, 50]]}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mixed.py").write_text(STRATEGY)
    (tmp_path / "study.yaml").write_text(STUDY)
    days = pd.date_range("2024-01-01", periods=60, freq="B", tz="UTC")
    closes = pd.Series([100.0 + (n * 37 % 11) for n in range(60)])
    prices = pd.DataFrame({"timestamp": days, "asset": "A", "close": closes})
    prices.to_parquet(tmp_path / "prices.parquet")
    return tmp_path


def invoke(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


def test_a_column_of_several_kinds_of_values_is_written_as_text(folder):
    done = invoke("sweep", "study.yaml", "--workers", 1, "--output", "table.parquet")
    assert done.exit_code == 0, done.output
    table = pd.read_parquet("table.parquet")
    modes = table["strategy.parameters.mode"]
    assert modes.iloc[:4].tolist() == ["fast", "fast", "3", "3"]
    assert modes.iloc[4:].isna().all()
    assert [[*one] for one in table["strategy.parameters.windows"][:2]] == [[5, 20], [10, 50]]
    assert table["trades"].dtype == "int64"
    shown = invoke("study", "study.db", "--output", "again.parquet")
    assert shown.exit_code == 0, shown.output
    assert pd.read_parquet("again.parquet")["strategy.parameters.mode"].iloc[2] == "3"


def test_a_table_that_parquet_holds_is_written_as_it_is(tmp_path):
    table = pd.DataFrame(
        {"a": [1, 2], "b": [[1], [2]], "c": [{"x": 1}, {"y": 2}], "d": [None, "x"]}
    )
    assert _as_parquet(table).equals(table)
    big = pd.DataFrame({"a": [1, 2**70], "b": [1.5, "x"], "c": [[1], 2]})
    assert _as_parquet(big).to_numpy().tolist() == [["1", "1.5", "[1]"], [str(2**70), "x", "2"]]
    _as_parquet(big).to_parquet(tmp_path / "table.parquet")


def test_what_was_pruned_counts_behind_the_best(tmp_path):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=1),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=2),
    )
    space = from_optuna(
        study, 20, stop=between(0.005, 0.1), target=between(0.01, 0.1), stages=(0.5,), at_a_time=4
    )
    path = tmp_path / "study.db"
    result = sweep(TEMPLATE, space, market(), workers=1, keep_returns=True, journal=path)
    n_pruned = result.table["status"].eq("pruned").sum()
    assert n_pruned > 2
    worth = deflated_sharpe(result)
    assert worth.trials == n_tried(path) == 20 > read_returns(path).shape[1]
    said = (
        f"ratio: {float(worth):.4f}, the probability that the best of 20 trials is more than luck"
    )
    assert said in invoke("study", path).stdout


def hopeless(fall):
    optuna = pytest.importorskip("optuna")
    if fall > 0.5:
        raise optuna.TrialPruned("no hope")
    if fall > 0.1:
        raise ValueError("no idea")
    return {**TEMPLATE, "rules": []}


def test_what_a_strategy_prunes_counts_and_what_fails_does_not(tmp_path):
    path = tmp_path / "study.db"
    space = grid(fall=[0.01, 0.02, 0.2, 0.6, 0.7])
    result = sweep(hopeless, space, market(), workers=1, keep_returns=True, journal=path)
    assert n_tried(path) == result.n_tried == 4
