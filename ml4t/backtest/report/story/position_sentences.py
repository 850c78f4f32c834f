"""What happened to a position without an order: inputs that were missing, parts that were passed by, no finer bars."""

from __future__ import annotations

from collections.abc import Sequence

from ml4t.backtest.report.story.trade_records import Row, TradeRecord
from ml4t.backtest.report.story.words import on
from ml4t.backtest.report.wording import listed, plural, price

MOST_EVENTS = 6


def position_sentences(record: TradeRecord) -> list[str]:
    """Return a sentence for each rule and what it lacked."""
    alike: dict[tuple[str, ...], list[Row]] = {}
    for event in record.position_events:
        key = tuple(str(event[name]) for name in ("kind", "rule", "reason"))
        alike.setdefault(key, []).append(event)
    groups = list(alike.values())
    told = [_told(events) for events in groups[:MOST_EVENTS]]
    rest = sum(len(events) for events in groups[MOST_EVENTS:])
    if rest:
        told.append(f"result.events has {plural(rest, 'more such event')}.")
    return told


def _told(events: Sequence[Row]) -> str:
    first, when = events[0], _first_and_more(events)
    if first["kind"] == "nan_input":
        return f"{first['rule']} had no valid value of {first['reason']} {when}: nothing was armed or decided by it then."
    if first["kind"] == "passed_over":
        units = listed([price(event["before"]) for event in events])
        return (
            f"{first['rule']} passed by {plural(len(events), 'part')} of the position {when}, of {units} units: an order "
            "cannot have so few."
        )
    if first["kind"] == "no_fine_bars":
        return f"There were no finer bars {when}: the bar alone decided what came first."
    return f"The finer bars did not fit the bar {when}: it alone decided what came first."


def _first_and_more(events: Sequence[Row]) -> str:
    """Return when events happened first, and how many times after that."""
    when = on(events[0]["timestamp"])
    more = len({event["timestamp_ns"] for event in events}) - 1
    return f"{when} and {plural(more, 'more time')}" if more else when
