"""Fine bars of a run: read, and held against the bars before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.data.assembly.from_tables import market_data
from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.data.stream.mapped_bars import mapped_bars
from ml4t.backtest.market.market_data import MarketData

FINE_SIDES = ("fine", "fine_favourable")
"""The values of ``intrabar`` that look at fine bars: which side comes first inside of one."""
OPTIONS = ("columns", "timezone", "stamps", "time_unit", "sort", "on_repeated_rows")
"""Options of the price table that are those of the fine one, too, beside ``allow_negative_prices``."""
ENOUGH = 20
"""Timestamps from which on the usual step between them says how long bars are."""
SHOWN = 5


def read_fine(fine: Any, options: Mapping[str, Any]) -> MarketData | None:
    """Return the fine bars as market data.

    Parameters
    ----------
    fine : table, MarketData or DataFeed, optional
        A feed is read once, into files that are mapped.
    options : mapping
        Those of the price table.

    Raises
    ------
    DataError
        If the table, or a chunk of the feed, is not what it should be.
    """
    if fine is None or isinstance(fine, MarketData):
        return fine
    if isinstance(fine, DataFeed):
        return mapped_bars(fine)
    own = {name: value for name, value in options.items() if name in OPTIONS}
    if options.get("allow_negative_prices"):
        own["allow_negative_prices"] = True
    try:
        return market_data(fine, **own)
    except DataError as error:
        raise DataError(
            f"fine: {str(error).removeprefix('prices: ')} (a table with options of its own is given as fine=MarketData.from_tables(...))"
        ) from error


def check_fine(fine: Any, config: BacktestConfig) -> None:
    """Refuse fine bars that the settings do not look at, and settings whose fine bars are not there."""
    asked = config.intrabar in FINE_SIDES
    if fine is None:
        if asked:
            raise ValueError(
                f"intrabar={config.intrabar!r} needs fine bars: give them as fine=, a table, MarketData or a DataFeed"
            )
        return
    if not isinstance(fine, MarketData):
        raise TypeError(f"fine must be MarketData, was {type(fine).__name__}")
    if not asked:
        raise ValueError(
            f"fine bars are given, and intrabar={config.intrabar!r} looks at none: write "
            "BacktestConfig(intrabar='fine')"
        )
    if fine.n_rows == 0:
        raise ValueError("fine has no bar")


def check_fits(fine: MarketData | None, data: MarketData, *, is_whole: bool) -> None:
    """Refuse fine bars that cannot be those of the bars.

    Parameters
    ----------
    fine : MarketData, optional
    data : MarketData
        The bars, or the first chunk of them.
    is_whole : bool
        There are no further chunks.

    Raises
    ------
    ValueError
        If assets are unknown, no time is common, or fine bars are longer than the bars.
    DataError
        If the times of both cannot be compared.
    """
    if fine is None:
        return
    known = set(data.assets)
    unknown = [asset for asset in fine.assets if asset not in known]
    if unknown:
        more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
        names = ", ".join(map(repr, unknown[:SHOWN]))
        raise ValueError(f"fine has bars of assets without prices: {names}{more}; leave them out")
    _check_times(fine.info, data.info)
    bars, fines = _span(data), _span(fine)
    if fines[1] < bars[0] or (is_whole and fines[0] > bars[1]):
        raise ValueError(
            f"fine bars ({_shown(fines)}) and bars ({_shown(bars)}) have no time in common"
        )
    own, theirs = _step(fine), _step(data)
    if own is not None and theirs is not None and own > theirs:
        raise ValueError(
            f"fine bars are longer than the bars: a step of {pd.Timedelta(int(own), 'ns')} where theirs is "
            f"{pd.Timedelta(int(theirs), 'ns')}"
        )


def _check_times(fine: Mapping[str, Any], bars: Mapping[str, Any]) -> None:
    if bars.get("dates_only") and bars.get("bar_time") is None and not fine.get("dates_only", True):
        raise DataError(
            "prices have dates and fine has times of day; say when the bars are complete, with "
            "bar_time='16:00 America/New_York', say"
        )
    nameless = fine.get("times") == "naive" and fine.get("timezone") is None
    if nameless and bars.get("zone") not in (None, "UTC"):
        raise DataError(
            f"the times of fine name no zone, those of prices have {bars['zone']}; say which, with timezone="
        )


def _span(data: MarketData) -> tuple[int, int]:
    return int(data.timestamps[0]), int(data.timestamps[-1])


def _shown(span: tuple[int, int]) -> str:
    return " to ".join(str(pd.Timestamp(time, tz="UTC")) for time in span)


def _step(data: MarketData) -> float | None:
    """Return the step that one in four is no longer than: where rows are missing, others are longer than bars."""
    return float(np.quantile(np.diff(data.timestamps), 0.25)) if data.n_times >= ENOUGH else None
