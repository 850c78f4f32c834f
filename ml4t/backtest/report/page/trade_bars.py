"""The bars of a trade as the page draws them: some around it, at most so many."""

from __future__ import annotations

from typing import Any

import numpy as np

from ml4t.backtest.report.story.explain import bars_around
from ml4t.backtest.report.story.trade_levels import level_steps
from ml4t.backtest.report.story.trade_records import TradeRecord

MOST_DRAWN = 140
"""Bars of one picture; where there are more, several are drawn as one, from their lowest to their highest."""


def drawn_bars(record: TradeRecord) -> dict[str, Any] | None:
    """Return the bars around a trade, its fills and its levels.

    Returns
    -------
    dict or None
        ``t`` (seconds on the shown clock: the first, then steps), ``c`` and, where bars have a range, ``o``, ``h`` and
        ``l``; ``k`` bars are drawn as one; ``fills`` and ``levels`` by the place among those drawn. None without bars.
    """
    bars, times = record.bars, record.bar_times
    if bars is None or times is None or len(bars) == 0 or not record.fills:
        return None
    stamps = np.array([fill["timestamp_ns"] for fill in record.fills])
    first, last = bars_around(bars, stamps, is_open=record.is_open)
    chosen = slice(first, last + 1)
    step = -(-(last + 1 - first) // MOST_DRAWN)
    starts = np.arange(0, last + 1 - first, step)
    close = bars.close[chosen]
    prices = {
        "o": bars.open[chosen][starts],
        "h": np.maximum.reduceat(bars.high[chosen], starts),
        "l": np.minimum.reduceat(bars.low[chosen], starts),
        "c": close[np.append(starts[1:], len(close)) - 1],
    }
    if step == 1 and all(np.array_equal(one, close) for one in prices.values()):
        prices = {"c": close}
    digits = _digits(prices["c"])
    seconds = times[chosen].tz_localize(None).as_unit("s").asi8[starts]
    return {
        "t": [int(seconds[0]), *np.diff(seconds).tolist()],
        **{name: np.round(values, digits).tolist() for name, values in prices.items()},
        "k": step,
        "fills": [
            [int((place - first) // step), round(fill["price"], digits), _kind(fill)]
            for place, fill in zip(bars.places_at(stamps).tolist(), record.fills, strict=True)
        ],
        "levels": [
            {
                "name": level.name,
                "kind": level.kind,
                "steps": level.is_recorded,
                "at": [
                    [max(0, int((place - first) // step)), round(value, digits)]
                    for place, value in zip(bars.places_at(level.stamps).tolist(), level.values, strict=True)
                ],
            }
            for level in level_steps(record)
        ],
    }  # fmt: skip


def _digits(values: np.ndarray) -> int:
    largest = float(np.abs(values).max(initial=1e-12))
    return 6 - int(np.floor(np.log10(max(largest, 1e-12))))


def _kind(fill: dict[str, Any]) -> str:
    if fill["action"] == "exit":
        return "exit"
    return "buy" if fill["side"] == "buy" else "sell"
