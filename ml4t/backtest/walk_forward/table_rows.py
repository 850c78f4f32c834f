"""The rows of a table of features and labels that belong to the parts of a walk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.walk_forward.combinatorial import CombinatorialPurged
from ml4t.backtest.walk_forward.errors import WalkForwardError
from ml4t.backtest.walk_forward.splitter import WalkForward
from ml4t.backtest.walk_forward.table_times import table_times
from ml4t.backtest.walk_forward.timed_rows import FIRST, TimedRows


class TableRows:
    """Cuts a table where a walk cuts its data.

    Parameters
    ----------
    table : DataFrame or None
    splits : WalkForward or CombinatorialPurged
        Says which are the times and the label ends of its rows.
    data : MarketData
        As its times were read, those of the rows are.

    Raises
    ------
    WalkForwardError
        If the rows have no times, or times or label ends are given and no table.
    """

    def __init__(
        self, table: Any, splits: WalkForward | CombinatorialPurged, data: MarketData
    ) -> None:
        self._table = table
        self._embargo = splits.embargo
        # Of combinations it lies behind the test groups only.
        self._embargo_before = splits.embargo if isinstance(splits, WalkForward) else 0
        if table is None:
            for name in ("times", "label_ends"):
                if getattr(splits, name) is not None:
                    raise WalkForwardError(
                        f"{name} of the splits are those of rows, and there are none: give the table, or splits without "
                        f"{name}: labels that fit makes of the bars of its train part end within it"
                    )
            return
        if not hasattr(table, "iloc"):
            raise WalkForwardError(f"table must be a pandas DataFrame, was {type(table).__name__}")
        self._times, self._ends = table_times(table, splits, data)

    def to_train_on(
        self,
        market: TimedRows,
        stretches: Sequence[tuple[int, int]],
        tested: Sequence[tuple[int, int]],
    ) -> Any:
        """Return the rows of a train part: known within its bars, with labels that no test part can touch.

        Parameters
        ----------
        market : TimedRows
            The timestamps of the data.
        stretches, tested : sequence of (first, last)
            Timestamps of the train part and of its test parts, ``last`` excluded.
        """
        if self._table is None:
            return None
        times, ends, stamps = self._times, self._ends, market.times
        kept = np.zeros(len(times), bool)
        for first, last in stretches:
            # From behind the bar before, as a bar knows what was known since then.
            since = stamps[first - 1] if first else FIRST
            kept |= (times > since) & (times <= stamps[last - 1])
        for first, last in tested:
            known_before = stamps[first - 1] if first else FIRST
            start = market.before(int(stamps[first]), self._embargo_before)
            inside = (times > known_before) & (times <= stamps[last - 1])
            before = times <= known_before
            kept &= ~inside & ~(before & (ends >= start))
            if inside.any():
                known = market.after(int(ends[inside].max()), self._embargo)
                kept &= before | (times > known)
        train = np.flatnonzero(kept)
        if not len(train):
            raise WalkForwardError(
                f"no row of table is left to train on before {market.shown(int(stamps[tested[0][0]]))}"
            )
        return self._table.iloc[train]

    def to_test_on(self, market: TimedRows, first: int, last: int) -> Any:
        """Return the rows that the bars of a test part know, from those behind the bar before it on."""
        if self._table is None:
            return None
        since = market.times[first - 1] if first else FIRST
        times = self._times
        inside = (times > since) & (times <= market.times[last - 1])
        return self._table.iloc[np.flatnonzero(inside)]
