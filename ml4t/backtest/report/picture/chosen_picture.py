"""Which picture of a run was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.report.given_data import checked_data
from ml4t.backtest.report.picture.asset_bars import AssetBars, bars_of
from ml4t.backtest.report.picture.asset_picture import asset_picture
from ml4t.backtest.report.picture.buy_and_hold import buy_and_hold
from ml4t.backtest.report.picture.equity_picture import equity_picture
from ml4t.backtest.report.picture.shapes import Picture
from ml4t.backtest.report.picture.window import Moment
from ml4t.backtest.report.reported_run import ReportedRun

Tables = Callable[[str], pd.DataFrame]


def picture_of(
    result: ReportedRun,
    tables: Tables,
    data: MarketData | DataFeed | None,
    *,
    asset: Any = None,
    columns: Sequence[str] = (),
    benchmark: Any = None,
    start: Moment = None,
    end: Moment = None,
) -> Picture:
    """Describe the picture of a run, or of an asset in it.

    Parameters
    ----------
    result : ReportedRun
    tables : callable from name to DataFrame
        The tables of the run, their times in UTC.
    data : MarketData or DataFeed, or None
        What the run went over.
    asset, columns, benchmark, start, end
        As for :meth:`~ml4t.backtest.BacktestResult.plot`.
    """
    if len(result.equity) == 0:
        raise ValueError(
            "there is nothing to draw: the run ended before its first timestamp was done"
        )
    if asset is None:
        if columns:
            raise ValueError("columns= are drawn beside the price of an asset: give asset= too")
        held = _held(result, tables, data, benchmark)
        return equity_picture(result, held, start=start, end=end)
    if benchmark is not None:
        raise ValueError("benchmark= is drawn beside equity: leave out asset=")
    return asset_picture(
        result.strategy_name,
        asset_bars(tables, data, asset, columns),
        pd.DatetimeIndex(result.equity.index),
        {name: tables(name) for name in ("trades", "fills", "open_positions")},
        start=start,
        end=end,
    )


def _held(
    result: ReportedRun, tables: Tables, data: MarketData | DataFeed | None, asset: Any
) -> tuple[Any, np.ndarray] | None:
    assets = result.info.get("assets", ())
    if asset is None and data is not None and len(assets) == 1:
        (asset,) = assets
    if asset is None:
        return None
    worth = buy_and_hold(
        asset_bars(tables, data, asset), result.config.initial_cash, len(result.equity)
    )
    return None if worth is None else (asset, worth)


def asset_bars(
    tables: Tables, data: MarketData | DataFeed | None, asset: Any, columns: Sequence[str] = ()
) -> AssetBars:
    """Return the bars of an asset of a run.

    Raises
    ------
    ValueError
        If there are no prices, or not those of the run.
    """
    return bars_of(
        checked_data(data), asset, pd.DatetimeIndex(tables("equity").index).asi8, columns
    )
