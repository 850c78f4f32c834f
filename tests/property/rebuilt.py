"""Holdings, cash and marks of a run made again from its fills and from what the market did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import floor
from typing import NamedTuple

from reference import Case


class Rebuilt(NamedTuple):
    """The end of a timestamp: units of what is held, cash, and the mark of every asset."""

    held: dict[str, float]
    cash: float
    marks: dict[str, float]


def rebuild(case: Case, fills: Iterable[dict]) -> Iterator[Rebuilt]:
    """Walk the timestamps: actions, then fills, then closes. No order or position is looked at."""
    market, whole = case.market, case.settings.whole
    held: dict[str, float] = {}
    marks: dict[str, float] = {}
    cash = case.settings.initial_cash
    fills = iter(fills)
    fill = next(fills, None)
    for t, time in enumerate(market.timestamps):
        splits, dividends = market.actions_of(t)
        for action in splits:
            asset = market.assets[action.asset]
            marks[asset] = marks.get(asset, float("nan")) / action.value
            units = held.get(asset, 0.0) * action.value
            if whole and units != 0.0:  # a fraction is paid out: a fill without an order
                left = floor(abs(units) + 1e-9)
                if abs(units) - left > 1e-9:
                    assert (fill["asset"], fill["order_id"], fill["timestamp"]) == (asset, 0, time)
                    cash -= fill["quantity"] * fill["price"]
                    fill = next(fills, None)
                units = left if units > 0.0 else -left
            held[asset] = units
        for action in dividends:
            asset = market.assets[action.asset]
            cash += held.get(asset, 0.0) * action.value
            adjusts = case.settings.dividend_adjusts == "levels"
            if adjusts and marks.get(asset, 0.0) > action.value:
                marks[asset] -= action.value
        while fill is not None and fill["timestamp"] == time:
            cash -= fill["quantity"] * fill["price"] + fill["commission"]
            units = held.get(fill["asset"], 0.0) + fill["quantity"]
            # Section 5: a rest of at most 1e-12 of the fill is nothing.
            held[fill["asset"]] = 0.0 if abs(units) <= 1e-12 * abs(fill["quantity"]) else units
            fill = next(fills, None)
        for number, asset in enumerate(market.assets):
            bar = market.bar(t, number)
            if bar is not None:
                marks[asset] = bar.close
        yield Rebuilt({asset: units for asset, units in held.items() if units}, cash, dict(marks))
    assert fill is None
