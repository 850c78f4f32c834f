"""Exits before a session closes (semantics 4)."""

from __future__ import annotations

from math import isnan

from reference import levels
from reference.market import NAN
from reference.positions import Position
from reference.rules import Rule

MINUTE = 6e10


NOTHING = (NAN, NAN)


def is_late(
    book, rule: Rule, position: Position, exits_at_close: bool
) -> tuple[bool, tuple[float, float]]:
    """Whether an exit that waited one bar more would fill too late; minutes to the close, and those from which on it is."""
    market, t = book.market, book.t
    n = levels.parameter(rule, position)
    if isnan(n):
        return False, NOTHING
    opened = market.timestamps[position.opened_t]
    if market.calendar.at(opened) < market.calendar.at(book.now):
        book.met("session_exit_of_what_was_held_over")
        return not book.wrong("closed_sessions_end_nothing"), NOTHING
    session, length = market.calendar.session(book.now), market.bar_length(t)
    if length is None:
        return False, NOTHING
    if book.wrong("bars_begin_before_the_open") and t > 0:
        length = book.now - market.timestamps[t - 1]
    left = float(session.close - book.now)
    bars_to_fill = 1.0 if exits_at_close or book.wrong("session_exits_fill_at_once") else 2.0
    if rule.form == "bars_left":
        latest = (n + (bars_to_fill - 1.0)) * float(length)
        late = left <= latest
    else:
        latest = n * MINUTE + bars_to_fill * float(length)
        late = left - n * MINUTE < bars_to_fill * float(length)
        if book.wrong("session_exits_at_their_minute"):
            late = left - n * MINUTE <= bars_to_fill * float(length)
    if book.wrong("closed_sessions_end_nothing") and left < 0.0:
        return False, NOTHING
    if late:
        _count(book, rule, left, t)
    return late, (left / MINUTE, latest / MINUTE)


def _count(book, rule: Rule, left: float, t: int) -> None:
    book.met("session_exit_by_bars" if rule.form == "bars_left" else "session_exit_by_minutes")
    if left < 0.0:
        book.met("session_exit_after_the_close")
    if left > 0.0 and t + 1 < len(book.market.timestamps):
        following = book.market.timestamps[t + 1]
        if book.market.calendar.at(following) == book.market.calendar.at(book.now):
            book.met("session_exit_with_a_bar_to_come")
