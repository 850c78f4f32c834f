"""What rules and callbacks may do, and what is refused, while the book is at work."""

import numpy as np
import pytest
from scenes import DAY, FLAT, Acts, buy_first, day, fills, market, run

from ml4t.backtest import BacktestConfig, CompiledStrategy, Strategy
from ml4t.backtest.risk import (
    PriceBasedStopLoss,
    RiskDecision,
    RiskManager,
    RiskRule,
    RuleError,
    TimeBasedExit,
    TrailingStop,
)
from ml4t.backtest.testing.manual_run import ManualRun

SPLIT = 0
THREE = {name: [FLAT] * 4 for name in "ABC"}
MOMENTS = ["next_open", "next_close", "close"]


class Calls(RiskRule):
    """Calls a function whenever it is asked about asset A."""

    def __init__(self, function, opening=True):
        self.function = function
        self.opening = opening

    def evaluate(self, context):
        if context.asset_id == "A" and context.opening == self.opening:
            self.function()
        return RiskDecision.no_action()


class Buys(Strategy):
    """Buys every asset at the first close and keeps the orders by asset."""

    def on_timestamp_batch(self, timestamp, events, context):
        if timestamp.value == day(0):
            self.made = {asset: self.buy(asset, 10.0) for asset in self.data.assets}


# ----- cancels while orders fill ----------------------------------------------------------------


@pytest.mark.parametrize("fill_at", MOMENTS)
@pytest.mark.parametrize("cancelled", list("BCDE"))
def test_a_rule_that_cancels_while_orders_fill_makes_no_other_order_late(fill_at, cancelled):
    strategy = Buys()
    rule = Calls(lambda: strategy.cancel(strategy.made[cancelled]))
    five = market({name: [FLAT] * 4 for name in "ABCDE"})
    result = run(five, [rule], strategy, fill_at=fill_at, initial_cash=1e6)
    # A fills first and cancels; all others fill at the same moment, in the order of submission.
    filled = day(0 if fill_at == "close" else 1)
    times = zip(result.fills["asset"], result.fills["timestamp"].astype("int64"), strict=True)
    assert list(times) == [(name, filled) for name in "ABCDE" if name != cancelled]
    number = "ABCDE".index(cancelled) + 1
    assert result.orders.set_index("order_id")["status"].to_dict() == {
        order_id: "cancelled" if order_id == number else "filled" for order_id in range(1, 6)
    }
    (event,) = result.events.to_dict("records")
    assert (event["kind"], event["order_id"], event["reason"]) == ("cancelled", number, "cancel")
    assert (event["timestamp"].value, event["asked"], event["given"]) == (filled, 10.0, 0.0)


def test_while_orders_fill_only_those_that_still_wait_are_open():
    strategy = Buys()
    seen = []
    rule = Calls(lambda: seen.append([order.order_id for order in strategy.open_orders()]))
    run(market(THREE), [rule], strategy)
    assert seen == [[2, 3]]


def test_an_exit_fill_stays_when_the_rest_of_its_order_is_cancelled():
    # B is long 10 and sells 25. Exits fill first; then A opens, and cancels the rest of B's order.
    strategy = Acts(
        {
            0: lambda s: s.buy("B", 10.0),
            1: lambda s: (s.buy("A", 10.0), setattr(s, "sale", s.sell("B", 25.0))),
        }
    )
    rule = Calls(lambda: strategy.cancel(strategy.sale))
    result = run(market({"A": [FLAT] * 4, "B": [FLAT] * 4}), [rule], strategy)
    order = result.orders.iloc[2]
    assert (order["status"], order["filled_quantity"]) == ("cancelled", -10.0)
    (event,) = result.events.to_dict("records")
    assert (event["asked"], event["given"]) == (-25.0, -10.0)
    assert result.open_positions["asset"].tolist() == ["A"]


# ----- what a rule may not do -------------------------------------------------------------------


@pytest.mark.parametrize("opening", [True, False], ids=["at an opening", "at a close"])
@pytest.mark.parametrize(
    "order",
    [
        lambda s: s.buy("C", 1.0),
        lambda s: s.close("A"),
        lambda s: s.order_target_percent("C", 0.1),
        lambda s: s.order_target_weights({"C": 0.1}),
    ],
    ids=["buy", "close", "target", "weights"],
)
def test_a_rule_makes_no_orders(opening, order):
    strategy = Buys()
    with pytest.raises(RuleError, match="a rule makes no orders"):
        run(market(THREE), [Calls(lambda: order(strategy), opening)], strategy)


def test_a_rule_that_looks_at_an_order_makes_none():
    strategy = Buys()

    class Doubles(RiskRule):
        def evaluate(self, context):
            return RiskDecision.no_action()

        def validate_order(self, order, context):
            strategy.buy("C", 1.0)
            return order

    with pytest.raises(Exception, match="a rule makes no orders"):
        run(market(THREE), [Doubles()], strategy)


@pytest.mark.parametrize("change", ["add", "remove"])
def test_a_rule_changes_no_rules(change):
    other = TrailingStop(0.5)
    manager = RiskManager([other])
    changes = {"add": lambda: manager.add_rule(other), "remove": lambda: manager.remove_rule(other)}
    manager.add_rule(Calls(changes[change]))
    with pytest.raises(RuleError, match="a rule adds and removes no rules"):
        run(market(THREE), acts={0: buy_first}, risk_manager=manager)


def test_exits_are_tried_where_the_loop_tries_them():
    class Tries(Strategy):
        def on_market_data(self, event):
            if not self.position("A"):
                self.buy("A", 10.0)
            self.risk.check_position_exits(event, self.broker, self.portfolio)

    with pytest.raises(Exception, match=r"check_position_exits .* by hand"):
        run([FLAT] * 3, [PriceBasedStopLoss(price=95.0)], Tries())


# ----- a fill is told once ----------------------------------------------------------------------


def test_a_fill_told_when_it_was_booked_is_not_told_again_by_hand():
    walk = ManualRun(market({"A": [FLAT] * 3}), BacktestConfig(account="margin"))
    asked = []
    manager = RiskManager([Calls(lambda: asked.append(walk.broker))])
    manager.bind(walk.broker)
    walk.step()
    walk.submit("A", 10.0)
    walk.step()
    (fill,) = walk.fills
    assert len(asked) == 1
    manager.record_fill(fill)
    assert len(asked) == 1


def test_a_fill_from_before_the_rules_were_bound_is_told_by_hand_once():
    walk = ManualRun(market({"A": [FLAT] * 3}), BacktestConfig(account="margin"))
    walk.step()
    walk.submit("A", 10.0)
    walk.step()
    (fill,) = walk.fills
    asked = []
    manager = RiskManager([Calls(lambda: asked.append(fill)), PriceBasedStopLoss(price=95.0)])
    manager.bind(walk.broker)
    manager.record_fill(fill)
    manager.record_fill(fill)
    assert len(asked) == 1
    assert manager.levels("A").stop == 95.0


@pytest.mark.parametrize("lower", [True, False])
def test_a_position_from_before_the_rules_were_bound_is_asked_about_at_its_next_close(lower):
    walk = ManualRun(market({"A": [FLAT] * 4}), BacktestConfig(account="margin"))
    walk.step()
    walk.submit("A", 10.0)
    (event,) = walk.step()
    manager = RiskManager([PriceBasedStopLoss(price=95.0)], lower=lower)
    manager.bind(walk.broker)
    manager.check_position_exits(event, walk.broker, walk.portfolio)
    assert manager.levels("A").stop == 95.0


@pytest.mark.parametrize("name", ["on_fill", "on_market_data", "on_timestamp_batch"])
def test_a_compiled_strategy_with_a_callback_in_python_is_refused_when_it_is_made(name):
    with pytest.raises(TypeError, match=f"{name}.*never be called"):
        type("Loud", (CompiledStrategy,), {name: lambda self, *told: None})


def test_a_compiled_strategy_may_begin_and_end_in_python():
    type("Quiet", (CompiledStrategy,), {"on_start": lambda self: None, "on_end": lambda self: None})


# ----- the rule that is meant -------------------------------------------------------------------


def test_the_rule_that_is_removed_is_the_one_that_was_given():
    ours, theirs = TrailingStop(0.05), TrailingStop(0.05)
    manager = RiskManager()
    manager.add_rule(ours, assets="A")
    manager.add_rule(theirs, assets="B")
    manager.remove_rule(theirs)
    assert [rule is ours for rule in manager.rules] == [True]


def test_a_rule_added_twice_is_removed_twice():
    rule = TrailingStop(0.05)
    manager = RiskManager()
    manager.add_rule(rule, assets="A")
    manager.add_rule(rule, assets="B")
    manager.remove_rule(rule)
    assert manager.rules == ()


def test_one_that_equals_it_is_removed_where_the_rule_itself_is_not_in_force():
    manager = RiskManager([TrailingStop(0.05), TimeBasedExit(3)])
    manager.remove_rule(TrailingStop(0.05))
    assert manager.rules == (TimeBasedExit(3),)


def test_several_that_equal_it_are_refused_by_their_labels():
    manager = RiskManager()
    manager.add_rule(TrailingStop(0.05), assets="A")
    manager.add_rule(TrailingStop(0.05), assets="B")
    with pytest.raises(ValueError, match=r"2 rules equal .*TrailingStop#2"):
        manager.remove_rule(TrailingStop(0.05))
    assert len(manager.rules) == 2


def test_a_plain_function_is_itself():
    def rule(context):
        return RiskDecision.no_action()

    manager = RiskManager([rule, TimeBasedExit(3)])
    manager.remove_rule(rule)
    assert manager.rules == (TimeBasedExit(3),)


def test_a_plain_function_added_twice_is_removed_twice():
    def rule(context):
        return RiskDecision.no_action()

    manager = RiskManager([TimeBasedExit(3)])
    manager.add_rule(rule, assets="A")
    manager.add_rule(rule, assets="B")
    manager.remove_rule(rule)
    assert manager.rules == (TimeBasedExit(3),)


# ----- reduce-only ------------------------------------------------------------------------------


@pytest.fixture
def walk():
    return ManualRun(market({"A": [FLAT] * 4}), BacktestConfig(account="margin", debug=True))


def event_rows(walk):
    return [
        (int(row["order_id"]), float(row["asked"]), float(row["given"]))
        for row in walk.broker.records()["events"]
    ]


def test_a_reduce_only_order_without_a_position_is_rejected(walk):
    walk.step()
    order = walk.submit("A", 10.0, reduce_only=True)
    assert order.status == "rejected"
    assert event_rows(walk) == [(1, 10.0, 0.0)]
    walk.step()
    assert (walk.fills, walk.portfolio.n_open) == ([], 0)


def test_a_reduce_only_order_that_would_add_is_rejected(walk):
    walk.step()
    walk.submit("A", 10.0)
    walk.step()
    assert walk.submit("A", 5.0, reduce_only=True).status == "rejected"
    walk.step()
    assert walk.portfolio.state("A").quantity == 10.0


def test_a_reduce_only_order_is_cut_to_its_position(walk):
    walk.step()
    walk.submit("A", 10.0)
    walk.step()
    order = walk.submit("A", -25.0, reduce_only=True)
    walk.step()
    assert (order.status, order.filled_quantity, walk.portfolio.n_open) == ("filled", -10.0, 0)


def test_a_reduce_only_order_does_not_reduce_the_next_position(walk):
    walk.step()
    walk.submit("A", 10.0)
    walk.step()
    walk.submit("A", -15.0)
    late = walk.submit("A", -10.0, reduce_only=True)
    walk.step()
    # The reversal ended the position it was made for; the short of 5 is another one.
    assert (late.status, walk.portfolio.state("A").quantity) == ("cancelled", -5.0)


# ----- before the first bar ---------------------------------------------------------------------


class Starts(Strategy):
    """Does something before the first bar."""

    def __init__(self, act):
        self.act = act

    def on_start(self):
        self.act(self)

    def on_market_data(self, event):
        pass


@pytest.mark.parametrize(
    ("fill_at", "moment", "price"),
    [("next_open", "open", 99.0), ("next_close", "close", 102.0), ("close", "close", 102.0)],
)
def test_orders_of_on_start_fill_in_the_first_bar(fill_at, moment, price):
    bars = [(99.0, 103.0, 98.0, 102.0), FLAT]
    result = run(bars, acts=Starts(buy_first), fill_at=fill_at)
    assert fills(result, "quantity", "price", "moment") == [(10.0, price, moment)]
    (order,) = result.orders.to_dict("records")
    assert [order[name].value for name in ("timestamp", "ended")] == [day(0), day(0)]
    assert str(order["decision_time"]) == "NaT"
    assert np.isnan(order["decision_close"])
    assert str(result.fills["decision_time"][0]) == "NaT"


def test_what_has_no_price_before_the_first_bar_is_rejected_at_the_first_timestamp():
    result = run([FLAT] * 2, acts=Starts(lambda s: s.order_target_percent("A", 0.5)))
    assert result.orders["status"].tolist() == ["rejected"]
    (event,) = result.events.to_dict("records")
    assert (event["reason"], event["timestamp"].value) == ("no_price", day(0))


def test_a_split_before_the_run_is_past():
    data = market(
        {"A": [FLAT] * 2}, actions=[(day(0) - DAY, 0, SPLIT, 2.0), (day(0), 0, SPLIT, 3.0)]
    )
    result = run(data, acts=Starts(buy_first))
    assert fills(result, "quantity") == [(10.0,)]


# ----- the close a level decided at -------------------------------------------------------------


@pytest.mark.parametrize("waits", [False, True], ids=["nothing waits", "an order waits"])
def test_a_level_decides_at_the_close_of_its_row_whatever_waits(waits):
    # A gaps from 104 through its stop at 95; B's order waits for a row that never comes.
    bars = [FLAT, (100.0, 105.0, 99.0, 104.0), (96.0, 97.0, 90.0, 91.0)]
    data = market({"A": bars, "B": [FLAT, None, None]})
    acts = {0: lambda s: (s.buy("A", 10.0), s.buy("B", 1.0) if waits else None)}
    result = run(data, [PriceBasedStopLoss(price=95.0)], acts)
    assert result.orders["source"].tolist()[-1] == "level"
    assert result.orders["decision_close"].tolist()[-1] == 104.0


def test_the_close_a_level_decided_at_is_divided_by_the_splits_since():
    # Close 104; two splits while A has no row: 104/2/1.3, one division after the other.
    bars = [FLAT, (100.0, 105.0, 99.0, 104.0), None, (30.0, 31.0, 29.0, 30.0)]
    actions = [(day(2), 0, SPLIT, 2.0), (day(3), 0, SPLIT, 1.3)]
    data = market({"A": bars, "B": [FLAT] * 4}, actions=actions)
    result = run(data, [PriceBasedStopLoss(price=95.0)], {0: buy_first})
    assert fills(result, "price")[-1] == (30.0,)  # the stop stood at 95/2/1.3 = 36.5
    assert result.orders["decision_close"].tolist()[-1] == 104.0 / 2.0 / 1.3
