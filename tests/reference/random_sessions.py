"""Random sessions: of a few timestamps each, with breaks, early closes, and bars before and after them."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from reference.market import Market
from reference.rules import Rule
from reference.sessions import DAY, Calendar, Session, ends

MINUTE = 60_000_000_000


def give_sessions(rng: Random, market: Market) -> None:
    """A calendar whose first session has the first two timestamps; a close in the middle of a bar, now and then."""
    times = market.timestamps
    step = _step(times)
    usual = rng.choice((2, 3, 4, 6))
    day, opened = times[0] // DAY - 1, times[0] - step
    sessions: list[Session] = []
    while opened <= times[-1] + 4 * step:
        n = usual if rng.random() < 0.7 else rng.randint(1, usual)  # early closes
        if not sessions:
            n = 2 + (times[1] - times[0]) // step if len(times) > 1 else usual
        close = opened + n * step - rng.choice((0, 0, step // 2, 7 * MINUTE))
        sessions.append(Session(day, opened, close))
        day += rng.choice((1, 1, 1, 3, 9))
        opened += n * step + rng.choice((0, 0, step, 2 * step, step // 3))
    market.calendar = Calendar(
        tuple(sessions), rng.choice(("UTC", "America/New_York", "Asia/Tokyo"))
    )
    assert ends(market.calendar)[-1] >= times[-1]


def session_exit(rng: Random, market: Market) -> Rule:
    """By minutes, in steps of the timestamps or between them, or by bars."""
    priority, times = rng.choice((0, 0, 1, -1)), market.timestamps
    step = _step(times)
    if rng.random() < 0.5:
        bars = "bars" if rng.random() < 0.3 else float(rng.choice((0, 0, 1, 1, 2)))
        return Rule("session_exit", bars, "bars_left", priority)
    minutes = rng.choice((0, 0, 7 * MINUTE, step // 2, step, step, 2 * step)) / 6e10
    return Rule("session_exit", minutes, "minutes_left", priority)


def _step(times: list[int]) -> int:
    """The shortest time between two timestamps."""
    return min((after - before for before, after in pairwise(times)), default=DAY)
