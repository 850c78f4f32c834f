"""When a trade went farthest for and against its entry, where its bars prove it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml4t.backtest.report.story.trade_records import TradeRecord

TOLERANCE = 1e-9  # of the entry price: what rounding may leave between two ways of one sum


def excursion_times(record: TradeRecord) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
    """Return the bars at which MFE and MAE of a closed trade were reached, the first of them.

    A bar counts as that only where its price less the entry price is the excursion itself; None where no bar is, as
    after dividends or adds, of open trades, and without bars.
    """
    trade, bars, times = record.trade, record.bars, record.bar_times
    if record.is_open or bars is None or times is None:
        return None, None
    first, last = (record.bar(trade[f"{end}_time_ns"]) for end in ("entry", "exit"))
    if first is None or last is None:
        return None, None
    chosen = slice(first, last + 1)
    up, down = bars.high[chosen], bars.low[chosen]
    best, worst = (up, down) if record.is_long else (down, up)
    sign = 1.0 if record.is_long else -1.0
    found = []
    for name, prices in (("mfe", best), ("mae", worst)):
        reached = (prices - trade["entry_price"]) * sign
        is_it = np.abs(reached - trade[name]) <= TOLERANCE * abs(trade["entry_price"])
        # Of the last bar the exit counts, not its extreme.
        left = (trade["exit_price"] - trade["entry_price"]) * sign
        is_it[-1] |= abs(left - trade[name]) <= TOLERANCE * abs(trade["entry_price"])
        moment = record.fills[0]["moment"] if record.fills else "inside"
        if moment == "close":
            is_it[0] = False  # its range was before the entry
        elif moment == "inside" and is_it[0]:
            is_it[:] = False  # before the entry or behind it, the bar does not say
        places = np.flatnonzero(is_it)
        at = times[first + int(places[0])] if len(places) and trade[name] != 0.0 else None
        found.append(at)
    return found[0], found[1]
