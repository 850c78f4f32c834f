"""A run said again is the same run: over the same objects, and over copies of all that goes into it."""

import pickle
from copy import deepcopy
from dataclasses import replace
from typing import NamedTuple

import pytest
from property.adapter import config_of, data_of, outcome, rule_of
from property.differences import differences
from property.markets import for_markets, without_scripts
from property.relations import MARKETS, rng_of, shards
from property.signals import Twin, with_signals
from reference import Case
from reference.variants import above_zero

from ml4t.backtest import BacktestConfig, BacktestEngine, BacktestResult, MarketData, Strategy
from ml4t.backtest.risk import RiskRule


class Inputs(NamedTuple):
    """What goes into a run besides its strategy."""

    data: MarketData
    rules: list[RiskRule]
    config: BacktestConfig

    def run(self, strategy: Strategy) -> BacktestResult:
        data, rules, config = self
        return BacktestEngine(data, strategy, rules=rules, config=config).run()


def inputs_of(case: Case) -> Inputs:
    """The case with columns of signals, its rules that are no script, its settings."""
    case = above_zero(case)
    data = data_of(with_signals(case, rng_of(case)))
    rules = [rule_of(rule, None) for rule in without_scripts(case.rules)]
    settings = replace(case.settings, intrabar=case.settings.first_side)
    return Inputs(data, rules, config_of(settings, market=case.market))


def differences_of(first: BacktestResult, again: BacktestResult) -> list[str]:
    found = differences(outcome(first), outcome(again))
    return found if first.fingerprint == again.fingerprint else [*found, "fingerprint"]


def by_pickle(inputs: Inputs) -> Inputs:
    return pickle.loads(pickle.dumps(inputs))


@shards
def test_a_run_said_again_is_the_same_run(shard):
    """By a new strategy; each market over the same objects, over a copy by pickle or a deep copy."""
    trades = 0

    def check(case: Case) -> None:
        nonlocal trades
        inputs = inputs_of(case)
        copied = rng_of(case).choice((Inputs._make, deepcopy, by_pickle))(inputs)
        first = inputs.run(Twin(longs=True, shorts=True, percent=0.4))
        assert differences_of(first, copied.run(Twin(longs=True, shorts=True, percent=0.4))) == []
        trades += len(first.trades)

    for_markets(550 + shard, MARKETS, check)
    assert trades > 500


class Stubborn(Twin):
    """Trades on the first signals it is ever shown, and keeps count of them in itself."""

    shown = 0

    def on_market_data(self, event) -> None:
        self.shown += 1
        if self.shown <= 12:
            super().on_market_data(event)


@pytest.mark.filterwarnings("ignore::ml4t.backtest.ReusedStrategyWarning")
def test_a_strategy_that_begins_with_the_state_of_the_first_run_is_found():
    found = []

    def check(case: Case) -> None:
        inputs, strategy = inputs_of(case), Stubborn(longs=True, shorts=True, percent=0.4)
        found.extend(differences_of(inputs.run(strategy), inputs.run(strategy)))

    for_markets(560, 20, check)
    assert any("fills" in line for line in found)
