"""`every` and `when` by hand: at which timestamps a strategy is called."""

import numpy as np
import pandas as pd
import pytest
from scenes import FLAT, market

from ml4t.backtest import Strategy, StrategyError, run_backtest


class Writes(Strategy):
    """Writes down the days of its batches."""

    def __init__(self, every=None, when=None):
        self.every = every
        self.when = when

    def on_start(self):
        self.days = []

    def on_timestamp_batch(self, timestamp, events, context):
        self.days.append(timestamp.strftime("%m-%d"))


def days_of(strategy, start="2024-01-29", periods=12, **tables):
    # Weekdays from Monday, 29 January, to Tuesday, 13 February: Friday is 2 February.
    times = pd.bdate_range(start, periods=periods) + pd.Timedelta(hours=21)
    prices = pd.DataFrame({"timestamp": times.tz_localize("UTC"), "asset": "A", "close": 100.0})
    run_backtest(prices, strategy, **tables)
    return strategy.days


@pytest.mark.parametrize(
    ("every", "days"),
    [
        (5, ["01-29", "02-05", "02-12"]),
        ("week_start", ["01-29", "02-05", "02-12"]),
        ("week_end", ["02-02", "02-09"]),  # of the last week nobody knows
        ("month_end", ["01-31"]),
        ("month_start", ["01-29", "02-01"]),
        ("quarter_start", ["01-29"]),
        ("year_end", []),
    ],
)
def test_every_is_so_many_bars_or_the_edge_of_a_period(every, days):
    assert days_of(Writes(every)) == days


def test_when_reads_a_column_of_the_context():
    times = pd.to_datetime(["2024-01-30 12:00", "2024-02-02 12:00"], utc=True)
    calm = pd.DataFrame({"timestamp": times, "calm": [1.0, 0.0]})
    days = days_of(Writes(when="calm"), context=calm)
    assert days == ["01-30", "01-31", "02-01"]


def test_when_is_a_number_of_positions_that_have_to_be_fewer():
    class Buys(Writes):
        def on_timestamp_batch(self, timestamp, events, context):
            super().on_timestamp_batch(timestamp, events, context)
            self.buy("A", 1)

    assert days_of(Buys(when=1)) == ["01-29"]


def test_a_bar_is_told_where_the_column_of_bars_is_on():
    told = []

    class Told(Strategy):
        when = "buy"

        def on_market_data(self, event):
            told.append((event.asset, event.timestamp.day))

    features = {"buy": {"A": [0.0, 1.0, 0.0], "B": [0.0, 1.0, 1.0]}}
    data = market({"A": [FLAT] * 3, "B": [FLAT] * 3}, features)
    run_backtest(data, Told())
    first = pd.Timestamp(data.timestamps[0]).day
    assert told == [("A", first + 1), ("B", first + 1), ("B", first + 2)]


def test_fills_are_told_at_once_between_two_calls():
    class Told(Writes):
        def on_fill(self, fill):
            self.days.append(f"fill {fill.timestamp:%m-%d}")

        def on_timestamp_batch(self, timestamp, events, context):
            super().on_timestamp_batch(timestamp, events, context)
            self.buy("A", 1)

    assert days_of(Told("month_start"), periods=5) == ["01-29", "fill 01-30", "02-01", "fill 02-02"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"every": 0}, "every must be a number of bars or one of 'session_start'"),
        ({"every": np.arange(3)}, "every must be a number of bars or one of 'session_start'"),
        ({"every": ["month_end"]}, "every must be a number of bars or one of 'session_start'"),
        ({"every": "monthly"}, "'month_end'.*, was 'monthly'"),
        ({"when": ("a", "b")}, "when must be a column, a number of positions, or a tuple"),
        ({"when": "clam"}, "when reads no column 'clam' in the market data"),
    ],
)
def test_what_is_no_call_time_is_refused_before_the_run(words, said):
    with pytest.raises((ValueError, StrategyError), match=said):
        days_of(Writes(**words))
