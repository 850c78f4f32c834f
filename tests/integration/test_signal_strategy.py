"""SignalStrategy by hand: what it does with each signal, and what it says of those it passes over."""

import pandas as pd
import pytest
from scenes import FLAT, fills, market

from ml4t.backtest import BacktestConfig, SignalStrategy, run_backtest
from ml4t.backtest.data import Table
from ml4t.backtest.risk import TimeBasedExit

MARGIN = BacktestConfig(account="margin", debug=True)


def signals(**columns):
    """Bars at 100 of one asset with signal columns, which are zero at the bars not named."""
    n = 8
    features = {
        name: {"A": [1.0 if t in bars else 0.0 for t in range(n)]} for name, bars in columns.items()
    }
    return market({"A": [FLAT] * n}, features)


def run(data, strategy, rules=(), config=MARGIN):
    return run_backtest(data, strategy, rules=list(rules), config=config)


def events(result):
    return list(result.events[["kind", "reason", "asset"]].itertuples(index=False, name=None))


@pytest.mark.parametrize("rules", [[], [TimeBasedExit(3)], [TimeBasedExit(4)]], ids=repr)
def test_a_reversal_is_honoured_whether_or_not_an_exit_waits(rules):
    # Long from the open of bar 1; at the close of bar 3 the model says short, and with three bars an
    # exit is due: short 10 at the open of bar 4, the exit first.
    data = signals(long=[0], short=[3])
    result = run(data, SignalStrategy("long", short_entry="short", quantity=10), rules)
    assert [row[1:] for row in fills(result, "timestamp", "quantity", "position_after")][:3] == [
        (10.0, 10.0), (-10.0, 0.0), (-10.0, -10.0),
    ]  # fmt: skip
    assert result.fills["timestamp"][1] == result.fills["timestamp"][2] == result.equity.index[4]
    assert events(result) == []


def test_an_entry_of_the_same_side_beside_an_exit_is_passed_over_with_an_event():
    data = signals(long=[0, 3])
    result = run(data, SignalStrategy("long", quantity=10), [TimeBasedExit(3)])
    assert [fill[0] for fill in fills(result, "quantity")] == [10.0, -10.0]
    assert events(result) == [("passed_over", "exit_pending", "A")]
    assert result.events["timestamp"][0] == result.equity.index[3]
    assert result.events["order_id"][0] == 0


def test_an_exit_signal_beside_an_exit_says_nothing_for_it_is_done():
    data = signals(long=[0], out=[3])
    result = run(data, SignalStrategy("long", "out", quantity=10), [TimeBasedExit(3)])
    assert [fill[1] for fill in fills(result, "quantity", "reason")] == ["order", "time_exit"]
    assert events(result) == []


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"long": [0], "short": [0]}, [10.0]),  # flat: the long one goes before
        ({"long": [0, 3], "out": [3]}, [10.0, -10.0]),  # held: the exit does
        ({"long": [0, 3], "short": [3]}, [10.0, -10.0, -10.0]),  # and the reversal
        ({"short": [0, 3], "cover": [3]}, [-10.0, 10.0]),
        ({"short": [0, 3], "long": [3]}, [-10.0, 10.0, 10.0]),
    ],
)
def test_an_entry_that_another_signal_overrules_is_passed_over_with_an_event(columns, expected):
    data = signals(**{"long": [], "out": [], "short": [], "cover": []} | columns)
    strategy = SignalStrategy("long", "out", short_entry="short", short_exit="cover", quantity=10)
    result = run(data, strategy)
    assert [fill[0] for fill in fills(result, "quantity")] == expected
    assert events(result) == [("passed_over", "conflicting_signal", "A")]


def test_an_entry_on_the_side_that_is_held_asks_for_nothing():
    result = run(signals(long=range(8)), SignalStrategy("long", quantity=10))
    assert len(result.orders) == 1
    assert events(result) == []


def test_shorts_alone_need_no_column_of_longs():
    data = signals(short=[0], cover=[3])
    strategy = SignalStrategy(short_entry="short", short_exit="cover", quantity=10)
    assert strategy.entry is None
    assert strategy.parameters == {"short_entry": "short", "short_exit": "cover", "quantity": 10.0}
    assert (
        repr(strategy) == "SignalStrategy(short_entry='short', short_exit='cover', quantity=10.0)"
    )
    result = run(data, strategy)
    assert [fill[0] for fill in fills(result, "quantity")] == [-10.0, 10.0]
    again = SignalStrategy(**strategy.parameters)
    assert again.parameters == strategy.parameters


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, "needs a column to enter by: give entry, short_entry or both"),
        ({"exit": "x"}, "needs a column to enter by"),
        (
            {"short_entry": "s", "exit": "x"},
            "exit='x' closes longs, and without entry there are none",
        ),
        (
            {"entry": "e", "short_exit": "x"},
            "short_exit='x' closes shorts, and without short_entry",
        ),
    ],
)
def test_columns_that_could_never_be_looked_at_are_refused(columns, said):
    with pytest.raises(ValueError, match=said):
        SignalStrategy(**columns)


@pytest.mark.parametrize("names", ["ABCDE", "EDCBA"])
def test_entries_of_one_timestamp_are_one_basket(names):
    # 30% each of five: 150% in all. Each gets a fifth of the cash, whoever comes first.
    features = {"long": {name: [1.0, 0.0, 0.0] for name in names}}
    data = market({name: [FLAT] * 3 for name in names}, features)
    result = run(data, SignalStrategy("long", percent=0.3), config=BacktestConfig(debug=True))
    units = [fill[0] for fill in fills(result, "quantity")]
    assert units == pytest.approx([200.0] * 5, rel=1e-12)
    assert result.events["kind"].tolist() == ["scaled"] * 5


def test_a_signal_of_one_row_is_seen_until_it_is_too_old():
    # Known from the first bar on: after the exit at bar 3 it enters again, unless it may be a day old at most.
    times = pd.date_range("2024-03-04 21:00", periods=8, freq="D", tz="UTC")
    prices = pd.DataFrame({"timestamp": times, "asset": "A", "close": 100.0})
    once = pd.DataFrame({"timestamp": times[:1], "asset": "A", "long": 1.0})
    entries = []
    for table in (once, Table(once, max_age="12h")):
        result = run_backtest(
            prices, SignalStrategy("long", quantity=10), signals=table, rules=[TimeBasedExit(2)]
        )
        entries.append(int(result.fills["action"].eq("entry").sum()))
    assert entries == [3, 1]
