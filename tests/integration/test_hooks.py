"""The three hooks: when they are called, what they see, and what orders become in them."""

from math import isnan

import pandas as pd
import pytest
from scenes import FLAT, Acts, buy_first, day, fills, market, run

from ml4t.backtest import Order, Strategy
from ml4t.backtest.risk import (
    MaxGrossExposure,
    PriceBasedStopLoss,
    RiskContext,
    RiskDecision,
    RiskManager,
    RiskRule,
    RuleError,
    TimeBasedExit,
)

BARS = [
    FLAT,
    (101.0, 104.0, 99.0, 103.0),
    (103.0, 106.0, 102.0, 105.0),
    (104.0, 105.0, 90.0, 92.0),
    (92.0, 93.0, 91.0, 92.0),
]


class Recorder(RiskRule):
    """Notes each question, and sets a stop at 95 when a position opens."""

    def __init__(self, log):
        self.log = log

    def evaluate(self, context):
        moment = "opening" if isnan(context.close) else "close"
        t = (context.timestamp_ns - day(0)) // (day(1) - day(0))
        self.log.append((moment, t, context.position_quantity, context.bars_held))
        if moment == "opening":
            return RiskDecision.update_stops(stop_loss=95.0)
        return RiskDecision.no_action()

    def validate_order(self, order, context):
        t = (context.timestamp_ns - day(0)) // (day(1) - day(0))
        self.log.append(("order", t, order.quantity, context.position_quantity))
        return order


class Told(Strategy):
    """Buys at the first close, adds at the second, and notes what it is told."""

    def __init__(self, log):
        self.log = log

    def on_fill(self, fill):
        self.log.append(("fill", (fill.timestamp_ns - day(0)) // (day(1) - day(0)), fill.quantity))

    def on_market_data(self, event):
        t = (event.timestamp_ns - day(0)) // (day(1) - day(0))
        self.log.append(("bar", t))
        if t < 2:
            self.buy(event.asset, 10.0 - 6.0 * t)


@pytest.mark.parametrize("lower", [True, False], ids=["lowered", "in Python"])
def test_every_hook_comes_in_its_turn_and_sees_the_state_of_its_moment(lower):
    log = []
    run(BARS, acts=Told(log), risk_manager=RiskManager([Recorder(log)], lower=lower))
    assert log == [
        ("bar", 0),
        ("order", 0, 10.0, 0.0),
        ("opening", 1, 10.0, 0),
        ("close", 1, 10.0, 1),
        ("fill", 1, 10.0),
        ("bar", 1),
        ("order", 1, 4.0, 10.0),
        ("opening", 2, 14.0, 1),
        ("close", 2, 14.0, 2),
        ("fill", 2, 4.0),
        ("bar", 2),
        # Step 3 of bar 3: the stop is hit, so its close asks nobody.
        ("fill", 3, -14.0),
        ("bar", 3),
        ("bar", 4),
    ]


def test_the_opening_knows_nothing_of_its_bar_and_features_of_the_bar_before():
    seen = []

    def look(context):
        hidden = (context.high, context.low, context.close, context.volume)
        seen.append((context.open, hidden, dict(context.features), dict(context.market_features)))
        return RiskDecision.no_action()

    data = market({"A": BARS}, {"atr": {"A": [1, 2, 3, 4, 5]}}, {"vix": [10, 20, 30, 40, 50]})
    run(data, [look])
    opening, close, *_ = seen
    assert opening[0] == 101.0
    assert all(map(isnan, opening[1]))
    assert opening[2:] == ({"atr": 1.0}, {"vix": 10.0})
    assert close[1][:3] == (104.0, 99.0, 103.0)
    assert close[2:] == ({"atr": 2.0}, {"vix": 20.0})


def test_a_context_that_was_kept_is_still_true():
    kept = []

    def keep(context):
        kept.append(context)
        return RiskDecision.no_action()

    data = market({"A": BARS}, {"atr": {"A": [1, 2, 3, 4, 5]}})
    run(data, [keep])
    closes = [context for context in kept if not isnan(context.close)]
    assert [context.close for context in closes] == [103.0, 105.0, 92.0, 92.0]
    assert [context.bars_held for context in closes] == [1, 2, 3, 4]
    assert [context.features["atr"] for context in closes] == [2.0, 3.0, 4.0, 5.0]
    assert [context.max_favorable_excursion for context in closes] == [3.0, 5.0, 5.0, 5.0]
    assert [context.max_adverse_excursion for context in closes] == [-2.0, -2.0, -11.0, -11.0]
    assert [context.unrealized_pnl for context in closes] == [20.0, 40.0, -90.0, -90.0]
    assert [context.equity for context in closes] == [100_020.0, 100_040.0, 99_910.0, 99_910.0]


def test_one_context_is_shown_to_every_rule():
    seen = []

    def first(context):
        seen.append(context)
        return RiskDecision.no_action()

    def second(context):
        assert context is seen[-1]
        return RiskDecision.no_action()

    result = run(BARS, [first, second])
    # One opening and four closes.
    assert result.statistics["contexts_built"] == len(seen) == 5
    assert result.statistics["evaluations"] == 10


# ----- validate_order ---------------------------------------------------------------------------


class Limit(RiskRule):
    """Passes at most so many units; zero rejects."""

    def __init__(self, most, priority=0, name=None):
        self.most = most
        self.priority = priority
        self.name = name or f"Limit{most:g}"
        self.asked = []

    def evaluate(self, context):
        return RiskDecision.no_action()

    def validate_order(self, order, context):
        self.asked.append(order.quantity)
        if self.most == 0.0:
            return None
        side = 1.0 if order.quantity > 0.0 else -1.0
        return order.with_quantity(side * min(abs(order.quantity), self.most))


def test_an_order_is_rejected():
    result = run(BARS, [Limit(0.0)])
    assert len(result.fills) == 0
    (order,) = result.orders.to_dict("records")
    assert (order["status"], order["reason"], order["filled_quantity"]) == ("rejected", "rule", 0.0)
    (event,) = result.events.to_dict("records")
    assert (event["kind"], event["reason"], event["asked"]) == ("rejected", "rule", 10.0)
    assert event["rule"] == "Limit0"


def said(result):
    columns = ["kind", "reason", "rule", "asked", "given"]
    return list(result.events[columns].astype(object).itertuples(index=False, name=None))


def test_an_order_is_cut():
    result = run(BARS, [Limit(4.0)])
    assert fills(result, "quantity", "price") == [(4.0, 101.0)]
    assert list(result.orders["quantity"]) == [4.0]
    assert said(result) == [("scaled", "rule", "Limit4", 10.0, 4.0)]
    assert any("1 order scaled down" in note and "40" in note for note in result.notes)


def test_rules_see_an_order_by_priority_each_what_the_last_one_left():
    low, high = Limit(5.0), Limit(7.0, priority=1)
    result = run(BARS, [low, high])
    assert (high.asked, low.asked) == ([10.0], [7.0])
    assert fills(result, "quantity") == [(5.0,)]
    assert said(result) == [("scaled", "rule", "Limit7", 10.0, 5.0)]


def test_a_limit_is_asked_about_what_a_rule_has_left():
    result = run(BARS, [Limit(7.0), MaxGrossExposure(value=500.0, on_breach="scale")])
    (first, second) = said(result)
    assert first == ("scaled", "rule", "Limit7", 10.0, 7.0)
    assert second[:4] == ("scaled", "max_gross_exposure", "MaxGrossExposure", 7.0)
    assert second[4] == result.orders["quantity"].iloc[0] < 7.0


def test_an_order_may_be_made_larger():
    class Doubled(Limit):
        def validate_order(self, order, context):
            return order.with_quantity(2.0 * order.quantity)

    result = run(BARS, [Doubled(1.0, name="Doubled")])
    assert said(result) == [("scaled", "rule", "Doubled", 10.0, 20.0)]
    assert [
        note
        for note in result.notes
        if "1 order scaled by rule" in note or "1 order scaled (" in note
    ]


def test_of_what_a_rule_leaves_nothing_it_is_named():
    class Fraction(Limit):
        def validate_order(self, order, context):
            return order.with_quantity(0.25)

    result = run(BARS, [Fraction(1.0, name="Fraction")], quantity="whole")
    assert said(result) == [("rejected", "zero_quantity", "Fraction", 10.0, 0.0)]


def test_an_order_that_passes_as_it_is_makes_no_event():
    assert said(run(BARS, [Limit(10.0)])) == []


def test_after_a_rejection_nobody_else_is_asked():
    no, other = Limit(0.0, priority=1), Limit(5.0)
    run(BARS, [other, no])
    assert (no.asked, other.asked) == ([10.0], [])


def test_a_rule_for_one_asset_does_not_see_the_orders_of_others():
    manager = RiskManager()
    manager.add_rule(Limit(0.0), assets="B")
    data = market({"A": BARS, "B": BARS})
    acts = {0: lambda s: (s.buy("A", 1.0), s.buy("B", 1.0))}
    assert fills(run(data, acts=acts, risk_manager=manager), "asset") == [("A",)]


def test_every_way_to_order_passes_the_rules():
    acts = {
        0: lambda s: s.buy("A", 100.0),
        1: lambda s: s.order_target_percent("A", 0.5),
        2: lambda s: s.order_target_weights({"A": 0.25}),
        3: lambda s: s.close("A"),
    }
    rule = Limit(3.0)
    result = run(BARS, [rule], acts)
    assert len(rule.asked) == len(result.orders) == 4
    assert list(result.orders["quantity"].abs()) == [3.0] * 4


@pytest.mark.parametrize(
    ("answer", "words"),
    [(3.0, "3.0"), (True, "True"), ("ok", "'ok'")],
)
def test_validate_order_must_answer_with_an_order(answer, words):
    class Wrong(Limit):
        def validate_order(self, order, context):
            return answer

    with pytest.raises(RuleError, match=f"rule Wrong must return the order.*{words}.*'A'"):
        run(BARS, [Wrong(1.0, name="Wrong")])


def test_an_order_of_another_asset_is_no_answer():
    class Swaps(Limit):
        def validate_order(self, order, context):
            return type(order).proposed("B", order.quantity)

    with pytest.raises(RuleError, match="rule Swaps must return the order"):
        run(market({"A": BARS, "B": BARS}), [Swaps(1.0, name="Swaps")])


def test_validate_order_that_raises_names_rule_asset_and_time():
    class Fails(Limit):
        def validate_order(self, order, context):
            raise ZeroDivisionError("no such luck")

    with pytest.raises(RuleError) as error:
        run(BARS, [Fails(1.0, name="Fails")], {2: buy_first})
    when = str(pd.Timestamp(day(2), tz="UTC"))
    for words in ("Fails", "'A'", when, "no such luck"):
        assert words in str(error.value)
    assert len(error.value.partial_result.equity) == 2


def test_a_changed_order_keeps_its_side():
    class Turns(Limit):
        def validate_order(self, order, context):
            return order.with_quantity(-order.quantity)

    with pytest.raises(RuleError, match=r"Turns raised ValueError: quantity .* of the sign of 10"):
        run(BARS, [Turns(1.0, name="Turns")])


# ----- the hooks called from Python --------------------------------------------------------------


def test_validate_order_can_be_asked():
    class Asks(Strategy):
        def on_market_data(self, event):
            order = Order.proposed("A", 5.0)
            answer = self.risk.validate_order(order, event, self.broker, self.portfolio)
            self.answers.append(answer if answer is None else (answer.quantity, answer is order))

    for most, expected in ((0.0, None), (2.0, (2.0, False)), (9.0, (5.0, True))):
        strategy = Asks()
        strategy.answers = []
        run(BARS[:1], [Limit(most)], strategy)
        assert strategy.answers == [expected]


def test_all_rules_can_be_asked_about_a_context_made_by_hand():
    context = RiskContext.from_state(
        asset_id="A", close=101.0, entry_price=100.0, position_quantity=10.0, bars_held=2
    )
    manager = RiskManager([PriceBasedStopLoss(pct=0.05), TimeBasedExit(2)])
    manager.add_rule(PriceBasedStopLoss(pct=0.01), assets="B")
    decision = manager.evaluate_all_rules(context)
    assert (decision.should_exit, decision.exit_type) == (True, "time_exit")
    assert decision.update_stop_loss == 95.0


# ----- exits and the orders that wait -----------------------------------------------------------


def test_an_exit_by_level_cancels_the_close_that_waits():
    # The close of bar 2 waits for a missing row; bar 4 gaps through the stop before it could fill.
    data = market({"A": [*BARS[:3], None, (90.0, 91.0, 89.0, 90.0)], "B": [FLAT] * 5})
    acts = {0: buy_first, 2: lambda s: s.close("A")}
    result = run(data, [PriceBasedStopLoss(price=95.0)], acts)
    assert fills(result, "quantity", "price", "reason")[1:] == [(-10.0, 90.0, "close")]
    # Under next_close the level comes first, and nothing is left to close.
    result = run(data, [PriceBasedStopLoss(price=95.0)], acts, fill_at="next_close")
    assert fills(result, "price", "reason")[1:] == [(90.0, "stop_loss")]
    assert list(result.orders["status"]) == ["filled", "cancelled", "filled"]
    assert list(result.events["reason"]) == ["position_closed"]


def test_acts_at_one_close_keep_their_order():
    acts = Acts({0: lambda s: (s.buy("A", 1.0), s.buy("A", 2.0), s.sell("A", 0.5))})
    result = run(BARS, acts=acts)
    assert list(result.orders["quantity"]) == [1.0, 2.0, -0.5]
    # Nothing is held at the next open: there is nothing to sell from before the first fill.
    assert fills(result, "quantity", "position_after") == [(1.0, 1.0), (2.0, 3.0), (-0.5, 2.5)]
