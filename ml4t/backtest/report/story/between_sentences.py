"""What happened while a trade was held: adds, partial exits, splits, dividends, levels, how far it went."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ml4t.backtest.report.picture.buy_and_hold import SPLIT
from ml4t.backtest.report.story.excursions import excursion_times
from ml4t.backtest.report.story.position_sentences import position_sentences
from ml4t.backtest.report.story.trade_levels import EVENTS, by_level
from ml4t.backtest.report.story.trade_records import Row, TradeRecord
from ml4t.backtest.report.story.words import filled, is_known, on, when, who
from ml4t.backtest.report.wording import money, plural, price

MOST_FILLS = 6
MOST_ARMED = 6


def between_sentences(record: TradeRecord) -> list[str]:
    """Return what happened between the first fill of a trade and its last."""
    return [
        *_levels_at_entry(record),
        *position_sentences(record),
        *_fills_between(record),
        *_actions(record),
        *_moved_levels(record),
        *_excursions(record),
    ]


def _fills_between(record: TradeRecord) -> list[str]:
    between = record.fills[1:] if record.is_open else record.fills[1:-1]
    told = [_fill(fill, record.orders.get(fill["order_id"])) for fill in between[:MOST_FILLS]]
    rest = between[MOST_FILLS:]
    if rest:
        adds = sum(fill["action"] == "entry" for fill in rest)
        parts = [plural(adds, "add"), plural(len(rest) - adds, "partial exit")]
        told.append(f"{plural(len(rest), 'more fill')} followed: {' and '.join(parts)}.")
    return told


def _fill(fill: Row, order: Row | None) -> str:
    left = f"held then: {price(abs(fill['position_after']))}"
    if fill["action"] == "entry":
        return f"{who(fill, order)} added {filled(fill)} {when(fill)}; {left}."
    return f"{who(fill, order)} took off {filled(fill)} {when(fill)}{_at_level(fill)}; {left}."


def _at_level(fill: Row) -> str:
    """Return the level at which a rule took off a part: a target, or a stop that the volume cut."""
    if not (is_known(fill["rule"]) and is_known(fill["level"])):
        return ""
    name = "target" if fill["exit_type"] == "take_profit" else "stop"
    is_passed = fill["moment"] == "open" and fill["base_price"] != fill["level"]
    return f", {'beyond' if is_passed else 'at'} its {name} of {price(fill['level'])}"


def actions_of(record: TradeRecord) -> list[tuple[str, float, pd.Timestamp]]:
    """Return the splits and dividends between entry and exit: kind, value, first bar with it."""
    bars, times = record.bars, record.bar_times
    if bars is None or times is None or len(bars.actions) == 0:
        return []
    stamps = bars.actions["time"]
    first = record.trade["entry_time_ns"]
    last = bars.stamps[-1] if record.is_open else record.trade["exit_time_ns"]
    found = []
    for action in bars.actions[(stamps > first) & (stamps <= last)]:
        place = min(int(np.searchsorted(bars.stamps, action["time"])), len(bars) - 1)
        kind = "split" if action["kind"] == SPLIT else "dividend"
        found.append((kind, float(action["value"]), times[place]))
    return found


def _actions(record: TradeRecord) -> list[str]:
    told = []
    for kind, value, time in actions_of(record):
        if kind == "split":
            told.append(
                f"A split of {price(value)} for 1 took effect {on(time)}: units times {price(value)}, prices "
                "divided by it."
            )
    amount = record.trade["dividends"]
    if amount:
        paid = "Dividends brought" if amount > 0 else "Dividends of the short cost"
        told.append(f"{paid} {money(abs(amount))}.")
    return told


def _levels_at_entry(record: TradeRecord) -> list[str]:
    if record.is_open or record.levels:
        return []
    trade = record.trade
    named = [
        f"a {name} at {price(trade[f'{name}_at_entry'])} ({_away(record, trade[f'{name}_at_entry'])})"
        for name in ("stop", "target")
        if is_known(trade[f"{name}_at_entry"])
    ]
    return [f"From the entry on there was {' and '.join(named)}."] if named else []


def _moved_levels(record: TradeRecord) -> list[str]:
    if record.levels:
        return _recorded_levels(record.levels)
    trade = record.trade
    if record.is_open:
        named = [
            f"the {name} at {price(trade[name])}"
            for name in ("stop", "target")
            if is_known(trade[name])
        ]
        return [f"In force for the next bar: {' and '.join(named)}."] if named else []
    told = []
    for name in ("stop", "target"):
        before, after = trade[f"{name}_at_entry"], trade[f"{name}_at_exit"]
        if is_known(after) and before != after:
            verb = "had moved to" if is_known(before) else "lay at"
            told.append(f"By the exit the {name} {verb} {price(after)}.")
    return told


def _recorded_levels(levels: Sequence[Row]) -> list[str]:
    told = []
    for (rule, kind), rows in by_level(levels).items():
        text = f"{rule} armed its {kind} at "
        armed, moved, gone = ([one for one in rows if one["event"] == event] for event in EVENTS)
        shown = [f"{price(one['level'])} {on(one['time'])}" for one in armed[:MOST_ARMED]]
        text += ", then at ".join(shown)
        if len(armed) > MOST_ARMED:
            text += f" and {plural(len(armed) - MOST_ARMED, 'more time')}"
        if moved:
            last = moved[-1]
            text += f" and moved it {plural(len(moved), 'time')}, last to {price(last['level'])} {on(last['time'])}"
        if gone:
            text += f"; there was none any more {on(gone[-1]['time'])}"
        told.append(f"{text}.")
    return told


def _away(record: TradeRecord, level: float) -> str:
    """Return how far a level lies from the entry price."""
    entry = record.trade["entry_price"]
    if entry == 0.0 or level == entry:
        return "at the entry price"
    away = level / entry - 1.0
    return f"{abs(away):.2%} {'above' if away > 0 else 'below'} the entry price"


def _excursions(record: TradeRecord) -> list[str]:
    if record.is_open:
        return []
    trade = record.trade
    best, worst = excursion_times(record)
    return [f"At best it was {_far(trade, 'mfe', best)}, at worst {_far(trade, 'mae', worst)}."]


def _far(trade: Row, name: str, time: pd.Timestamp | None) -> str:
    if trade[name] == 0.0:
        return "never ahead" if name == "mfe" else "never behind"
    side = "ahead" if name == "mfe" else "behind"
    share = f" ({abs(trade[f'{name}_pct']):.2%})" if is_known(trade[f"{name}_pct"]) else ""
    at = "" if time is None else f" {on(time)}"
    return f"{price(abs(trade[name]))} a unit{share} {side}{at}"
