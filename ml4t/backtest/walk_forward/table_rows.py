"""The rows of a table of features and labels that belong to the parts of a walk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ml4t.backtest.walk_forward.combinatorial import CombinatorialPurged
from ml4t.backtest.walk_forward.errors import WalkForwardError
from ml4t.backtest.walk_forward.splitter import WalkForward
from ml4t.backtest.walk_forward.timed_rows import FIRST, TimedRows


class TableRows:
    """Cuts a table where a walk cuts its data.

    Parameters
    ----------
    table : DataFrame or None
    splits : WalkForward or CombinatorialPurged
        Says which are the times and the label ends of its rows.

    Raises
    ------
    WalkForwardError
        If the rows have no times, or times or label ends are given and no table.
    """

    def __init__(self, table: Any, splits: WalkForward | CombinatorialPurged) -> None:
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
        self._rows = splits.rows_of(table)
        if not self._rows.has_times:
            raise WalkForwardError(
                "the rows of table have no times: name their column with WalkForward(..., times=...)"
            )

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
        rows, stamps = self._rows, market.times
        kept = np.zeros(rows.n, bool)
        for first, last in stretches:
            # From behind the bar before, as a bar knows what was known since then.
            since = stamps[first - 1] if first else FIRST
            kept |= (rows.times > since) & (rows.times <= stamps[last - 1])
        for first, last in tested:
            known_before = stamps[first - 1] if first else FIRST
            start = market.before(int(stamps[first]), self._embargo_before)
            inside = (rows.times > known_before) & (rows.times <= stamps[last - 1])
            before = rows.times <= known_before
            kept &= ~inside & ~(before & (rows.ends >= start))
            if inside.any():
                known = market.after(int(rows.ends[inside].max()), self._embargo)
                kept &= before | (rows.times > known)
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
        times = self._rows.times
        inside = (times > since) & (times <= market.times[last - 1])
        return self._table.iloc[np.flatnonzero(inside)]
