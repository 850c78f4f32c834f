"""The bars of a trade as the page draws them: some around it, at most so many."""

from __future__ import annotations

from typing import Any

import numpy as np

from ml4t.backtest.report.picture.asset_bars import AssetBars
from ml4t.backtest.report.story.explain import bars_around
from ml4t.backtest.report.story.trade_levels import LevelSteps, level_steps, step_places
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
        "fills": _drawn_fills(record, (bars.places_at(stamps) - first) // step, digits),
        "levels": [
            {
                "name": level.name,
                "kind": level.kind,
                "steps": level.is_recorded,
                "at": _drawn_values(level, record, bars, first, step, digits),
            }
            for level in level_steps(record)
        ],
    }


def _drawn_fills(record: TradeRecord, places: np.ndarray, digits: int) -> list[list[Any]]:
    """Return one mark of each kind for a bar that is drawn: where several are, the last."""
    marks = {
        (place, _kind(fill)): round(fill["price"], digits)
        for place, fill in zip(places.tolist(), record.fills, strict=True)
    }
    return [[place, price, kind] for (place, kind), price in marks.items()]


def _drawn_values(
    level: LevelSteps, record: TradeRecord, bars: AssetBars, first: int, step: int, digits: int
) -> list[list[Any]]:
    """Return the value with which each bar that is drawn begins, as far as it is another; None: not in force.

    Of steps the last one says where the level ends.
    """
    if level.is_recorded:
        places, values = step_places(level, record, bars)
    else:
        places, values = bars.places_at(level.stamps), level.values
    drawn = np.maximum(0, (places - first) // step).tolist()
    shown = [None if value != value else round(value, digits) for value in values]
    if not level.is_recorded:
        return [[place, value] for place, value in zip(drawn, shown, strict=True)]
    kept = dict(zip(drawn, shown, strict=True))  # of several in one bar the last
    if len(kept) == 1 and shown[0] is not None:
        kept[drawn[0]] = next(value for value in reversed(shown) if value is not None)
    return [[place, value] for place, value in kept.items()]


def _digits(values: np.ndarray) -> int:
    largest = float(np.abs(values).max(initial=1e-12))
    return 6 - int(np.floor(np.log10(max(largest, 1e-12))))


def _kind(fill: dict[str, Any]) -> str:
    if fill["action"] == "exit":
        return "exit"
    return "buy" if fill["side"] == "buy" else "sell"
