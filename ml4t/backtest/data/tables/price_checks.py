"""What a price must be. Nothing is repaired: a table that fails is refused, with the rows."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ml4t.backtest.core.ranges import PRICE, VOLUME
from ml4t.backtest.data.arrays import Float64s, Int32s, Int64s, Marks
from ml4t.backtest.data.errors import DataError, count_rows, first_rows
from ml4t.backtest.data.tables._price_checks import check_rows
from ml4t.backtest.data.tables.column_roles import OHLC, QUOTES

ABSENT = np.empty(0)
CORRECT = "correct or drop the rows"
TO_DO = {
    "non_positive_price": (
        "where prices of zero or less are right, do not drop the rows, the result would lack what was lost in "
        "them: pass allow_negative_prices=True, or the names of such assets"
    )
}
"""What to do about a fault, by its check; else the rows are wrong."""


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
    negative: Collection[Any] = (),
) -> None:
    """Refuse prices that no bar can have.

    Parameters
    ----------
    times : int64 array, shape (n_rows,), nanoseconds UTC
    assets : int32 array, shape (n_rows,), codes into ``names``
    prices : mapping of field to float64 array, shape (n_rows,)
        open, high, low, close, and any of volume, bid, ask (NaN: unknown).
    negative : collection of asset names
        Those whose open, high, low and close may be zero or negative.

    Raises
    ------
    DataError
        If open, high, low or close is NaN, infinite, zero, negative or out of the range of prices; if
        high < low, or open or close lie outside of [low, high]; if volume, bid or ask is out of its
        range; each with the column, the count and the first rows.
    """
    for fault in price_faults(prices, signed_rows(assets, names, negative)):
        if fault.bad.any():
            rows = first_rows(
                fault.bad, times, lambda row: names[assets[row]], prices[fault.column]
            )
            raise DataError(
                f"{table_name}: column {fault.column!r} {fault.what} in "
                f"{count_rows(int(fault.bad.sum()))}: {rows}; {TO_DO.get(fault.check, CORRECT)}"
            )


class Fault(NamedTuple):
    """One thing that no price may be, and where it is."""

    check: str
    column: str
    what: str
    bad: Marks


def signed_rows(assets: Int32s, names: Sequence[Any], negative: Collection[Any]) -> Marks | None:
    """Mark the rows of assets whose prices may be zero or negative; None if there is no such asset."""
    if not negative:
        return None
    return np.array([name in negative for name in names], bool)[assets]


def price_faults(prices: Mapping[str, Float64s], signed: Marks | None = None) -> Iterator[Fault]:
    """Yield what no price may be, one at a time; ``signed`` marks rows whose prices may be negative."""
    low, high = prices["low"], prices["high"]
    # Where the close is all there is, it is the column to name, and its bar has no range.
    columns = ("close",) if high is low else ("close", "low", "high", "open")
    for column in columns:
        values = prices[column]
        sizes = values if signed is None else np.where(signed, np.abs(values), values)
        is_price = (sizes >= PRICE.least) & (sizes <= PRICE.most)
        if signed is not None:
            is_price |= signed & (values == 0.0)
        if not is_price.all():
            yield Fault("missing_price", column, "is NaN", np.isnan(values))
            yield Fault("infinite_price", column, "is infinite", np.isinf(values))
            yield Fault("non_positive_price", column, "is zero", (values == 0) & ~is_price)
            below = (sizes < 0) & np.isfinite(values)
            yield Fault("non_positive_price", column, "is negative", below)
            beyond = (sizes > 0) & np.isfinite(values) & ~is_price
            yield Fault("price_range", column, f"is not in {PRICE}", beyond)
    if high is not low:
        yield _beyond("high", high, high < low, "below low", low)
        for column in ("open", "close"):
            values = prices[column]
            yield _beyond(column, values, values < low, "below low", low)
            yield _beyond(column, values, values > high, "above high", high)
    for column in QUOTES:
        if column in prices:
            yield from _quote_faults(column, prices[column])


def _beyond(column: str, values: Float64s, bad: Marks, what: str, bound: Float64s) -> Fault:
    """Return the fault of prices beyond another price of their bar, and by how much they are."""
    one, other = values[bad], bound[bad]
    with np.errstate(invalid="ignore"):
        parts = np.abs(one - other) / np.maximum(np.abs(one), np.abs(other))
    most = parts.max(initial=0.0)
    by = f" by up to {100.0 * most:.2g}%" if np.isfinite(most) else ""
    return Fault("bar_range", column, f"is {what}{by}", bad)


def _quote_faults(column: str, values: Float64s) -> Iterator[Fault]:
    if column == "volume":
        bad = (values < VOLUME.least) | (values > VOLUME.most)
        yield Fault("negative_volume", column, f"is negative or above {VOLUME.most:g}", bad)
        return
    bad = (values <= 0) | np.isinf(values)
    yield Fault("non_positive_quote", column, "is not a positive price", bad)
    beyond = (values < PRICE.least) | (values > PRICE.most)
    yield Fault("price_range", column, f"is not in {PRICE}", beyond & ~bad)
