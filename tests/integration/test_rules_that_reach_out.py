"""Rules that are asked and reach for the run, rules that are refused, and what both leave behind."""

import threading

import numpy as np
import pytest
from scenes import FLAT, Acts, buy_first, day, market

from ml4t.backtest import BacktestConfig, Order, Strategy, build_profile
from ml4t.backtest.data import FeatureProvider
from ml4t.backtest.engine.loop import EngineLoop
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.risk import (
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RiskContext,
    RiskDecision,
    RiskManager,
    RiskRule,
    RuleError,
)
from ml4t.backtest.risk.composite import CompositeRule
from ml4t.backtest.strategy.strategy import CompiledStrategy
from ml4t.backtest.testing.manual_run import ManualRun


def by_hand(rule):
    """A run by hand in which an order for A waits; the rule is asked when it fills."""
    made = ManualRun(market({"A": [FLAT] * 5}))
    manager = RiskManager([rule])
    manager.bind(made.broker)
    made.step()
    made.close()
    made.submit("A", 1.0)
    return made, manager


@pytest.mark.parametrize(
    "reach",
    [
        lambda made, manager: made.step(),
        lambda made, manager: made.close(),
        lambda made, manager: manager.release(),
        lambda made, manager: manager.record_fill(None),
        lambda made, manager: made.submit("A", 1.0),
    ],
    ids=["step", "close", "release", "record_fill", "submit"],
)
def test_a_rule_that_is_asked_begins_no_step_and_ends_no_run(reach):
    held = []

    def rule(context):
        reach(*held)
        return RiskDecision.no_action()

    held += by_hand(rule)
    with pytest.raises(RuleError, match="it answers with a RiskDecision"):
        held[0].step()


def test_a_broker_has_one_risk_manager():
    def bind_another(strategy):
        RiskManager([PriceBasedStopLoss(price=99.0)]).bind(strategy.broker)

    loop = EngineLoop(
        market({"A": [FLAT] * 3}), Acts({1: bind_another}), RiskManager(), BacktestConfig()
    )
    with pytest.raises(RuntimeError, match="a run has one"):
        loop.run()


class Orders(RiskRule):
    """Makes an order when it is asked about one, after the hook was called by hand."""

    strategy: Strategy

    def evaluate(self, context):
        self.strategy.buy("A", 5.0)
        return RiskDecision.no_action()

    def validate_order(self, order, context):
        made = self.strategy
        if order.quantity == 1.0:
            made.risk.validate_order(Order.proposed("A", 2.0), None, made.broker, made.portfolio)
            made.buy("A", 5.0)
        return order


@pytest.mark.parametrize(
    "act",
    [
        lambda strategy: strategy.buy("A", 1.0),
        lambda strategy: strategy.risk.evaluate_all_rules(strategy.context),
    ],
    ids=["validate_order", "evaluate_all_rules"],
)
def test_a_rule_makes_no_orders_whoever_asks_it(act):
    rule = Orders()
    rule.strategy = strategy = Acts({1: act})
    strategy.context = RiskContext.from_state(asset_id="A")
    loop = EngineLoop(market({"A": [FLAT] * 3}), strategy, RiskManager([rule]), BacktestConfig())
    with pytest.raises(RuleError, match="a rule makes no orders"):
        loop.run()
    assert len(loop.records()["orders"]) == 0


class TwoLevels(RiskRule):
    """A stop of 5%, and a target that reads a column nobody has."""

    def evaluate(self, context):
        return RiskDecision.no_action()

    def lower(self):
        stop = PriceBasedStopLoss(pct=0.05)
        return (*stop.lower(), *PriceBasedTakeProfit(pct="nowhere").lower())


def test_a_rule_refused_in_a_run_leaves_nothing_behind():
    levels = []

    def add(strategy):
        with pytest.raises(ValueError, match="nowhere"):
            strategy.risk.add_rule(TwoLevels())
        with pytest.raises(KeyError, match="NOPE"):
            strategy.risk.add_rule(PriceBasedStopLoss(pct=0.01), assets="NOPE")
        buy_first(strategy)

    manager = RiskManager([PriceBasedStopLoss(pct=0.5)])
    acts = Acts({0: add, 2: lambda strategy: levels.append(strategy.levels("A").stop)})
    EngineLoop(market({"A": [FLAT] * 4}), acts, manager, BacktestConfig()).run()
    assert levels == [50.0]  # 100 less half: the rule in force, not the 95 of the refused one
    assert set(manager.statistics["exits_by_rule"].values()) == {0}


def test_a_rule_added_after_a_run_has_no_exits_in_it():
    manager = RiskManager()
    manager.bind(ManualRun(market({"A": [FLAT] * 2})).broker)
    manager.release()
    for _ in range(100):
        manager.add_rule(PriceBasedStopLoss(pct=0.05))
    assert set(manager.statistics["exits_by_rule"].values()) == {0}


def test_a_composite_that_holds_a_rule_twice_removes_it_once():
    rule = PriceBasedStopLoss(pct=0.05)
    manager = RiskManager([rule, PriceBasedTakeProfit(pct=0.1)])
    manager.remove_rule(CompositeRule([rule, rule]))
    assert manager.rules == (PriceBasedTakeProfit(pct=0.1),)


def test_the_fill_of_a_position_that_has_ended_arms_nothing():
    asked = []

    def rule(context):
        asked.append(context.position_quantity)
        return RiskDecision.no_action()

    made = ManualRun(market({"A": [FLAT] * 4}))
    told = []
    for units in (1.0, -1.0):
        made.step()
        told += made.fills
        made.close()
        made.submit("A", units)
    made.step()
    manager = RiskManager([rule])
    manager.bind(made.broker)
    for fill in told:
        manager.record_fill(fill)
    assert len(told) == 1
    assert asked == []


class FailsAtTheSecond(FeatureProvider):
    """Has a column for the first chunk, and none to give for the second."""

    n = 0

    def columns(self, data):
        self.n += 1
        if self.n == 2:
            raise ValueError("no more")
        return {"f": np.ones(data.n_rows)}, {}

    def get_features(self, asset, time):
        return {}

    def get_market_features(self, time):
        return {}


def test_a_chunk_that_cannot_be_entered_adds_nothing_to_the_record():
    first = market({"A": [FLAT] * 4})
    second = MarketData.from_arrays(
        ["A"],
        [day(t) for t in range(3, 7)],
        np.arange(5),
        np.zeros(4, np.int32),
        *np.full((4, 4), 100.0),
        carried_times=[day(3)],
    )
    manager = RiskManager([], FailsAtTheSecond())
    loop = EngineLoop(first, Acts({}), manager, BacktestConfig(), n_times=7)
    with pytest.raises(Exception, match="no more"):
        loop.run([second])
    records = loop.records()
    assert records["n_done"] == 4
    assert records["curve"]("equity").tolist() == [BacktestConfig().initial_cash] * 4


class Watched(CompiledStrategy):
    """Makes an order that a second thread looks at while the loop runs."""

    def on_start(self):
        order = self.buy("A", 1.0)
        self.seen = []

        def look():
            for name in ("status", "filled_quantity"):
                try:
                    self.seen.append(getattr(order, name))
                except RuntimeError as error:
                    self.seen.append(str(error)[:27])

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()


def test_an_order_is_not_looked_at_from_another_thread():
    strategy = Watched()
    data = market({"A": [FLAT] * 3})
    EngineLoop(data, strategy, RiskManager(), BacktestConfig()).run()
    assert strategy.seen == ["a run belongs to the thread"] * 2


def test_a_loop_is_made_once():
    def make_again(strategy):
        loop.__init__(market({"A": [FLAT] * 9}), Acts({}), RiskManager(), BacktestConfig())

    loop = EngineLoop(
        market({"A": [FLAT] * 3}), Acts({1: make_again}), RiskManager(), BacktestConfig()
    )
    loop.run()
    assert loop.records()["n_done"] == 3


@pytest.mark.skipif(build_profile() not in ("checked", "asan"), reason="guards are not compiled in")
def test_guards_see_a_record_made_while_an_array_looks():
    made = ManualRun(market({"A": [FLAT] * 2}))
    made.step()
    made.submit("A", 1.0)
    held = made.broker.records()
    with pytest.raises(BufferError, match="while an array looks at it"):
        made.submit("A", 1.0)
    assert len(held["orders"]) == 1
