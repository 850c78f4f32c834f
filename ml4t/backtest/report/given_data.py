"""Market data that are given for those a run went over."""

from __future__ import annotations

from typing import Any, Protocol
from weakref import WeakKeyDictionary

from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.market.fingerprint import fingerprint
from ml4t.backtest.market.market_data import MarketData


class _Run(Protocol):
    info: dict[str, Any]
    partial: bool

    @property
    def fingerprint(self) -> str: ...


def data_of_run(
    run: _Run, held: MarketData | None, given: MarketData | DataFeed | None
) -> MarketData | DataFeed | None:
    """Return what a run went over: what is given for it, or what its result holds.

    Raises
    ------
    TypeError
        If something else than market data is given.
    ValueError
        If they are not those of the run.
    """
    if given is None:
        return held
    data = checked_data(given)
    if data is held:
        return data
    if list(data.assets) != list(run.info["assets"]):
        raise ValueError("the data are not those of the run: they have other assets")
    # Of chunks that came once, a run cut short knows those it came to.
    if not run.partial and run.fingerprint and _fingerprint_of(data) != run.fingerprint:
        raise ValueError(
            "the data are not those of the run: prices, signals, context values or actions differ; give what the run went "
            "over, with all its columns"
        )
    return data


# Of market data, which never change: trade after trade is explained with the same ones.
_KNOWN: WeakKeyDictionary[MarketData, str] = WeakKeyDictionary()


def _fingerprint_of(data: MarketData | DataFeed) -> str:
    if not isinstance(data, MarketData):
        return data.fingerprint()  # which keeps it
    if data not in _KNOWN:
        _KNOWN[data] = fingerprint(data)
    return _KNOWN[data]


def checked_data(data: MarketData | DataFeed | None) -> MarketData | DataFeed:
    """Return what a run went over.

    Raises
    ------
    ValueError
        If it is not there.
    TypeError
        If it is something else.
    """
    if data is None:
        raise ValueError(
            "the result does not hold the prices of its run: give what the run went over as data=, "
            "MarketData or a DataFeed"
        )
    if not isinstance(data, (MarketData, DataFeed)):
        raise TypeError(
            f"data must be MarketData or a DataFeed, was {type(data).__name__}: "
            "MarketData.from_tables makes it of tables"
        )
    return data
