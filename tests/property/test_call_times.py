"""A strategy with `every` and `when` does what one does that is told all bars and looks at the calendar itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from property.adapter import config_of, data_of, fine_of, outcome
from property.differences import differences
from property.markets import case_of, for_markets, without_scripts
from property.test_chunks import chunks, random_cuts
from reference import Case
from reference.sessions import Calendar

from ml4t.backtest import BacktestEngine, Strategy
from ml4t.backtest.market.sessions import session_zone

SHARDS = 1
MARKETS = 90
SECOND = 1_000_000_000
KEYS = {
    "session": lambda day: day,
    "week": lambda day: day.isocalendar()[:2],
    "month": lambda day: (day.year, day.month),
    "quarter": lambda day: (day.year, (day.month - 1) // 3),
    "year": lambda day: day.year,
}


class Trades(Strategy):
    """Turns a little of its bar into a target, and answers each entry with a stop."""

    def on_start(self) -> None:
        self.n_called = 0
        self.told: list[tuple] = []

    def on_fill(self, fill) -> None:
        self.told.append(("fill", fill.order_id))
        if fill.is_entry:
            side = self.sell if fill.quantity > 0.0 else self.buy
            side(fill.asset, abs(fill.quantity), trail=abs(fill.price) / 20 + 0.01)

    def on_order(self, order) -> None:
        self.told.append((order.event, order.order_id))
        if order.event == "cancelled" and order.order_id % 3 == 0:
            self.buy(order.asset, 0.5, valid="ioc")

    def on_market_data(self, event) -> None:
        self.told.append((event.timestamp_ns, event.asset))
        if self.n_called % 3 < 2:
            self.order_target_quantity(event.asset, (event.code + self.n_called) % 4 - 1.0)

    def on_timestamp_batch(self, timestamp, events, context) -> None:
        self.told.append((timestamp.value,))
        self.n_called += 1


class Called(Trades):
    def __init__(self, every, when) -> None:
        self.every = every
        self.when = when


class Looks(Trades):
    """Is told all bars of a timestamp, and passes over what it would not be called for."""

    def __init__(self, due: dict[int, bool], column: str | None, below: int) -> None:
        self.due = due
        self.column = column
        self.below = below
        self.told = []

    def is_called(self, now: int) -> bool:
        full = self.below and self.n_held >= self.below
        return self.due[now] and not full

    def on_market_data(self, event) -> None:
        if self.is_called(event.timestamp_ns) and (
            self.column is None or getattr(event, self.column) > 0
        ):
            super().on_market_data(event)

    @property
    def n_held(self) -> int:
        return len(self.positions())

    def on_timestamp_batch(self, timestamp, events, context) -> None:
        if self.is_called(timestamp.value):
            super().on_timestamp_batch(timestamp, events, context)


def due_by_every(
    times: list[int], every, zone: str | None, calendar: Calendar | None = None
) -> list[bool]:
    """Which timestamps are due, with the calendar of the standard library, or of the market."""
    if every is None or isinstance(every, int):
        return [n % (every or 1) == 0 for n in range(len(times))]
    period, edge = every.split("_")
    local = ZoneInfo(zone) if zone else UTC
    keys = []
    for time in times:
        # The bar of midnight belongs to the day that it closes.
        moment = datetime.fromtimestamp(-(-time // SECOND) - 1, UTC).astimezone(local)
        day = moment.date()
        if calendar is not None:
            day = date(1970, 1, 1) + timedelta(days=calendar.session(time).day)
        keys.append(KEYS[period](day))
    changes = [one != other for one, other in pairwise(keys)]
    return [True, *changes] if edge == "start" else [*changes, False]


def with_switch(case: Case, rng: Random) -> Case:
    """The case with a column of bars that is on now and then."""
    switch = {key: rng.choice((1.0, 0.0, float("nan"), -1.0)) for key in sorted(case.market.bars)}
    return replace(
        case, market=replace(case.market, columns=case.market.columns | {"switch": switch})
    )


@pytest.mark.parametrize("shard", range(SHARDS))
def test_calls_are_those_of_a_strategy_that_looks_at_the_calendar(shard):
    met: Counter = Counter()

    def check(case: Case) -> None:
        rng = Random(len(case.market.bars) + 7 * len(case.rules))
        n_assets = rng.choice((1, 1, 3))
        case = with_switch(case_of(rng.getrandbits(40), n_assets, 60, len(case.rules)), rng)
        case.rules[:] = without_scripts(case.rules)
        every = rng.choice((None, 2, 5, *(f"{p}_{e}" for p in KEYS for e in ("start", "end"))))
        column = rng.choice((None, None, "switch"))
        below = rng.choice((0, 0, 1, 2))
        when = tuple(one for one in (column, below) if one) or None
        if when is not None and len(when) == 1:
            when = when[0]
        data = data_of(case)
        times = data.timestamps.tolist()
        due = due_by_every(times, every, session_zone(data.info), case.market.calendar)
        if column is not None:
            switch = case.market.columns["switch"]
            on = {times[t] for (t, _), value in switch.items() if value > 0.0}
            due = [one and time in on for one, time in zip(due, times, strict=True)]
        looks = Looks(dict(zip(times, due, strict=True)), column, below)
        expected = played(case, looks, data)
        called = Called(every, when)
        assert differences(expected, played(case, called, data)) == []
        assert called.told == looks.told
        met["fills"] += len(expected.fills)
        met["calls"] += called.n_called
        met["left out"] += data.n_times - called.n_called
        met[every] += called.n_called
        if rng.random() < 0.5:
            return
        in_chunks = Called(every, when)
        found = played(case, in_chunks, chunks(data, random_cuts(data.n_times, rng)))
        assert differences(expected, found) == []
        assert in_chunks.told == looks.told

    def played(case, strategy, data):
        engine = BacktestEngine(
            data, strategy, config=config_of(case.settings, market=case.market), fine=fine_of(case)
        )
        return outcome(engine.run())

    for_markets(700 + shard, MARKETS, check)
    assert met["fills"] > 500
    assert met["calls"] > 500
    assert met["left out"] > 500
    assert met["week_end"] > 3
    assert met["month_start"] > 3
