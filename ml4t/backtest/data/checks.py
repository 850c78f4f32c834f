"""What a price must be. Nothing is repaired: a table that fails is refused, with the rows."""

import numpy as np

from ml4t.backtest.data.errors import DataError, count_rows, first_rows
from ml4t.backtest.data.names import OHLC

REPAIR = "correct or drop the rows"


def check_prices(times, assets, names, prices, table_name):
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

    def refuse(bad, column, what, to_do=REPAIR):
        rows = first_rows(bad, times, lambda row: names[assets[row]], prices[column])
        raise DataError(
            f"{table_name}: column {column!r} {what} in {count_rows(np.count_nonzero(bad))}: {rows}; {to_do}"
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


def _faults(values):
    yield "is NaN", np.isnan(values)
    yield "is infinite", np.isinf(values)
    yield "is zero", values == 0
    yield "is negative", values < 0


def _check_ranges(prices, refuse):
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
