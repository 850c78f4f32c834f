"""A walk whose sweeps find no best says why: there is no table that could be looked at."""

import pytest
from unit.walk_forward.walked import Holds, holds, market

from ml4t.backtest.sweep import SweepError, grid
from ml4t.backtest.walk_forward import (
    CombinatorialPurged,
    WalkForward,
    WalkForwardError,
    best_of,
    walk_forward,
)


def broken(fall):
    raise KeyError("my column")


def never(fall):
    return {"strategy": Holds(fall=0.9)}


class Turns(Holds):
    """Raises before May, or from then on."""

    def on_market_data(self, event):
        if (str(event.timestamp) < "2020-05") == (self.fall < 0.015):
            raise ValueError("not in this stretch")


def turns(fall):
    return {"strategy": Turns(fall)}


def walked(function, splits, **values):
    return walk_forward(best_of(function, grid(**values), workers=1), market(), splits)


@pytest.mark.parametrize(
    ("function", "splits", "why"),
    [
        (broken, WalkForward(60, 40), "2 of 2 failed, trial 0 with KeyError: 'my column'"),
        (never, WalkForward(60, 40), "trial 0 has no trade"),
        (never, WalkForward(20, 10), "a run of 27 days is too short for an annual figure, which takes 30"),
    ],
)  # fmt: skip
def test_why_there_is_no_best_of_a_train_part_is_said(function, splits, why):
    with pytest.raises(SweepError, match=f"no trial has a number for sharpe: {why}"):
        walked(function, splits, fall=[0.01, 0.02])


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (broken, "no trial was done: the first ended with KeyError: 'my column'"),
        (turns, "each failed in one of its stretches, the first with .*not in this stretch"),
        (never, "no trial has a sharpe in all of the train part: none has returns that are not all 0"),
    ],
)  # fmt: skip
def test_why_there_is_no_best_of_several_stretches_is_said(function, why):
    trains = []

    def fit(train):
        trains.append(train)
        return Holds()

    walk_forward(fit, market(), CombinatorialPurged(4, 1, embargo=3))
    with pytest.raises((SweepError, WalkForwardError), match=why):
        best_of(function, grid(fall=[0.01, 0.02]), workers=1)(trains[1])


def test_a_best_there_is_stays_the_best():
    result = walked(holds, WalkForward(80, 80), fall=[0.002, 0.01], hold=[2])
    assert all(one.parameters["hold"] == 2 for one in result.fitted)
