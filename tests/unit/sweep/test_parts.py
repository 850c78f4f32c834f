"""The parts of a template: made for each trial what a run may change, made once what keeps nothing."""

import pickle
import threading
from functools import partial

import pytest
from unit.sweep.studied import TEMPLATE, Dips, market, plain

from ml4t.backtest import SignalStrategy, TopK
from ml4t.backtest.risk import AnyOf, RiskManager, RiskRule, TrailingStop
from ml4t.backtest.strategy.strategy import CompiledStrategy
from ml4t.backtest.sweep import SweepError, grid, param, sweep
from ml4t.backtest.sweep.template import Recipe


class Own(RiskRule):
    """A rule of the user, which may keep something."""

    def __init__(self, pct=0.1):
        self.pct = pct

    def evaluate(self, context):
        return None


class OwnCompiled(CompiledStrategy):
    """Compiled, and derived from: it may keep what it likes in ``on_start``."""

    def __init__(self, name="up"):
        self.name = name


def twice(given, name="strategy", **parameters):
    recipe = Recipe({"strategy": SignalStrategy("up"), **given})
    recipe.check_reads([*parameters])
    return [recipe.made(parameters)[name] for _ in range(2)]


@pytest.mark.parametrize(
    ("given", "name", "is_one"),
    [
        ({}, "strategy", True),
        ({"strategy": partial(TopK, "p", param("k"))}, "strategy", True),
        ({"strategy": Dips(0.1)}, "strategy", False),
        ({"strategy": OwnCompiled("up")}, "strategy", False),
        ({"strategy": partial(OwnCompiled, param("k"))}, "strategy", False),
        ({"strategy": partial(Dips, param("k"))}, "strategy", False),
        ({"rules": TrailingStop(0.1)}, "rules", True),
        ({"rules": partial(TrailingStop, param("k"))}, "rules", True),
        ({"rules": Own()}, "rules", False),
        ({"rules": partial(Own, param("k"))}, "rules", False),
        # A member may be one of the user.
        ({"rules": partial(AnyOf, [partial(Own, param("k"))])}, "rules", False),
        ({"risk_manager": RiskManager([TrailingStop(0.1)])}, "risk_manager", False),
    ],
)
def test_what_may_keep_something_is_made_for_each_trial(given, name, is_one):
    needs = {"k": 0.5} if "Param" in repr(given) else {}
    if "TopK" in repr(given):
        needs = {"k": 3}
    first, second = twice(given, name, **needs)
    assert (first is second) == is_one
    assert type(first) is type(second)


def test_what_the_first_trial_would_use_up_is_refused():
    with pytest.raises(
        SweepError, match="a template holds list_iterator, which the first trial uses up"
    ):
        Recipe({"strategy": SignalStrategy("up"), "rules": iter([TrailingStop(0.1)])}).check_reads(
            []
        )


def test_other_values_are_other_rules():
    recipe = Recipe(
        {"strategy": SignalStrategy("up"), "rules": [partial(TrailingStop, param("p"))]}
    )
    made = [recipe.made({"p": p})["rules"] for p in (0.1, 0.2, 0.1)]
    assert [rules[0].pct for rules in made] == [0.1, 0.2, 0.1]
    assert made[0] is not made[2]  # a list may be changed
    assert made[0][0] is made[2][0]


def test_a_strategy_is_that_of_its_thread():
    """A strategy is in one run at a time, and threads run at once."""
    recipe, found = Recipe(TEMPLATE), []
    parameters = {"stop": 0.1, "target": 0.2}

    def make():
        found.append(recipe.made(parameters)["strategy"])

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    make()
    assert len({*map(id, found)}) == 3
    assert all(one is not TEMPLATE["strategy"] for one in found)


def test_a_strategy_that_failed_in_one_trial_runs_the_next():
    template = {
        "strategy": partial(SignalStrategy, "up", percent=param("percent")),
        "rules": [partial(TrailingStop, param("trail"))],
    }
    space = grid(percent=[0.5, 0.9], trail=[0.1, 5.0, 0.2])  # the second trail is none
    table = sweep(template, space, market(), workers=1).table
    assert table["status"].tolist() == ["done", "failed", "done"] * 2
    alone = sweep(template, grid(percent=[0.9], trail=[0.2]), market(), workers=1)
    assert plain(alone).iloc[0].tolist() == table.drop(columns="seconds").iloc[5].tolist()


def test_a_recipe_that_has_made_something_pickles():
    recipe = Recipe(TEMPLATE)
    recipe.made({"stop": 0.1, "target": 0.2})
    again = pickle.loads(pickle.dumps(recipe))
    assert (
        again.made({"stop": 0.1, "target": 0.2})["rules"]
        == recipe.made({"stop": 0.1, "target": 0.2})["rules"]
    )
