"""The levels of one trade as lines of a picture."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml4t.backtest.report.picture import colors
from ml4t.backtest.report.picture.asset_bars import AssetBars
from ml4t.backtest.report.picture.shapes import Line
from ml4t.backtest.report.story.trade_levels import level_steps, step_places
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
        if level.is_recorded:
            # Each value up to the bar at which the next one holds, the last one to the end of the trade.
            places, steps = step_places(level, record, bars)
            places, values = np.repeat(places, 2)[1:-1], np.repeat(steps[:-1], 2)
        else:
            places, values = bars.places_at(level.stamps), np.asarray(level.values)
        lines.append(
            Line(level.name, time[places], values, COLORS[level.kind], width=1.0, is_dashed=True)
        )
    return lines
