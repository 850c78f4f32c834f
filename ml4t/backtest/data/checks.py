"""What a price must be. Nothing is repaired: a table that fails is refused, with the rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from ml4t.backtest.data.arrays import Float64s, Int32s, Int64s, Marks
from ml4t.backtest.data.errors import DataError, count_rows, first_rows
from ml4t.backtest.data.names import OHLC

REPAIR = "correct or drop the rows"


def check_prices(
    times: Int64s,
    assets: Int32s,
    names: Sequence[Any],
    prices: Mapping[str, Float64s],
    table_name: str,
) -> None:
    """Refuse prices that no bar can have.

    Parameters
    ----------
    times : int64 array, shape (n_rows,), nanoseconds UTC
    assets : int32 array, shape (n_rows,), codes into ``names``
    prices : mapping of field to float64 array, shape (n_rows,)
        open, high, low, close, and any of volume, bid, ask (NaN: unknown).

    Raises
    ------
    DataError
        If open, high, low or close is NaN, infinite, zero or negative; if high < low, or open or
        close lie outside of [low, high]; if volume is negative, or bid or ask is not positive; each
        with the column, the count and the first rows.
    """

    def refuse(bad: Marks, column: str, what: str) -> NoReturn:
        rows = first_rows(bad, times, lambda row: names[assets[row]], prices[column])
        raise DataError(
            f"{table_name}: column {column!r} {what} in {count_rows(int(bad.sum()))}: {rows}; {REPAIR}"
        )

    # The close first: where it is all there is, it is the column to name.
    for column in reversed(OHLC):
        values = prices[column]
        good = (values > 0) & (values < np.inf)
        if good.all():
            continue
        for what, bad in _faults(values):
            if bad.any():
                refuse(bad, column, what)
    low, high = prices["low"], prices["high"]
    if high is not low:
        _check_ranges(prices, refuse)
    for column in ("volume", "bid", "ask"):
        if column in prices:
            values = prices[column]
            bad = ~(
                np.isnan(values)
                | ((values >= 0 if column == "volume" else values > 0) & (values < np.inf))
            )
            if bad.any():
                refuse(
                    bad,
                    column,
                    "is negative or infinite" if column == "volume" else "is not a positive price",
                )


def _faults(values: Float64s) -> Iterator[tuple[str, Marks]]:
    yield "is NaN", np.isnan(values)
    yield "is infinite", np.isinf(values)
    yield "is zero", values == 0
    yield "is negative", values < 0


def _check_ranges(
    prices: Mapping[str, Float64s], refuse: Callable[[Marks, str, str], NoReturn]
) -> None:
    low, high = prices["low"], prices["high"]
    crossed = high < low
    if crossed.any():
        refuse(crossed, "high", "is below low")
    for column in ("open", "close"):
        for what, bad in (
            ("is below low", prices[column] < low),
            ("is above high", prices[column] > high),
        ):
            if bad.any():
                refuse(bad, column, what)
