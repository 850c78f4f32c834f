"""The price of one asset with what a run did in it: entries, exits, levels, columns and volume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ml4t.backtest.report.picture import colors
from ml4t.backtest.report.picture.asset_bars import AssetBars
from ml4t.backtest.report.picture.equity_picture import zone_of
from ml4t.backtest.report.picture.levels import level_lines, level_marks
from ml4t.backtest.report.picture.shapes import (
    Candles,
    Columns,
    Line,
    Marks,
    Panel,
    Picture,
    Shape,
    Symbol,
)
from ml4t.backtest.report.picture.thinning import thinned
from ml4t.backtest.report.picture.window import Moment, window
from ml4t.backtest.report.wording import plural

MOST_CANDLES = 250
"""More bars are a line: their bodies would be narrower than a pixel or two."""


def asset_picture(
    name: str,
    bars: AssetBars,
    index: pd.DatetimeIndex,
    tables: Mapping[str, pd.DataFrame],
    *,
    start: Moment = None,
    end: Moment = None,
    levels: Sequence[Shape] | None = None,
) -> Picture:
    """Describe the picture of an asset in a run.

    Parameters
    ----------
    name : str
        Of the strategy.
    bars : AssetBars
    index : DatetimeIndex
        The times of the run as they are shown.
    tables : mapping of name to DataFrame
        ``trades``, ``fills`` and ``open_positions`` of the run, times in UTC.
    start, end : str, date or datetime, optional
        The part of the run to draw.
    levels : sequence of Shape, optional
        Levels to draw in place of those at the entries and exits of ``trades``.

    Raises
    ------
    ValueError
        If the asset has no bar to draw.
    """
    if len(bars) == 0:
        raise ValueError(f"there is nothing to draw: {bars.asset} has no bar in this run")
    time = index.tz_localize(None)[bars.places]
    chosen = window(time, start, end)
    own = {table: frame[frame["asset"] == bars.asset] for table, frame in tables.items()}
    over, below = _column_shapes(bars, time, chosen)
    shapes = [
        *_price_shapes(bars, time, chosen),
        *over,
        *(level_lines(bars, time, chosen, own["trades"]) if levels is None else levels),
        *_fill_marks(bars, time, chosen, own["fills"]),
        *level_marks(time, chosen, own["open_positions"]),
    ]
    panels = [Panel(str(bars.asset), shapes, "price", height=3.0), *below]
    if bars.volume is not None:
        volume = bars.volume[chosen]
        shown = thinned(volume)
        columns = Columns("volume", time[chosen][shown], volume[shown], colors.VOLUME)
        panels.append(Panel("Volume", [columns], "count", height=0.7))
    title = f"{name or 'Backtest'}, {bars.asset}: {_told(own['trades'], own['open_positions'])}"
    return Picture(title, panels, zone_of(index))


def _told(trades: pd.DataFrame, open_positions: pd.DataFrame) -> str:
    ended = f"{plural(len(trades), 'trade')}, net P&L {trades['net_pnl'].sum():,.2f}"
    if open_positions.empty:
        return ended
    return f"{ended}, open P&L {open_positions['unrealized_pnl'].sum():,.2f}"


def _price_shapes(bars: AssetBars, time: pd.DatetimeIndex, chosen: slice) -> list[Shape]:
    prices = [values[chosen] for values in (bars.open, bars.high, bars.low, bars.close)]
    close = prices[-1]
    has_range = not all(np.array_equal(values, close) for values in prices)
    if has_range and len(close) <= MOST_CANDLES:
        return [Candles("price", time[chosen], *prices)]
    shown = thinned(close)
    return [Line("close", time[chosen][shown], close[shown], colors.PRICE, width=1.0)]


def _column_shapes(
    bars: AssetBars, time: pd.DatetimeIndex, chosen: slice
) -> tuple[list[Shape], list[Panel]]:
    """Return the lines of columns over the price, and panels of those on another scale."""
    over: list[Shape] = []
    below = []
    for number, (name, values) in enumerate(bars.columns.items()):
        part = values[chosen]
        shown = thinned(part)
        color = colors.COLUMNS[number % len(colors.COLUMNS)]
        line = Line(name, time[chosen][shown], part[shown], color, width=1.0)
        if _is_on_scale(part, bars.low[chosen], bars.high[chosen]):
            over.append(line)
        else:
            below.append(Panel(name, [line], "price"))
    return over, below


def _is_on_scale(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> bool:
    """Whether at least half of a column lies between the lowest and the highest price."""
    known = values[~np.isnan(values)]
    within = (known >= low.min()) & (known <= high.max())
    return len(known) > 0 and bool(within.mean() >= 0.5)


def _fill_marks(
    bars: AssetBars, time: pd.DatetimeIndex, chosen: slice, fills: pd.DataFrame
) -> list[Shape]:
    is_entry, is_buy = fills["action"] == "entry", fills["side"] == "buy"
    kinds: tuple[tuple[str, pd.Series, Symbol, str], ...] = (
        ("exit", ~is_entry, "cross", colors.EXIT),
        ("long entry", is_entry & is_buy, "up", colors.UP),
        ("short entry", is_entry & ~is_buy, "down", colors.DOWN),
    )
    places = bars.rows(fills["timestamp"])
    is_shown = (places >= chosen.start) & (places < chosen.stop)
    marks: list[Shape] = []
    for name, is_kind, symbol, color in kinds:
        rows = np.flatnonzero(is_kind.to_numpy() & is_shown)
        if len(rows):
            part = fills.iloc[rows]
            marks.append(
                Marks(
                    name, time[places[rows]], part["price"].to_numpy(), symbol, color, _said(part)
                )
            )
    return marks


def _said(fills: pd.DataFrame) -> list[str]:
    rules = fills["rule"].astype(object).where(fills["rule"].notna(), None)
    reasons = fills["reason"].astype(object).where(fills["reason"].notna(), None)
    return [
        ", ".join(filter(None, [f"{side} {abs(units):,g} at {price:,.6g}", rule, reason]))
        for side, units, price, rule, reason in zip(
            fills["side"], fills["quantity"], fills["price"], rules, reasons, strict=True
        )
    ]
