"""Another future: the values of a table after a time, drawn anew, and still what they claim to be."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from ml4t.backtest.data.arrays import Float64s, Int64s, Marks
from ml4t.backtest.lookahead.numeric_tables import Columns, NumericTable

SPREAD = 0.2
"""Standard deviation of the logarithm by which prices move: ten times that of a day, or more."""


def disturb(
    table: NumericTable,
    rows: Marks,
    chosen: Collection[str],
    random: np.random.Generator,
    widen: bool = False,
) -> Columns:
    """Draw columns of a table anew.

    Parameters
    ----------
    table : NumericTable
    rows : bool array, shape (n_rows,)
        The rows that change. A NaN stays one: what is missing stays missing.
    chosen : collection of str
        Names of the columns that change. A bar of which only some do stays valid beside the others.
    random : numpy.random.Generator
    widen : bool
        Let highs and lows that were not chosen make room for opens and closes that were, where these
        would otherwise stay inside of them.

    Returns
    -------
    dict of key to array
        The columns that changed.
    """
    at = np.flatnonzero(rows)
    new: Columns = {}
    if not len(at):
        return new
    in_bars: set[Any] = set()
    for bar in table.bars:
        in_bars.update(bar.values())
        fields = {field for field, key in bar.items() if table.names[key] in chosen}
        prices = {field: table.columns[key][at].astype(np.float64) for field, key in bar.items()}
        for field, values in _bar(prices, fields, random, widen).items():
            new[bar[field]] = _with(table.columns[bar[field]], at, values)
    for key, values in table.columns.items():
        if key not in in_bars and table.names[key] in chosen:
            new[key] = _with(values, at, _drawn(values, len(at), random))
    return new


def _with(values: np.ndarray, at: Int64s, drawn: np.ndarray) -> np.ndarray:
    kept = values[at]
    if values.dtype.kind == "f":
        drawn = np.where(np.isfinite(kept), drawn, kept).astype(values.dtype)
    new = values.astype(np.result_type(values.dtype, drawn.dtype))
    new[at] = drawn
    return new


def _bar(
    prices: dict[str, Float64s], chosen: set[str], random: np.random.Generator, widen: bool
) -> dict[str, Float64s]:
    """Draw some prices of bars: low <= open, close <= high, and bid <= ask, as before."""
    n_rows = len(prices["close"])
    # Levels move as well as shapes, so that sums and ratios over the whole sample feel it.
    level = random.choice([-1.0, 1.0]) * 2.0 * SPREAD
    fixed = {field: prices[field] for field in ("low", "high") if field in prices.keys() - chosen}
    floor = fixed.get("low", np.full(n_rows, -np.inf))
    ceiling = fixed.get("high", np.full(n_rows, np.inf))
    new: dict[str, Float64s] = {}

    def wicks() -> Float64s:
        return np.exp(np.abs(random.normal(0.0, 0.1 * SPREAD, n_rows)))

    for field in [field for field in ("open", "close") if field in chosen]:
        moved = prices[field] * np.exp(level + random.normal(0.0, SPREAD, n_rows))
        new[field] = moved if widen else np.clip(moved, floor, ceiling)
    body = [new.get(field, prices[field]) for field in ("open", "close") if field in prices]
    if widen:
        new |= {"low": np.minimum.reduce([*body, floor])} if "low" in fixed else {}
        new |= {"high": np.maximum.reduce([*body, ceiling])} if "high" in fixed else {}
    if "high" in chosen:
        new["high"] = np.maximum.reduce([*body, new.get("low", floor)]) * wicks()
    if "low" in chosen:
        new["low"] = np.minimum.reduce([*body, new.get("high", ceiling)]) / wicks()
    if "bid" in chosen:
        new["bid"] = prices["bid"] / wicks()
    if "ask" in chosen:
        new["ask"] = prices["ask"] * wicks()
    return new


def _drawn(values: np.ndarray, n_rows: int, random: np.random.Generator) -> np.ndarray:
    """Draw values of the kind of a column: marks, whole numbers, shares, amounts, or any number."""
    if values.dtype.kind == "b":
        return random.random(n_rows) < 0.5
    pool = values[np.isfinite(values)]
    if not len(pool):
        return np.full(n_rows, np.nan)
    if (pool == np.floor(pool)).all() and pool.min() < pool.max():
        return random.choice(np.unique(pool), n_rows)
    low, high = float(pool.min()), float(pool.max())
    drawn = random.choice(pool, n_rows)
    shift = random.choice([-1.0, 1.0]) + random.normal(0.0, 1.0, n_rows)
    if low >= 0.0 and high <= 1.0:
        return random.uniform(0.0, 1.0, n_rows) if low == high else drawn
    if low >= 0.0:
        return drawn * np.exp(0.5 * shift)
    return drawn + shift * (float(pool.std()) or 1.0)
