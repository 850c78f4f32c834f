"""Memory of a run over a feed is set by the chunk, not by the data; B7's own arithmetic."""

import numpy as np
import pytest

from benchmarks.bench_stream import CHUNK, check, measure, ratio
from benchmarks.processes import in_fresh_process
from benchmarks.streams import peak_over, write_minutes, write_rows

ROWS = 250_000
MOST = 1.1


@pytest.mark.slow
def test_peak_memory_does_not_grow_with_the_data(tmp_path):
    """Few orders and timestamps, so that the result holds little: 2 and 8 million rows."""
    peaks = {}
    for millions in (2, 8):
        folder = tmp_path / str(millions)
        write_rows(folder, millions * 1_000_000)
        found = [in_fresh_process(peak_over, folder, ROWS) for _ in range(3)]
        assert {n_bars for n_bars, _ in found} == {millions * 1_000_000}
        # Two threads meet at their peaks or do not: the smallest is what a run cannot do without.
        peaks[millions] = min(peak for _, peak in found)
    assert peaks[8] <= MOST * peaks[2], peaks


def test_the_figure_is_the_whole_over_the_longer_half():
    assert ratio(np.array([[1.0, 2.0, 3.0], [4.0, 2.0, 4.0], [1.0, 1.0, 9.0]])) == 1.5


def test_a_round_times_the_same_run_from_memory_and_from_the_file(tmp_path):
    path = tmp_path / "minutes.parquet"
    write_minutes(path, 2_000 + CHUNK)
    assert (measure(path, 1) > 0).all()


def test_another_run_is_found(tmp_path):
    from benchmarks.streams import Marked
    from ml4t.backtest import BacktestConfig, run_backtest

    write_minutes(tmp_path / "minutes.parquet", 50_000)
    whole, other = (
        run_backtest(tmp_path / "minutes.parquet", Marked(), config=BacktestConfig(slippage=slip))
        for slip in (0.0, 0.001)
    )
    check(whole, whole)
    with pytest.raises(AssertionError, match="must be the run from memory"):
        check(whole, other)
