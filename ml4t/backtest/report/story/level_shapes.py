"""The levels of one trade as lines of a picture."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml4t.backtest.report.picture import colors
from ml4t.backtest.report.picture.asset_bars import AssetBars
from ml4t.backtest.report.picture.shapes import Line
from ml4t.backtest.report.story.trade_levels import level_steps
from ml4t.backtest.report.story.trade_records import TradeRecord

COLORS = {"stop": colors.STOP, "target": colors.TARGET}


def level_shapes(record: TradeRecord, bars: AssetBars, time: pd.DatetimeIndex) -> list[Line]:
    """Return a line for each level of a trade.

    Recorded ones are steps, from bar to bar; of others both ends are known, and the line between is straight.

    Parameters
    ----------
    record : TradeRecord
    bars : AssetBars
    time : DatetimeIndex
        The times of the bars as they are shown.
    """
    lines = []
    for level in level_steps(record):
        places, values = bars.places_at(level.stamps), np.asarray(level.values)
        if level.is_recorded:
            # Each value up to the bar at which the next one holds, the last one to the end of the trade.
            end = len(bars) - 1 if record.is_open else _exit_place(record, bars)
            places = np.append(np.repeat(places, 2)[1:], max(end, places[-1]))
            values = np.repeat(values, 2)
        lines.append(
            Line(level.name, time[places], values, COLORS[level.kind], width=1.0, is_dashed=True)
        )
    return lines


def _exit_place(record: TradeRecord, bars: AssetBars) -> int:
    return int(bars.places_at(np.array([record.trade["exit_time_ns"]]))[0])
