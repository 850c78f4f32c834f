"""What a strategy says of the session that its run stands in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ml4t.backtest.market import session_moments as moments

if TYPE_CHECKING:
    from ml4t.backtest.market.cursor import Cursor


def _asked(ask: Callable[[Cursor], Any], doc: str) -> property:
    """Return a property of strategies that asks where the run stands."""

    def of(strategy: Any) -> Any:
        _ = strategy.cash  # outside of a run, and in another thread, that is an error
        return ask(strategy.broker.cursor)

    return property(of, doc=doc)


session = _asked(
    lambda at: moments.session_of(at.sessions, at.now, at.data),
    "Date of the session of this timestamp, a ``datetime.date``; without a calendar a day of the prices' zone.",
)
minutes_since_open = _asked(
    lambda at: moments.minutes_since_open(at.sessions, at.now),
    "Minutes since the session opened, below 0 before; NaN without a calendar.",
)
minutes_to_close = _asked(
    lambda at: moments.minutes_to_close(at.sessions, at.now),
    "Minutes until the session closes, below 0 after; NaN without a calendar.",
)
is_early_close = _asked(
    lambda at: moments.is_early_close(at.sessions, at.now),
    "Whether the session closes early; False without a calendar.",
)
local_time = _asked(
    lambda at: moments.local_time(at.sessions, at.now, at.data),
    "The time in the zone of the calendar, or of the prices, a ``pandas.Timestamp``.",
)
