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


# ----- prices, further entries, places -----------------------------------------------------------


def test_an_entry_waits_at_the_price_of_its_column_and_leaves_at_its_bracket():
    # Bar 1 reaches the limit of 98, bar 3 the target of 103: (open, high, low, close).
    bars = [FLAT, (100.0, 101.0, 97.0, 99.0), FLAT, (101.0, 104.0, 100.0, 102.0)]
    columns = {"long": [1.0, 0, 0, 0], "at": [98.0] + [float("nan")] * 3, "out": [103.0] * 4}
    data = market({"A": bars}, {name: {"A": values} for name, values in columns.items()})
    strategy = SignalStrategy("long", quantity=10, limit="at", stop_loss=90, take_profit="out")
    result = run(data, strategy)
    assert fills(result, "price", "reason") == [(98.0, "order"), (103.0, "take_profit")]
    again = SignalStrategy(**strategy.parameters)
    assert again.parameters == strategy.parameters
    assert strategy.parameters["limit"] == "at"
    assert strategy.parameters["stop_loss"] == 90.0


def test_an_entry_that_waits_is_cancelled_by_its_exit_column():
    data = signals(long=[0], out=[2])
    result = run(data, SignalStrategy("long", "out", quantity=10, limit=90))
    assert result.orders[["status", "reason"]].values.tolist() == [["cancelled", "cancel"]]
    assert result.events["timestamp"].tolist() == [result.equity.index[2]]


@pytest.mark.parametrize(("valid", "made"), [("gtc", 1), ("day", 3)])
def test_a_further_signal_makes_a_day_order_anew_and_leaves_one_until_cancelled(valid, made):
    result = run(
        signals(long=[0, 1, 2]), SignalStrategy("long", quantity=10, limit=90, valid=valid)
    )
    assert len(result.orders) == made


def test_a_bracket_that_cannot_be_leaves_the_signal_as_good_as_off():
    # Long, and the model says short with a stop below its limit: neither is anything sold nor closed.
    data = signals(long=[0], short=[3])
    strategy = SignalStrategy(
        "long", short_entry="short", quantity=10, stop_loss=90, take_profit=110
    )
    result = run(data, strategy)
    assert [fill[0] for fill in fills(result, "quantity")] == [10.0]
    assert events(result) == [("passed_over", "crossed_prices", "A")]


def test_a_column_without_a_price_leaves_the_signal_as_good_as_off():
    n = 3
    data = market({"A": [FLAT] * n}, {"long": {"A": [1.0] * n}, "at": {"A": [0.0, -1.0, 99.0]}})
    result = run(data, SignalStrategy("long", quantity=10, limit="at"))
    assert len(result.orders) == 1
    assert events(result) == [("passed_over", "no_price", "A")] * 2


def test_a_position_has_as_many_entries_as_it_may():
    result = run(signals(long=range(8)), SignalStrategy("long", quantity=10, max_entries=3))
    assert [fill[0] for fill in fills(result, "position_after")] == [10.0, 20.0, 30.0]


def test_the_highest_ranks_get_the_places_and_an_exit_gives_its_own_away():
    # Two places for A, B, C, D: B and D come first. At bar 2 B leaves, and A gets its place.
    ranks = {"A": 2.0, "B": 3.0, "C": float("nan"), "D": 4.0}
    features = {
        "long": {name: [1.0] * 4 for name in ranks},
        "out": {name: [0.0, 0.0, float(name == "B"), 0.0] for name in ranks},
        "score": {name: [rank] * 4 for name, rank in ranks.items()},
    }
    data = market({name: [FLAT] * 4 for name in ranks}, features)
    strategy = SignalStrategy("long", "out", quantity=10, max_positions=2, rank="score")
    result = run(data, strategy)
    assert fills(result, "asset", "quantity") == [
        ("D", 10.0), ("B", 10.0), ("B", -10.0), ("A", 10.0),
    ]  # fmt: skip
    first = result.events[result.events["timestamp"] == result.equity.index[0]]
    assert first[["asset", "reason"]].values.tolist() == [
        ["A", "position_limit"], ["C", "position_limit"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"limit": 5.0, "trail": 1}, "leave limit or trail out"),
        ({"trail": "x", "trail_percent": 0.1}, "give trail or trail_percent"),
        ({"trail_percent": 1.5}, "trail_percent must be a column or a fraction, was 1.5"),
        ({"limit": float("nan")}, "limit must be finite"),
        ({"valid": "week"}, "valid must be one of 'gtc'"),
        ({"limit": 90, "size_at": "fill"}, "size_at='fill' is for market orders"),
        ({"max_entries": 0}, "max_entries must be a whole number of at least 1, was 0"),
        ({"max_positions": 2.5}, "max_positions must be a whole number"),
        ({"rank": "x"}, "give max_positions too"),
    ],
)
def test_what_no_entry_can_be_asked_with_is_refused(asked, said):
    with pytest.raises(ValueError, match=said):
        SignalStrategy("long", **asked)


@pytest.mark.parametrize("name", ["limit", "rank"])
def test_a_column_that_is_not_there_is_named_before_the_run(name):
    more = {"max_positions": 1} if name == "rank" else {}
    with pytest.raises(
        Exception, match=r"SignalStrategy reads no column 'lnog'.*did you mean 'long'"
    ):
        run(signals(long=[0]), SignalStrategy("long", **{name: "lnog"}, **more))
