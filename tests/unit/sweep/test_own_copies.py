"""What stands in a partial, or is the value of a parameter, is each trial's own."""

import threading
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from unit.sweep.studied import market, plain

from ml4t.backtest import BacktestConfig, MarketData, SignalStrategy, Strategy
from ml4t.backtest.risk import AnyOf, RiskDecision, RiskRule, TimeBasedExit
from ml4t.backtest.sweep import grid, param, random, sweep
from ml4t.backtest.sweep.copied import copied
from ml4t.backtest.sweep.template import Recipe


class Model:
    """Learns as it is asked."""

    def __init__(self):
        self.n = 0
        self.weights = np.zeros(1)


class Steps(Strategy):
    """Works through a list of sizes, and asks a model that learns."""

    def __init__(self, sizes, hold, model=None):
        self.sizes, self.hold = sizes, hold
        self.model = model or Model()

    def on_market_data(self, event):
        self.model.n += 1
        position = self.position("A")
        if position and position.bars_held >= self.hold + self.model.n // 20:
            self.close("A")
        elif not position and self.sizes:
            self.order_target_percent("A", self.sizes.pop(0))


class Tiring(RiskRule):
    """Exits after each of a list of bars, the next one next."""

    def __init__(self, holds):
        self.holds = holds

    def evaluate(self, context):
        if context.opening or not self.holds or context.bars_held < self.holds[0]:
            return RiskDecision.no_action()
        self.holds.pop(0)
        return RiskDecision.exit_now(reason="tired")


class Tired:
    """A rule that is any callable, with a number in it that grows."""

    def __init__(self):
        self.n = 0

    def __call__(self, context):
        if context.opening or context.bars_held < 3 + self.n:
            return RiskDecision.no_action()
        self.n += 1
        return RiskDecision.exit_now(reason="tired")


def steps(sizes, hold):
    return {"strategy": Steps(sizes, hold)}


HALF = partial(SignalStrategy, "up", percent=param("pct"))
CASES = {
    "a list of a strategy": (
        {"strategy": partial(Steps, param("sizes"), param("hold"))},
        {"sizes": [[0.2, 0.4, 0.6], [0.9]], "hold": [3, 5, 8]},
    ),
    "a list of a function": (steps, {"sizes": [[0.2, 0.4, 0.6], [0.9]], "hold": [3, 5, 8]}),
    "a list of a rule": (
        {"strategy": HALF, "rules": [partial(Tiring, param("holds"))]},
        {"holds": [[3, 4, 5, 6]], "pct": [0.5, 0.6, 0.7]},
    ),
    "a model in a partial": (
        {"strategy": partial(Steps, [0.5] * 50, param("hold"), model=Model())},
        {"hold": [2, 3, 4, 5]},
    ),
    "a strategy": (
        {
            "strategy": param("strategy"),
            "config": partial(BacktestConfig, commission=param("cost")),
        },
        {"strategy": [Steps([0.5] * 50, 2)], "cost": [0.0, 0.001, 0.01]},
    ),
    "a callable": ({"strategy": HALF, "rules": [Tired()]}, {"pct": [0.5, 0.6, 0.7]}),
    "a callable in a group": (
        {"strategy": HALF, "rules": AnyOf([Tired()])},
        {"pct": [0.5, 0.6, 0.7]},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_trial_starts_with_nothing_that_another_left(case):
    template, values = CASES[case]
    space = grid(**values)
    whole = sweep(template, space, market(), workers=1)
    assert whole.table["status"].eq("done").all(), whole.table["error"].iloc[0]
    assert whole.table["trades"].gt(0).all()
    for number, parameters in enumerate(whole.parameters):
        alone = sweep(
            template, grid(**{name: [one] for name, one in parameters.items()}), market(), workers=1
        )
        assert alone.table["total_return"][0] == whole.table["total_return"][number]
        assert whole.run(number).metrics["total_return"] == whole.table["total_return"][number]


@pytest.mark.parametrize(
    "options", [{"workers": 2, "backend": "threads"}, {"workers": 2, "backend": "processes"}]
)
def test_the_table_of_lists_does_not_depend_on_the_workers(options):
    template, values = CASES["a list of a strategy"]
    one = sweep(template, grid(**values), market(), workers=1)
    assert plain(one)["sizes"].tolist() == [[0.2, 0.4, 0.6]] * 3 + [[0.9]] * 3
    assert plain(one).equals(plain(sweep(template, grid(**values), market(), **options)))


@dataclass(frozen=True)
class Fixed:
    low: float
    names: tuple


@dataclass(frozen=True)
class Holds:
    names: list


TABLE = pd.DataFrame({"x": [1.0]})
ARRAY = np.ones(3)


@pytest.mark.parametrize(
    "value",
    [
        1, "a", None, True, (1, "a"), frozenset({1}), Fixed(1.0, ("a",)), TABLE, ARRAY, (1, TABLE), market(20),
        pd.Timestamp("2020-01-01"), Model, steps, TimeBasedExit(3), AnyOf([TimeBasedExit(3)]), np.float64(1.0),
        partial(Model, 1), BacktestConfig(), pl.DataFrame({"x": [1]}), pa.table({"x": [1]}), MappingProxyType({}),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_no_run_changes_is_not_copied(value):
    assert copied(value, {}) is value


@pytest.mark.parametrize(
    "value",
    [
        [1], {"a": 1}, {1}, (1, [2]), Holds([1]), Model(), Tiring([1]), AnyOf([Tiring([1])]), SignalStrategy("up"),
        partial(Model, [1]), Tired().__call__, np.random.default_rng(1),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_a_run_may_change_is_copied(value):
    assert copied(value, {}) is not value


def test_data_in_containers_stay_what_they_are():
    given = {"tables": [TABLE, ARRAY], "data": (market(20), [1])}
    made = copied(given, {})
    assert made["tables"] is not given["tables"]
    assert made["tables"][0] is TABLE
    assert made["tables"][1] is ARRAY
    assert made["data"][0] is given["data"][0]
    assert isinstance(made["data"][0], MarketData)
    model = Model()
    assert copied(model, {}).weights is not model.weights  # what a model has is its own


def test_what_stands_in_two_places_is_one_thing_in_a_run():
    model = Model()
    recipe = Recipe(
        {"strategy": partial(Steps, [model], param("hold"), model), "rules": param("rules")}
    )
    rules = [model]
    made = recipe.made({"hold": [model], "rules": rules})
    strategy = made["strategy"]
    assert strategy.model is not model
    assert strategy.sizes[0] is strategy.hold[0] is made["rules"][0] is strategy.model


def test_what_cannot_be_copied_is_shared_and_said():
    lock = threading.Lock()
    recipe = Recipe({"strategy": partial(Steps, [0.5], param("hold"), model=lock)})
    with pytest.warns(UserWarning, match="lock in a template or a parameter cannot be copied"):
        made = recipe.made({"hold": 2})
    assert made["strategy"].model is lock


def test_plain_parameters_of_a_function_are_passed_as_they_are():
    seen = []

    def run(**parameters):
        seen.append(parameters)
        return {"strategy": Steps([0.5], 2)}

    sweep(run, random(3, seed=1, a=[1.5], b=["x"]), market(20), workers=1)
    assert seen == [{"a": 1.5, "b": "x"}] * 3
