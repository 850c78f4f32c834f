"""Sessions: what a calendar costs a run grows with its timestamps, and with its sessions, and with neither more."""

import numpy as np
from growth.harness import assert_linear
from growth.worlds import RICH

from ml4t.backtest import BacktestEngine, MarketData, Sessions, Strategy
from ml4t.backtest.market.run_sessions import RunSessions
from ml4t.backtest.risk import MaxDailyLoss, SessionExit

HOUR = 3_600 * 10**9
DAYS = Sessions(open="00:00", close="24:00", weekdays="Mon Tue Wed Thu Fri Sat Sun")


def hours(n):
    """Bars of one asset at 100, one an hour."""
    price = np.full(n, 100.0)
    times, offsets = HOUR * np.arange(1, n + 1), np.arange(n + 1)
    return MarketData.from_arrays(
        ["A"], times, offsets, np.zeros(n, np.int32), price, price, price, price
    )


class Trades(Strategy):
    """Buys at every fifth bar, asks for less for the day, and looks at the clock."""

    every = 5

    def on_market_data(self, event):
        assert 0.0 <= event.minutes_to_close < 1_440.0
        self.buy(event.asset, 1.0)
        self.buy(event.asset, 1.0, limit=50.0, valid="day")


def test_timestamps_and_sessions():
    config = RICH.replace(calendar=DAYS)
    rules = [SessionExit(minutes=30), MaxDailyLoss(0.5)]

    def prepare(n):
        data = hours(n)
        return lambda: BacktestEngine(data, Trades(), rules=rules, config=config).run()

    assert_linear(prepare, 10_000, "timestamps of sessions")


def test_sessions_looked_up():
    def prepare(n):
        data = hours(n)
        return lambda: RunSessions(DAYS, data)

    assert_linear(prepare, 400_000, "timestamps whose sessions are looked up")
