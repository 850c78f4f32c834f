"""Stops and targets of one asset's positions, as far as the records of a run hold them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml4t.backtest.report.picture import colors
from ml4t.backtest.report.picture.asset_bars import AssetBars
from ml4t.backtest.report.picture.shapes import Line, Marks, Shape

LEVELS = (("stop", colors.STOP), ("target", colors.TARGET))


def level_lines(
    bars: AssetBars, time: pd.DatetimeIndex, chosen: slice, trades: pd.DataFrame
) -> list[Shape]:
    """Return a line for stops and one for targets, from each entry to its exit.

    A trade knows its levels at both ends; where they differ the line between is straight.
    """
    entry, leave = (bars.rows(trades[name]) for name in ("entry_time", "exit_time"))
    first, last = np.maximum(entry, chosen.start), np.minimum(leave, chosen.stop - 1)
    length = np.maximum(leave - entry, 1)
    lines: list[Shape] = []
    for name, color in LEVELS:
        before, after = (trades[f"{name}_at_{end}"].to_numpy() for end in ("entry", "exit"))
        slope = (after - before) / length
        ends = [before + slope * (first - entry), before + slope * (last - entry)]
        is_shown = (first <= last) & ~np.isnan(slope)
        if is_shown.any():
            # Both ends of each, and NaN, which breaks the line before the next.
            values = np.column_stack([*ends, np.full(len(trades), np.nan)])[is_shown]
            places = np.column_stack([first, last, last])[is_shown]
            lines.append(
                Line(name, time[places.ravel()], values.ravel(), color, width=1.0, is_dashed=True)
            )
    return lines


def level_marks(time: pd.DatetimeIndex, chosen: slice, open_positions: pd.DataFrame) -> list[Shape]:
    """Return a mark at the last bar for each level of a position still open when the run ended."""
    if chosen.stop < len(time):
        return []
    marks: list[Shape] = []
    for name, color in LEVELS:
        values = open_positions[name].dropna().to_numpy()
        texts = [f"{name} {value:,.6g}, in force at the end" for value in values]
        if len(values):
            at = time[[-1] * len(values)]
            marks.append(Marks(f"{name} at the end", at, values, "dash", color, texts))
    return marks
