"""Strategies of the parts of a carried walk that only seem to be the same take turns."""

import numpy as np
import pandas as pd
import pytest
from unit.walk_forward.walked import SPLITS, Holds, market

from ml4t.backtest import Strategy
from ml4t.backtest.walk_forward import walk_forward
from ml4t.backtest.walk_forward.carried import one_strategy

SIGNS = (1.0, -1.0, 1.0, -1.0)


class Follows(Strategy):
    """Holds what the last move of a price says, as it understands it."""

    last = None

    def on_market_data(self, event):
        if self.last is not None:
            goes_on = self.likes(event.close / self.last - 1.0)
            self.order_target_percent(event.asset, 0.4 if goes_on else 0.0)
        self.last = event.close


def by_attribute(sign):
    class Follow(Follows):
        side = sign

        def likes(self, move):
            return self.side * move > 0.0

    return Follow()


def above(sign):
    def test(move):
        return sign * move > 0.0

    return test


class Two(Follows):
    def __init__(self, first, second):
        self.first, self.likes = first, second


def by_closures(sign):
    return Two(above(5.0), above(sign))


class Net:
    """Has a method `parameters`, as those of torch have."""

    def __init__(self, weight):
        self.weight = weight

    def parameters(self):
        return iter([self.weight])

    def __call__(self, move):
        return self.weight * move > 0.0


def by_model(sign):
    return Two(None, Net(sign))


def by_lambda(sign):
    return Two(None, (lambda x: x > 0.0) if sign > 0.0 else (lambda x: x < 0.0))


def by_default(sign):
    class Follow(Follows):
        def likes(self, move, side=sign):
            return side * move > 0.0

    return Follow()


def by_attribute_set_later(sign):
    made = by_attribute(0.0)
    type(made).side = sign
    return made


FACTORIES = [by_attribute, by_attribute_set_later, by_closures, by_default, by_lambda, by_model]


@pytest.mark.parametrize("make", FACTORIES)
def test_parts_that_differ_take_turns(make):
    one, other, again = make(1.0), make(-1.0), make(1.0)
    assert one_strategy([one, again], [0, 1]) is one
    assert one_strategy([one, other], [0, 1]) is not one


@pytest.mark.parametrize("make", FACTORIES)
def test_each_part_is_run_by_its_own(make):
    class Kept(Follows):
        """The same, without a riddle: told apart by what it keeps."""

        def __init__(self, sign):
            self.sign = sign

        def likes(self, move):
            return self.sign * move > 0.0

    def walked(make):
        given = iter(SIGNS)
        return walk_forward(
            lambda train: make(next(given)), market(), SPLITS, positions="carried"
        ).result

    found, expected = walked(make), walked(Kept)
    assert found.strategy_name == "WalkForwardStrategy"
    pd.testing.assert_frame_equal(found.equity, expected.equity)


def test_a_model_of_tables_that_is_the_same_stays_one():
    def made(weights):
        strategy = Holds()
        strategy.model = Net(np.array(weights))
        return strategy

    one, again, other = made([1.0, 2.0]), made([1.0, 2.0]), made([1.0, 3.0])
    assert one_strategy([one, again], [0, 1]) is one
    assert one_strategy([one, other], [0, 1]) is not one
