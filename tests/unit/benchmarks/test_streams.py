"""Memory of a run over a feed is set by the chunk, not by the data."""

import pytest

from benchmarks.processes import in_fresh_process
from benchmarks.streams import peak_over, write_rows

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
