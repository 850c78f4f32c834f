"""What a price must be. Nothing is repaired: a table that fails is refused, with the rows."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ml4t.backtest.core.ranges import PRICE, VOLUME
from ml4t.backtest.data.arrays import Float64s, Int32s, Int64s, Marks
from ml4t.backtest.data.errors import DataError, count_rows, first_rows
from ml4t.backtest.data.tables._price_checks import check_rows
from ml4t.backtest.data.tables.column_roles import OHLC, QUOTES

ABSENT = np.empty(0)


def check_prices(times: Int64s, assets: Int32s, prices: Mapping[str, Float64s]) -> tuple[int, bool]:
    """Tell in one pass, which is nearly always all it takes, whether rows are as they must be.

    Returns
    -------
    n_times : int
        Number of distinct times; -1 if the rows are not in order of (time, asset).
    sound : bool
        No price is one that :func:`refuse_faults` refuses.
    """
    columns = (prices.get(field, ABSENT) for field in (*OHLC, *QUOTES))
    return check_rows(times, assets, *map(np.ascontiguousarray, columns))


def refuse_faults(
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
        If open, high, low or close is NaN, infinite, zero, negative or out of the range of prices; if
        high < low, or open or close lie outside of [low, high]; if volume, bid or ask is out of its
        range; each with the column, the count and the first rows.
    """
    for fault in price_faults(prices):
        if fault.bad.any():
            rows = first_rows(
                fault.bad, times, lambda row: names[assets[row]], prices[fault.column]
            )
            raise DataError(
                f"{table_name}: column {fault.column!r} {fault.what} in "
                f"{count_rows(int(fault.bad.sum()))}: {rows}; correct or drop the rows"
            )


class Fault(NamedTuple):
    """One thing that no price may be, and where it is."""

    check: str
    column: str
    what: str
    bad: Marks


def price_faults(prices: Mapping[str, Float64s]) -> Iterator[Fault]:
    """Yield what no price may be, one at a time."""
    low, high = prices["low"], prices["high"]
    # Where the close is all there is, it is the column to name, and its bar has no range.
    columns = ("close",) if high is low else ("close", "low", "high", "open")
    for column in columns:
        values = prices[column]
        is_price = (values >= PRICE.least) & (values <= PRICE.most)
        if not is_price.all():
            yield Fault("missing_price", column, "is NaN", np.isnan(values))
            yield Fault("infinite_price", column, "is infinite", np.isinf(values))
            yield Fault("non_positive_price", column, "is zero", values == 0)
            yield Fault(
                "non_positive_price", column, "is negative", (values < 0) & np.isfinite(values)
            )
            beyond = (values > 0) & np.isfinite(values) & ~is_price
            yield Fault("price_range", column, f"is not in {PRICE}", beyond)
    if high is not low:
        yield Fault("bar_range", "high", "is below low", high < low)
        for column in ("open", "close"):
            yield Fault("bar_range", column, "is below low", prices[column] < low)
            yield Fault("bar_range", column, "is above high", prices[column] > high)
    for column in QUOTES:
        if column in prices:
            yield from _quote_faults(column, prices[column])


def _quote_faults(column: str, values: Float64s) -> Iterator[Fault]:
    if column == "volume":
        bad = (values < VOLUME.least) | (values > VOLUME.most)
        yield Fault("negative_volume", column, f"is negative or above {VOLUME.most:g}", bad)
        return
    bad = (values <= 0) | np.isinf(values)
    yield Fault("non_positive_quote", column, "is not a positive price", bad)
    beyond = (values < PRICE.least) | (values > PRICE.most)
    yield Fault("price_range", column, f"is not in {PRICE}", beyond & ~bad)
