"""The table of parts: when they are, what was chosen, and what it was worth."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ml4t.backtest.records.shown_times import ShownTimes
from ml4t.backtest.walk_forward.walking import FittedPart, Test, Walk


def parts_table(
    walk: Walk, fits: Sequence[FittedPart], tests: Sequence[Test], outside: Sequence[float]
) -> pd.DataFrame:
    """Return a row for each test: first and last timestamps, parameters, the measure in sample and out of it."""
    chosen = [one.fitted.parameters for one in fits]
    names = list(dict.fromkeys(name for one in chosen for name in one))
    shown = ShownTimes.of_prices(walk.data.info)
    times = shown.shown(pd.DatetimeIndex(walk.data.timestamps, tz="UTC"))
    return pd.DataFrame(
        {
            "train_start": shown.shown(pd.DatetimeIndex([one.train.start for one in fits])),
            "train_end": shown.shown(pd.DatetimeIndex([one.train.end for one in fits])),
            "test_start": times[[first for first, _ in tests]],
            "test_end": times[[last - 1 for _, last in tests]],
            **{name: [one.get(name) for one in chosen] for name in names},
            "in_sample": [one.in_sample for one in fits],
            "out_of_sample": list(outside),
        }
    ).rename_axis("part")
