"""What happened in the market: bars, columns, corporate actions (semantics 1 and 2.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from reference.sessions import DAY, SECOND, Calendar, midnight

NAN = float("nan")


class Bar(NamedTuple):
    """One complete bar; its time is that of its close."""

    open: float
    high: float
    low: float
    close: float
    volume: float = 0.0
    bid: float = NAN
    ask: float = NAN

    def priced(self, price: Callable[[float], float]) -> Bar:
        """The bar at other prices, its quotes and its volume as they are."""
        return self._replace(**{name: price(getattr(self, name)) for name in self._fields[:4]})

    def quoted(self, price: Callable[[float], float]) -> Bar:
        """The bar at other quotes."""
        return self._replace(bid=price(self.bid), ask=price(self.ask))

    @property
    def is_quoted(self) -> bool:
        """Bid and ask are there, and not crossed."""
        return self.ask >= self.bid

    @property
    def is_traded(self) -> bool:
        return self.volume > 0.0


NO_BAR = Bar(NAN, NAN, NAN, NAN)


class Action(NamedTuple):
    """A split (value = new units per old unit) or a cash dividend (value = currency per unit)."""

    effective_ns: int
    asset: int
    kind: str
    value: float


@dataclass
class Market:
    """Rows are keyed (timestamp index, asset index); a missing key is a missing row."""

    timestamps: list[int]
    assets: list[str]
    bars: dict[tuple[int, int], Bar]
    columns: dict[str, dict[tuple[int, int], float]] = field(default_factory=dict)
    actions: list[Action] = field(default_factory=list)
    context: dict[str, dict[int, float]] = field(default_factory=dict)  # market-wide, by t
    negative: frozenset[int] = frozenset()  # assets whose prices may be zero or negative
    zone: str = "UTC"  # whose days are the sessions
    fine: dict[int, list[tuple[int, Bar]]] = field(default_factory=dict)  # by asset, by time

    calendar: Calendar | None = None

    def session_end(self, time: int) -> int:
        """The end of the session of a time: by the calendar, or the next midnight of the zone."""
        if self.calendar is not None:
            return self.calendar.end(time)
        return midnight(time, self.zone)

    def day_orders_end(self, time: int) -> int:
        """Until when an order for the day waits whose first timestamp this is."""
        if self.calendar is not None and time <= self.calendar.session(time).close:
            return self.calendar.session(time).close
        return self.session_end(time)

    def month(self, time: int) -> tuple[int, int]:
        """Year and month of the date of the session of a time."""
        if self.calendar is not None:
            return self.calendar.session(time).month
        day = datetime.fromtimestamp(-(-time // SECOND) - 1, ZoneInfo(self.zone))
        return day.year, day.month

    def bar_length(self, t: int) -> int | None:
        """How long a bar is taken to last: since the timestamp before, or the open; None up to the open."""
        time, opened = self.timestamps[t], self.calendar.session(self.timestamps[t]).open
        before = self.timestamps[t - 1] if t > 0 else opened
        return time - max(before, opened) if time > opened else None

    def session(self, t: int) -> int:
        """The session of a timestamp, by its end."""
        return self.session_end(self.timestamps[t])

    def bar(self, t: int, asset: int) -> Bar | None:
        return self.bars.get((t, asset))

    def fine_bars(self, asset: int, after: int, until: int) -> list[Bar]:
        """The fine bars of an asset stamped after one time and up to another."""
        return [bar for time, bar in self.fine[asset] if after < time <= until]

    def with_fine(self, bar: Callable[[int, int, Bar], Bar]) -> dict[int, list[tuple[int, Bar]]]:
        """The fine bars, each made of its asset, its time and what it was."""
        return {
            asset: [(time, bar(asset, time, one)) for time, one in bars]
            for asset, bars in self.fine.items()
        }

    def row(self, t: int, asset: int) -> tuple[int, str] | None:
        """The row of an asset at t, named by its timestamp and asset; None: there is none."""
        return (self.timestamps[t], self.assets[asset]) if (t, asset) in self.bars else None

    def value(self, column: str, t: int, asset: int, row: int) -> float:
        """A market-wide column at t, any other at the asset's row; -1: there is none."""
        if column in self.context:
            return self.context[column].get(t, NAN)
        return self.columns[column].get((row, asset), NAN)

    def actions_of(self, t: int, whole_days: bool = False) -> tuple[list[Action], list[Action]]:
        """Splits and dividends effective in (t-1, t], in time order, ties by asset. What was
        effective up to the first timestamp is past when the run begins."""
        if t == 0:
            return [], []
        until, after = self.timestamps[t], self.timestamps[t - 1]
        step = DAY if whole_days else 1
        window = [a for a in self.actions if after < a.effective_ns // step * step <= until]
        window.sort(key=lambda action: (action.effective_ns, action.asset))
        splits = [action for action in window if action.kind == "split"]
        dividends = [action for action in window if action.kind == "dividend"]
        return splits, dividends
