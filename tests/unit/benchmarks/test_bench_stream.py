"""B7 compares what it says, and the same run on both sides."""

import os

import numpy as np
import pytest

from benchmarks import bench
from benchmarks.bench_stream import digest, measure_stream
from benchmarks.streams import KEPT_MEMORY, Marked, write_minutes
from ml4t.backtest import BacktestConfig, Strategy, run_backtest


def test_the_figure_is_the_whole_over_the_longer_half(monkeypatch):
    rounds = np.array([[1.0, 2.0, 3.0], [4.0, 2.0, 4.0], [1.0, 1.0, 9.0]])

    def measured(function, n_rounds):
        assert os.environ.items() >= KEPT_MEMORY.items()
        return rounds

    monkeypatch.setattr(bench, "in_fresh_process", measured)
    assert bench.stream_row(3).figure == pytest.approx(1.5)


def test_a_round_times_reading_running_and_both():
    rounds = measure_stream(2, n_rows=30_000, chunk=4_000)
    assert rounds.shape == (2, 3)
    assert (rounds > 0).all()


def test_another_run_has_another_digest(tmp_path):
    path = tmp_path / "minutes.parquet"
    write_minutes(path, 50_000)
    whole, again, other = (
        digest(run_backtest(path, Marked(), config=BacktestConfig(slippage=slip)))
        for slip in (0.0, 0.0, 0.001)
    )
    assert whole == again != other


def test_a_run_without_trades_is_no_measure(tmp_path):
    class Idle(Strategy):
        def on_market_data(self, event):
            pass

    path = tmp_path / "minutes.parquet"
    write_minutes(path, 1_000)
    with pytest.raises(AssertionError, match="must trade"):
        digest(run_backtest(path, Idle()))
