"""The surface of RiskManager outside the engine's loop: each hook called by hand, step by step."""

import gc
import math

import numpy as np
import pytest
from scenes import FLAT, Acts, market, run

from ml4t.backtest import BacktestConfig, Order
from ml4t.backtest.risk import (
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RiskContext,
    RiskDecision,
    RiskManager,
    RiskRule,
    RuleError,
    TimeBasedExit,
    TrailingStop,
)
from ml4t.backtest.testing.manual_run import ManualRun

BARS = [
    FLAT,
    (100.0, 104.0, 99.0, 103.0),
    (103.0, 106.0, 102.0, 105.0),
    (104.0, 105.0, 90.0, 92.0),
    (92.0, 93.0, 91.0, 92.0),
]
RULES = (PriceBasedStopLoss(pct=0.05), TrailingStop(0.08), TimeBasedExit(max_bars=3))


@pytest.fixture
def walk():
    return ManualRun(market({"A": BARS, "B": BARS}), BacktestConfig(account="margin", debug=True))


def bound(walk, *rules, **options):
    manager = RiskManager(rules, **options)
    manager.bind(walk.broker)
    return manager


def check(manager, walk, events):
    return [manager.check_position_exits(event, walk.broker, walk.portfolio) for event in events]


@pytest.mark.parametrize("lower", [True, False], ids=["lowered", "in Python"])
def test_a_walk_by_hand_is_the_run_of_the_engine(walk, lower):
    manager = bound(walk, *RULES, lower=lower)
    fills = []
    for t in range(len(BARS)):
        events = walk.step()
        fills += walk.fills
        n_fills = len(walk.fills)
        check(manager, walk, events)
        fills += walk.fills[n_fills:]
        walk.close()
        if t == 0:
            walk.submit("A", 10.0)
            walk.submit("B", -5)
    acts = Acts({0: lambda s: (s.buy("A", 10.0), s.sell("B", 5.0))})
    expected = run(walk.cursor.data, RULES, acts).fills
    for name in ("asset", "quantity", "price", "level", "position_after", "moment"):
        told = [getattr(fill, name) for fill in fills]
        np.testing.assert_array_equal(told, expected[name].to_list(), err_msg=name)
    assert [fill.exit_type for fill in fills] == ["", "", "stop_loss", "trailing_stop"]


def test_check_position_exits_fills_levels_and_queues_exits_decided_at_the_close(walk):
    manager = bound(walk, TimeBasedExit(max_bars=1), PriceBasedTakeProfit(price=105.5))
    assert check(manager, walk, walk.step()) == [0, 0]
    walk.submit("A", 10.0)
    assert check(manager, walk, walk.step()) == [1, 0]
    assert walk.broker.n_waiting_orders == 1
    assert walk.portfolio.state("A").bars_held == 1
    walk.step()
    (fill,) = walk.fills
    assert (fill.exit_type, fill.price, fill.moment) == ("time_exit", 103.0, "open")
    assert manager.statistics["exits_by_rule"] == {"TimeBasedExit": 1, "PriceBasedTakeProfit": 0}


def test_an_event_of_another_timestamp_is_refused(walk):
    manager = bound(walk)
    (old, _) = walk.step()
    walk.step()
    with pytest.raises(ValueError, match="is not a bar of the timestamp the run stands at"):
        manager.check_position_exits(old, walk.broker, walk.portfolio)


def test_a_broker_of_another_run_is_refused(walk):
    manager = bound(walk)
    other = ManualRun(walk.cursor.data)
    (event, _) = walk.step()
    with pytest.raises(ValueError, match="must be those the manager is bound to"):
        manager.check_position_exits(event, other.broker, other.portfolio)


def test_a_manager_binds_itself_to_the_first_broker_it_meets(walk):
    manager = RiskManager(RULES)
    events = walk.step()
    assert check(manager, walk, events) == [0, 0]
    walk.submit("A", 10.0)
    walk.step()
    assert manager.levels("A").stop == 95.0


class Cap(RiskRule):
    """At most so many units to an order; none of B."""

    def evaluate(self, context):
        return RiskDecision.no_action()

    def validate_order(self, order, context):
        if order.asset == "B":
            return None
        return order.with_quantity(min(order.quantity, 100.0 / context.close * 4.0))


def test_validate_order_passes_changes_or_rejects(walk):
    manager = bound(walk, Cap())
    event, other = walk.step()
    order = Order.proposed("A", 3.0)
    assert manager.validate_order(order, event, walk.broker, walk.portfolio) is order
    changed = manager.validate_order(Order.proposed("A", 10), event, walk.broker, walk.portfolio)
    assert (changed.asset, changed.quantity, changed.status) == ("A", 4.0, "proposed")
    order = Order.proposed("B", 3.0)
    assert manager.validate_order(order, other, walk.broker, walk.portfolio) is None


def test_a_rule_added_after_a_fill_is_asked_at_the_next_close_whoever_tells_it(walk):
    manager = bound(walk)
    check(manager, walk, walk.step())
    walk.submit("A", 10.0)
    event, _ = walk.step()
    (fill,) = walk.fills
    manager.add_rule(PriceBasedStopLoss(pct=0.05))
    manager.record_fill(fill, event)  # it was told when it was booked
    assert math.isnan(manager.levels("A").stop)
    check(manager, walk, [event])
    assert manager.levels("A").stop == 95.0
    assert manager.statistics["levels_armed"] == 1


@pytest.mark.parametrize(
    "use",
    [lambda m: m.record_fill(None), lambda m: m.levels("A"), lambda m: m.trade_state("A")],
    ids=["record_fill", "levels", "trade_state"],
)
def test_before_a_run_there_are_no_positions(use):
    with pytest.raises(RuntimeError, match="bind the manager to a broker first"):
        use(RiskManager())


def test_evaluate_all_rules_merges_what_every_rule_says():
    manager = RiskManager([PriceBasedStopLoss(pct=0.1), TrailingStop(0.02)])
    manager.add_rule(PriceBasedTakeProfit(pct=0.3), assets="A")
    manager.add_rule(PriceBasedTakeProfit(pct=0.1, priority=-1), assets=["A", "C"])
    manager.add_rule(TimeBasedExit(max_bars=1), assets="B")
    position = {"position_quantity": 10.0, "entry_price": 100.0, "close": 102.0, "bars_held": 4}
    on_a = manager.evaluate_all_rules(RiskContext.from_state(asset_id="A", **position))
    assert (on_a.update_stop_loss, on_a.update_take_profit) == (98.0, 130.0)
    assert not on_a.should_exit
    on_b = manager.evaluate_all_rules(RiskContext.from_state(asset_id="B", **position))
    assert (on_b.should_exit, on_b.update_take_profit) == (True, None)


def test_evaluate_all_rules_names_the_rule_that_answers_wrongly():
    def silent(context):
        return None

    with pytest.raises(RuleError, match="rule silent must return a RiskDecision"):
        RiskManager([silent]).evaluate_all_rules(
            RiskContext.from_state(position_quantity=1.0, entry_price=100.0)
        )


def test_states_and_levels_of_every_open_position_can_be_read(walk):
    manager = bound(walk, *RULES)
    for _ in range(2):
        events = walk.step()
        check(manager, walk, events)
        if not walk.portfolio.n_open:
            walk.submit("A", 10.0)
            walk.submit("B", -5.0)
    state, levels = manager.trade_state("A"), manager.levels("A")
    assert (state.quantity, state.entry_price, state.bars_held) == (10.0, 100.0, 1)
    assert (state.highest_price, state.lowest_price, state.water_mark) == (104.0, 99.0, 104.0)
    assert (levels.stop, levels.fixed_stop, levels.trailing_stop) == (
        104.0 * (1.0 - 0.08),
        95.0,
        104.0 * (1.0 - 0.08),
    )
    assert math.isnan(levels.target)
    assert levels.max_bars == 3.0
    assert manager.trade_state("B").quantity == -5.0
    assert manager.levels("B").stop == 100.0 * (1.0 + 0.05)
    with pytest.raises(KeyError, match="'C'"):
        manager.levels("C")
    walk.step()
    assert (state.bars_held, levels.stop) == (1, 104.0 * (1.0 - 0.08))  # true when kept


def test_a_walk_ends_with_its_data(walk):
    for _ in BARS:
        walk.step()
    with pytest.raises(IndexError, match="no further timestamp"):
        walk.step()


@pytest.mark.parametrize("quantity", [0.0, math.nan, math.inf])
def test_an_order_of_no_units_is_refused(walk, quantity):
    walk.step()
    with pytest.raises(ValueError, match="must be finite and not zero"):
        walk.submit("A", quantity)
    with pytest.raises(KeyError, match="'C'"):
        walk.submit("C", 1.0)


def test_a_portfolio_has_its_marks_when_the_run_and_its_data_are_gone():
    names = [f"A{code}" for code in range(12)]
    walk = ManualRun(market(dict.fromkeys(names, BARS)))
    walk.step()
    walk.close()
    walk.submit("A3", 10.0)
    walk.step()
    walk.close()
    portfolio = walk.portfolio
    del walk
    gc.collect()
    crowd = [np.full(len(names) * len(BARS), 7.0) for _ in range(1_000)]
    assert [state.mark for state in portfolio.open_states()] == [BARS[1][3]]
    assert crowd
