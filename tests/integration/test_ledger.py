"""The ledger by hand: what is told, when it was decided, and on what numbers."""

from math import nan as NAN

import numpy as np
import pandas as pd
import pytest
from scenes import FLAT, Acts, buy_first, day, market, run

from ml4t.backtest import BacktestConfig, BacktestResult, Sessions
from ml4t.backtest.risk import (
    AllOf,
    AnyOf,
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RiskDecision,
    RiskManager,
    RuleError,
    SessionExit,
    SignalExit,
    TimeBasedExit,
    TrailingStop,
)

UP = (100.0, 110.0, 96.0, 108.0)
SPLIT, DIVIDEND = 0, 1


def told(result, *names):
    """Rows of the ledger: kind, and what else is asked for, without NaN and missing names."""
    rows = result.ledger[["kind", *names]].astype(object).values.tolist()
    return [tuple(None if pd.isna(value) else value for value in row) for row in rows]


def kinds(result):
    return result.ledger["kind"].tolist()


def days_of(column):
    return [
        None if pd.isna(time) else (time.value - day(0)) // (day(1) - day(0)) for time in column
    ]


def test_a_trade_and_its_levels_from_the_order_to_the_exit():
    # Bought at 100; trail 95, then 110·0.95 = 104.5, hit on the way from 108 to 104.
    bars = [FLAT, FLAT, UP, (107.0, 108.0, 104.0, 106.0)]
    rules = [TrailingStop(0.05), PriceBasedTakeProfit(pct=0.2)]
    result = run(bars, rules, acts=Acts({0: buy_first}), ledger="all")
    units = result.orders["quantity"].tolist()[0]
    assert told(result, "rule", "level", "price", "before", "after") == [
        ("accepted", None, None, 100.0, None, units),
        ("filled", None, None, 100.0, None, units),
        ("armed", "TrailingStop", 95.0, 100.0, None, 95.0),
        ("armed", "PriceBasedTakeProfit", 120.0, 100.0, None, 120.0),
        ("moved", "TrailingStop", 104.5, 110.0, 95.0, 104.5),
        ("hit", "TrailingStop", 104.5, 104.5, None, None),
        ("accepted", "TrailingStop", None, 108.0, None, -units),
        ("filled", "TrailingStop", 104.5, 104.5, None, -units),
    ]
    ledger = result.ledger
    assert days_of(ledger["timestamp"]) == [0, 1, 1, 1, 2, 3, 3, 3]
    assert days_of(ledger["decision_time"]) == [0, 0, 1, 1, 2, 2, 2, 2]
    # What is armed at an open is known with the bar before it.
    assert days_of(ledger["information_time"]) == [0, 0, 0, 0, 2, 2, 2, 2]
    assert ledger["order_id"].tolist() == [1, 1, 0, 0, 0, 2, 2, 2]
    assert set(ledger["trade_id"]) == {1}
    assert ledger["fill"].tolist() == [-1, 0, -1, -1, -1, -1, -1, 1]


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ("fills", ["accepted", "filled"]),
        ("decisions", ["accepted", "filled", "armed"]),
        ("all", ["accepted", "filled", "armed", "moved"]),
    ],
)
def test_a_setting_says_how_much_is_told(detail, expected):
    result = run([FLAT, FLAT, UP], [TrailingStop(0.05)], acts=Acts({0: buy_first}), ledger=detail)
    assert kinds(result) == expected
    assert kinds(run([FLAT, FLAT, UP], [TrailingStop(0.05)], acts=Acts({0: buy_first}))) == [
        "accepted",
        "filled",
    ]


SESSION = pd.DataFrame(
    {
        "session": [pd.Timestamp(day(0)).normalize()],
        "open": [pd.Timestamp(day(0) - 3_600_000_000_000, tz="UTC")],
        "close": [pd.Timestamp(day(4), tz="UTC")],
    }
)
DAY_OF_MINUTES = 24.0 * 60.0


def tired(numbers):
    """A rule that says that it has compared these."""

    def evaluate(context):
        if context.opening or context.bars_held < 2:
            return RiskDecision.no_action()
        return RiskDecision.exit_now(reason="tired", metadata={RiskDecision.COMPARED: numbers})

    return evaluate


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize(
    ("rule", "reason", "compared"),
    [
        (TimeBasedExit(2), "time_exit", [(2.0, 2.0)]),
        (SignalExit("score", above=2.0), "score", [(3.0, 2.0)]),
        (SignalExit("score", below=4.0), "score", [(3.0, 4.0)]),
        (SignalExit("score", below="most"), "score", [(3.0, 3.5)]),
        (SessionExit(bars=1), "session_exit", [(2 * DAY_OF_MINUTES, 2 * DAY_OF_MINUTES)]),
        (SessionExit(minutes=30), "session_exit", [(2 * DAY_OF_MINUTES, 2 * DAY_OF_MINUTES + 30)]),
        (AnyOf([TimeBasedExit(2), TrailingStop(0.5)]), "time_exit", [(2.0, 2.0)]),
        (AllOf([TimeBasedExit(2), SignalExit("score", above=2.0)]), "time_exit", [(2.0, 2.0)]),
        (tired((0.5, 0.25)), "tired", [(0.5, 0.25)]),
        (tired([np.int64(3), np.float32(0.5)]), "tired", [(3.0, 0.5)]),
        (tired((2, 10**400)), "tired", [(2.0, np.inf)]),
        (tired((1.0, 2.0, 3.0)), "tired", []),
        (tired("by eye"), "tired", []),
    ],
)
def test_an_exit_at_a_close_says_on_what_numbers_it_was_decided(rule, reason, compared, lower):
    # The column says 3 from the third bar on; before it, nothing.
    data = market(
        {"A": [FLAT] * 5},
        {"score": {"A": [NAN, NAN, 3.0, 3.0, 3.0]}, "most": {"A": [NAN, 3.0, 3.5, 3.5, 3.5]}},
    )
    manager = RiskManager([rule], lower=lower)
    calendar = Sessions(table=SESSION)
    result = run(data, risk_manager=manager, ledger="decisions", calendar=calendar)
    rows = result.ledger[result.ledger["kind"] == "compared"]
    assert list(zip(rows["before"], rows["after"], strict=True)) == compared
    order = result.orders[result.orders["source"] == "rule"]
    assert order["reason"].tolist() == [reason]
    if compared:
        assert rows["order_id"].tolist() == order["order_id"].tolist()
        assert rows["decision_time"].tolist() == order["timestamp"].tolist()
        assert rows["information_time"].tolist() == order["timestamp"].tolist()
        assert rows["reason"].tolist() == [reason]


def test_a_trail_that_overtakes_the_stop_is_told_where_decisions_are():
    # The stop is at 97, the trail at 95, then at 104.5: another rule, at a close at which no rule is asked.
    rules = [PriceBasedStopLoss(pct=0.03), TrailingStop(0.05)]
    bars = [FLAT, FLAT, (100.0, 110.0, 98.0, 108.0)]
    result = run(bars, rules, acts=Acts({0: buy_first}), ledger="decisions")
    assert told(result, "rule", "level", "before")[2:] == [
        ("armed", "PriceBasedStopLoss", 97.0, None),
        ("armed", "TrailingStop", 104.5, None),
    ]


def test_a_rule_that_is_removed_takes_its_level_with_it():
    acts = Acts({0: buy_first, 2: lambda s: s.risk.remove_rule("PriceBasedStopLoss")})
    rules = [PriceBasedStopLoss(pct=0.03), PriceBasedTakeProfit(pct=0.2)]
    result = run([FLAT] * 4, rules, acts=acts, ledger="decisions")
    assert told(result, "rule", "exit_type", "level")[-1] == (
        "disarmed", "PriceBasedStopLoss", "stop_loss", None,
    )  # fmt: skip
    assert days_of(result.ledger["information_time"])[-1] == 2


def test_a_decision_at_a_close_stands_before_the_order_that_it_makes():
    def leaves(context):
        if context.bars_held == 1:
            return RiskDecision.exit_now("risk_exit", reason="enough")
        return RiskDecision.no_action()

    result = run([FLAT, FLAT, UP], [leaves], acts=Acts({0: buy_first}))
    assert told(result, "rule", "exit_type", "reason", "price")[2:4] == [
        ("decided", "leaves", "risk_exit", "enough", 100.0),
        ("accepted", "leaves", None, "enough", 100.0),
    ]


def test_an_exit_that_is_cancelled_keeps_the_reason_that_it_was_made_for():
    # The time is up at the close of day 1, and of day 2 again.
    acts = Acts({0: buy_first, 1: lambda s: s.cancel(s.open_orders()[0])})
    result = run([FLAT] * 3, [TimeBasedExit(1)], acts=acts)
    assert told(result, "rule", "reason")[2:] == [
        ("decided", "TimeBasedExit", "time_exit"),
        ("accepted", "TimeBasedExit", "time_exit"),
        ("cancelled", "TimeBasedExit", "cancel"),
        ("decided", "TimeBasedExit", "time_exit"),
        ("accepted", "TimeBasedExit", "time_exit"),
    ]


def test_splits_and_dividends_say_what_they_move():
    # Two for one on day 2: the stop of 95 is 47.5, the limit of 90 for 10 is 45 for 20. A dividend of 1: 46.5, 44.
    acts = Acts({0: buy_first, 1: lambda s: s.buy("A", 10.0, limit=90.0)})
    half = (50.0, 50.0, 49.0, 50.0)
    data = market(
        {"A": [FLAT, FLAT, half, half]},
        actions=[(day(2), 0, SPLIT, 2.0), (day(3), 0, DIVIDEND, 1.0)],
    )
    result = run(data, [PriceBasedStopLoss(pct=0.05)], acts=acts, ledger="all")
    rows = [
        row
        for row in told(result, "reason", "level", "before", "after")
        if row[0] in ("moved", "adjusted")
    ]
    assert rows == [
        ("moved", "split", 47.5, 95.0, 47.5),
        ("adjusted", "split", 45.0, 10.0, 20.0),
        ("adjusted", "dividend", 44.0, 20.0, 20.0),
        ("moved", "dividend", 46.5, 47.5, 46.5),
    ]
    accepted = result.ledger.loc[result.ledger["kind"] == "accepted", "after"].tolist()
    assert accepted[1] == 10.0  # as it was ordered
    assert result.orders["quantity"].tolist()[1] == 20.0


def test_a_stop_limit_says_what_has_triggered_it():
    # A gap from 100 to 106 over the stop of 104, beyond the limit of 105.
    acts = Acts({0: lambda s: s.buy("A", 10.0, stop=104.0, limit=105.0)})
    result = run([FLAT, (106.0, 107.0, 104.5, 106.0)], acts=acts, ledger="decisions")
    assert told(result, "level", "price") == [
        ("accepted", None, 100.0),
        ("triggered", 104.0, 106.0),
        ("filled", None, 105.0),
    ]


def test_an_order_of_money_says_the_units_that_it_finds():
    # 1,000 are 10 at the close of 100, and 1000/125 = 8 at the open of 125.
    acts = Acts({0: lambda s: s.buy("A", value=1_000.0, size_at="fill")})
    result = run([FLAT, (125.0, 125.0, 125.0, 125.0)], acts=acts, ledger="decisions")
    assert told(result, "price", "before", "after") == [
        ("accepted", 100.0, None, 10.0),
        ("sized", 125.0, 10.0, 8.0),
        ("filled", 125.0, None, 8.0),
    ]


def test_a_trailing_stop_order_tells_its_moves():
    acts = Acts({0: buy_first, 1: lambda s: s.sell("A", 10.0, trail=5.0)})
    result = run([FLAT, FLAT, UP], acts=acts, ledger="all")
    assert told(result, "order_id", "price", "before", "after")[-1] == (
        "moved",
        2,
        110.0,
        95.0,
        105.0,
    )


def test_an_order_that_is_refused_was_never_accepted():
    # Less than one unit, of whole units.
    acts = Acts({0: lambda s: s.buy("A", 0.5)})
    result = run([FLAT, FLAT], acts=acts, quantity="whole")
    assert told(result, "order_id", "reason", "before", "after") == [
        ("rejected", 1, "zero_quantity", 0.5, 0.0)
    ]


def test_an_order_through_zero_is_of_the_trade_that_it_begins():
    acts = Acts({0: lambda s: s.buy("A", 5.0), 1: lambda s: s.sell("A", 8.0)})
    result = run([FLAT] * 3, acts=acts, account="margin")
    assert told(result, "order_id", "trade_id", "after") == [
        ("accepted", 1, 1, 5.0),
        ("filled", 1, 1, 5.0),
        ("accepted", 2, 2, -8.0),
        ("partly_filled", 2, 1, -5.0),
        ("filled", 2, 2, -3.0),
    ]


def test_it_is_stored_and_loaded_with_the_rest(tmp_path):
    result = run([FLAT, FLAT, UP], [TrailingStop(0.05)], acts=Acts({0: buy_first}), ledger="all")
    again = BacktestResult.load(result.to_parquet(tmp_path))
    pd.testing.assert_frame_equal(again.ledger, result.ledger)
    assert again.config.ledger == "all"


def test_an_unknown_word_is_a_sentence():
    with pytest.raises(
        ValueError, match=r"^ledger must be 'fills', 'decisions' or 'all', was 'al'"
    ):
        BacktestConfig(ledger="al")


@pytest.mark.parametrize("at", range(1, 5))
def test_a_run_that_was_stopped_has_told_what_had_happened(at):
    asked = []

    def breaks(context):
        asked.append(context)
        if len(asked) == at:
            raise ValueError("here")
        return RiskDecision.update_stops(stop_loss=90.0)

    with pytest.raises(RuleError) as stopped:
        run([FLAT, FLAT, UP, FLAT, FLAT], [breaks], acts=Acts({0: buy_first}), ledger="all")
    expected = ["accepted", "filled"] + ["armed"] * (at > 1)
    assert kinds(stopped.value.partial_result) == expected


def test_a_run_in_which_nothing_happened_has_told_nothing():
    assert run([FLAT, FLAT], acts=Acts({}), ledger="all").ledger.empty
