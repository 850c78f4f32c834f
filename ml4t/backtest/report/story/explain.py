"""One trade of a run explained."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.report.picture.asset_bars import AssetBars
from ml4t.backtest.report.picture.asset_picture import asset_picture
from ml4t.backtest.report.picture.chosen_picture import Tables, asset_bars
from ml4t.backtest.report.picture.drawing import drawn
from ml4t.backtest.report.reported_run import ReportedRun
from ml4t.backtest.report.story.comparisons import comparisons
from ml4t.backtest.report.story.level_shapes import level_shapes
from ml4t.backtest.report.story.trade_levels import recorded_levels
from ml4t.backtest.report.story.trade_records import TradeRecord, TradeRecords, known_trade
from ml4t.backtest.report.story.trade_story import TradeStory

BEFORE, AFTER = 10, 5
"""Bars drawn before the decision of an entry and behind an exit."""


def explain(
    run: ReportedRun,
    tables: Tables,
    times: Any,
    trade_id: int,
    data: MarketData | DataFeed | None,
) -> TradeStory:
    """Tell the story of a trade.

    Parameters
    ----------
    run : ReportedRun
    tables : callable from name to DataFrame
        The tables of the run, times in UTC.
    times : ShownTimes
    trade_id : int
    data : MarketData or DataFeed, or None
        What the run went over; without it what only bars tell is left out.

    Raises
    ------
    AnalysisError
        If there is no such trade.
    """
    number = known_trade(tables, trade_id)
    levels = recorded_levels(run, tables, times, [number])
    compared = comparisons(run, tables, [number])
    records = TradeRecords(tables, times, levels=levels, comparisons=compared, only=[number])
    asset = records[number].trade["asset"]
    index = pd.DatetimeIndex(run.equity.index)
    if data is not None:
        records.bars, records.bar_times = {asset: asset_bars(tables, data, asset)}, index
    record = records[number]
    return TradeStory(record, partial(_draw, run, tables, data, record))


def _draw(
    run: ReportedRun,
    tables: Tables,
    data: MarketData | DataFeed | None,
    record: TradeRecord,
    path: str | Path | None = None,
    *,
    columns: Any = (),
    backend: Any = None,
) -> Any:
    trade_id = record.trade["trade_id"]
    bars = asset_bars(tables, data, record.trade["asset"], columns)
    own = {
        name: _of_trade(tables(name), trade_id) for name in ("trades", "fills", "open_positions")
    }
    index = pd.DatetimeIndex(run.equity.index)
    stamps = pd.DatetimeIndex(own["fills"]["timestamp"]).as_unit("ns").asi8
    first, last = bars_around(bars, stamps, is_open=own["trades"].empty)
    shown = index.tz_localize(None)[bars.places]
    picture = asset_picture(
        f"Trade {trade_id}",
        bars,
        index,
        own,
        start=shown[first],
        end=shown[last],
        levels=level_shapes(record, bars, shown),
    )
    return drawn(picture, path, backend)


def bars_around(bars: AssetBars, stamps: np.ndarray, *, is_open: bool) -> tuple[int, int]:
    """Return the first and the last bar of a trade, with some around it; to the last bar of an open one.

    ``stamps`` are the times of its fills, in order, nanoseconds UTC.
    """
    if len(stamps) == 0:
        return 0, len(bars) - 1
    places = bars.places_at(stamps)
    last = len(bars) - 1 if is_open else int(places[-1]) + AFTER
    return max(0, int(places[0]) - BEFORE), min(last, len(bars) - 1)


def _of_trade(frame: pd.DataFrame, trade_id: int) -> pd.DataFrame:
    return frame[frame["trade_id"] == trade_id]
