"""Stages of a sweep: the first part of the data, over which trials run before they run over all of them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.sweep.errors import SweepError


def checked_stages(given: Any) -> tuple[float, ...]:
    """Return fractions of the timestamps, as they were given.

    Raises
    ------
    SweepError
        If they are no numbers above 0 and below 1 that rise.
    """
    are_numbers = isinstance(given, list | tuple) and all(
        isinstance(one, float | int) for one in given
    )
    if not are_numbers or not all(one < other for one, other in pairwise((0.0, *given, 1.0))):
        raise SweepError(
            "stages must be fractions of the timestamps, each above 0, below 1 and above the one before, (0.25, 0.5) say, "
            f"were {given!r}"
        )
    return tuple(map(float, given))


def ends_of(stages: tuple[float, ...], data: Any) -> tuple[int, ...]:
    """Return how many timestamps each stage is over, to the nearest.

    Parameters
    ----------
    stages : tuple of float
    data : MarketData, DataFeed or None
        What a sweep is over.

    Raises
    ------
    SweepError
        If the data cannot be cut into these.
    """
    if not stages:
        return ()
    if isinstance(data, DataFeed):
        raise SweepError(
            "stages run over the first part of the data, and a feed is not held in memory: give the sweep MarketData, or "
            "leave out stages"
        )
    if not isinstance(data, MarketData):
        raise SweepError(
            "stages run over the first part of the data, and here each trial gives its own prices: give data to the sweep, "
            "or leave out stages"
        )
    if data.first_t:
        raise SweepError("the data are a chunk of a run, which has no stages: leave them out")
    ends = tuple(round(one * data.n_times) for one in stages)
    for one, other in pairwise((0, *ends, data.n_times)):
        if one == other:
            raise SweepError(
                f"the stages {', '.join(map(str, stages))} of {data.n_times:,} timestamps end at "
                f"{', '.join(map(str, ends))}, where each has to be longer than the one before and shorter than all: give "
                "fewer of them"
            )
    return ends
