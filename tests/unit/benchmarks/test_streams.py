"""Memory of a run over a feed is set by the chunk, not by the data."""

import pytest

from benchmarks.processes import in_fresh_process
from benchmarks.streams import PLAIN_MEMORY, peak_over, write_rows
from ml4t.backtest import build_profile

ROWS = 250_000
MOST = 1.1


@pytest.mark.slow
@pytest.mark.skipif(build_profile() == "asan", reason="the sanitizer keeps memory that was freed")
def test_peak_memory_does_not_grow_with_the_data(tmp_path, monkeypatch):
    """Few orders and timestamps, so that the result holds little: 2 and 8 million rows.

    Signals, context and an indicator are joined to them chunk by chunk.
    """
    for name, value in PLAIN_MEMORY.items():
        monkeypatch.setenv(name, value)  # what an allocator keeps is not what a run needs
    peaks = {}
    for millions in (2, 8):
        folder = tmp_path / str(millions)
        write_rows(folder, millions * 1_000_000)
        n_bars, peaks[millions] = in_fresh_process(peak_over, folder, ROWS)
        assert n_bars == millions * 1_000_000
    assert peaks[8] <= MOST * peaks[2], peaks
