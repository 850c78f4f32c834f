"""Rules: what one costs at a position does not depend on positions held, nor on rules of other assets."""

import pytest
from growth.harness import assert_linear
from growth.worlds import RICH, Batch, batch_run, hold_all, market

from ml4t.backtest import BacktestEngine
from ml4t.backtest.risk import PriceBasedStopLoss, RiskDecision, RiskManager, RiskRule, numba_rule


class Silent(RiskRule):
    """Looks at a position and says nothing."""

    def evaluate(self, context):
        assert context.position_quantity == 1.0
        return RiskDecision.no_action()


@pytest.fixture(scope="module")
def compiled():
    @numba_rule()
    def hopeful(view, columns, answer):
        answer.update_take_profit = 2.0 * view.entry_price

    return hopeful


def test_a_python_rule_with_many_positions_held():
    assert_linear(
        lambda n: batch_run(market(4, n), hold_all, [Silent()]), 2_000, "positions under a rule"
    )


def test_a_numba_rule_with_many_positions_held(compiled):
    assert_linear(
        lambda n: batch_run(market(10, n), hold_all, [compiled]), 2_000, "positions under a rule"
    )


def test_rules_of_one_position():
    def prepare(n):
        rules = [PriceBasedStopLoss(pct=0.5, name=f"stop {i}") for i in range(n)]
        return batch_run(market(200), hold_all, rules)

    assert_linear(prepare, 500, "rules of one position")


def test_python_rules_of_one_position():
    assert_linear(
        lambda n: batch_run(market(50), hold_all, [Silent() for _ in range(n)]),
        200,
        "Python rules of one position",
    )


def test_a_rule_of_its_own_for_each_asset():
    def prepare(n):
        data = market(20, n)
        manager = RiskManager()
        for asset in data.assets:
            manager.add_rule(PriceBasedStopLoss(pct=0.5), assets=[asset])
        return BacktestEngine(data, Batch(hold_all), risk_manager=manager, config=RICH).run

    assert_linear(prepare, 500, "assets with a rule of their own")


def test_a_rule_by_labels_of_its_own_for_each_asset():
    """Whether all labels of an asset have a rule is asked before the run."""

    def prepare(n):
        data = market(20, n, n_columns=2)
        manager = RiskManager()
        for asset in data.assets:
            manager.add_rule(PriceBasedStopLoss(pct={"x1": {0: 0.5, 1: 0.4}}), assets=[asset])
        return BacktestEngine(data, Batch(hold_all), risk_manager=manager, config=RICH).run

    assert_linear(prepare, 500, "assets with a rule by labels of their own")


def test_rules_added_that_are_named_alike():
    def prepare(n):
        rules = [PriceBasedStopLoss(pct=0.5) for _ in range(n)]
        return lambda: RiskManager(rules)

    assert_linear(prepare, 250, "rules of one name")


def test_rules_removed():
    def prepare(n):
        rules = [PriceBasedStopLoss(pct=0.5 * (i + 1) / n) for i in range(n)]
        manager = RiskManager(rules)

        def remove():
            for rule in reversed(rules):
                manager.remove_rule(rule)

        return remove

    assert_linear(prepare, 1_000, "rules removed")
