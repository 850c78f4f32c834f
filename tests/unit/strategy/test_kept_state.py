"""One strategy object run twice: what its first run left in it, and who is told."""

import random
import warnings
from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np
import pytest
from scenes import FLAT, market, run

from ml4t.backtest import ReusedStrategyWarning, SignalStrategy, Strategy, StrategyError
from ml4t.backtest.core.kept_state import MOST_ITEMS, KeptState, look


class Keeps(Strategy):
    """Calls a function with itself when it starts, and another at every bar."""

    def __init__(self, start=lambda strategy: None, bar=lambda strategy: None, **attributes):
        self.start = start
        self.bar = bar
        vars(self).update(attributes)

    def on_start(self):
        self.start(self)

    def on_market_data(self, event):
        self.bar(self)


def run_it(strategy, n_bars=3):
    return run([FLAT] * n_bars, (), strategy)


def count(strategy):
    strategy.bars += 1


def warned(strategy, between=lambda strategy: None):
    """What the second run warns of; the first one warns of nothing."""
    run_it(strategy)
    between(strategy)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run_it(strategy)
    assert [one.category for one in caught] == [ReusedStrategyWarning] * len(caught)
    return [str(one.message) for one in caught]


def test_a_second_run_that_starts_with_the_state_of_the_first_is_told():
    (message,) = warned(Keeps(bar=count, bars=0))
    assert "this Keeps has run before and starts with what that run left in bars:" in message
    assert "make a new one for each run, or set it in on_start" in message


def test_every_attribute_that_is_left_is_named():
    def change(strategy):
        strategy.seen.append(1)
        strategy.last = 5

    (message,) = warned(Keeps(bar=change, seen=[], parameter=3))
    assert "left in last, seen: make a new one for each run, or set them in on_start" in message


def test_the_warning_names_the_line_that_ran_it():
    strategy = Keeps(bar=count, bars=0)
    run_it(strategy)
    with pytest.warns(ReusedStrategyWarning) as caught:
        run_it(strategy)
    assert caught[0].filename.endswith("scenes.py")


def test_what_on_start_resets_is_no_concern():
    def reset(strategy):
        strategy.bars = 0
        strategy.seen = []

    def change(strategy):
        strategy.bars += 1
        strategy.seen.append(strategy.bars)

    assert warned(Keeps(reset, change)) == []


def test_a_strategy_that_changes_nothing_is_run_as_often_as_one_likes():
    assert warned(Keeps(parameter=3, weights=np.ones(3), model=object())) == []


def test_a_parameter_set_between_two_runs_is_no_concern():
    def raise_it(strategy):
        strategy.parameter = 5

    assert warned(Keeps(parameter=3), raise_it) == []
    # What was counted and is set back by hand is none either.
    assert warned(Keeps(bar=count, bars=0), lambda strategy: setattr(strategy, "bars", 0)) == []


def test_a_run_that_stopped_leaves_its_state_too():
    def fail(strategy):
        strategy.bars += 1
        if strategy.bars == 2:
            raise ValueError("as told")

    strategy = Keeps(bar=fail, bars=0)
    with pytest.raises(StrategyError):
        run_it(strategy)
    with pytest.warns(ReusedStrategyWarning, match="left in bars"):
        run_it(strategy)


def test_as_an_error_the_warning_leaves_nothing_in_the_run():
    strategy = Keeps(bar=count, bars=0)
    run_it(strategy)
    with pytest.raises(ReusedStrategyWarning):
        run_it(strategy)  # in these tests warnings are errors
    assert strategy.data is None
    strategy.bars = 0
    run_it(strategy)


def test_attributes_in_slots_are_seen():
    class Slotted(Strategy):
        __slots__ = ("bars",)

        def on_market_data(self, event):
            self.bars = 1

    assert len(warned(Slotted())) == 1


def test_a_signal_strategy_keeps_nothing():
    data = market({"A": [FLAT] * 4}, {"up": {"A": [0, 1, 1, 0]}})
    strategy = SignalStrategy("up", quantity=1)
    assert len({run(data, (), strategy).fingerprint for _ in range(2)}) == 1


@dataclass
class State:
    bars: int = 0
    held: list = field(default_factory=list)


CHANGES = {
    "a number": (1.0, None, 2.0),
    "a list that grows": ([1], lambda x: x.append(2), None),
    "an element": ([1, 2], lambda x: x.__setitem__(0, 3), None),
    "a value in a dict": ({"A": 1}, lambda x: x.update(A=2), None),
    "a list in a dict": ({"A": [1]}, lambda x: x["A"].append(2), None),
    "a counter": (Counter(a=1), lambda x: x.update("a"), None),
    "a deque": (deque([1], maxlen=1), lambda x: x.append(2), None),
    "a set": ({1}, lambda x: x.add(2), None),
    "a long list that grows": ([0] * 5 * MOST_ITEMS, lambda x: x.append(0), None),
    "a small array": (np.zeros(5), lambda x: x.__setitem__(2, 1.0), None),
    "a dataclass": (State(), lambda x: setattr(x, "bars", 1), None),
    "a list in a dataclass": (State(), lambda x: x.held.append("A"), None),
    "NumPy's generator": (np.random.default_rng(1), lambda x: x.random(), None),
    "NumPy's older one": (np.random.RandomState(1), lambda x: x.random(), None),
    "Python's generator": (random.Random(1), lambda x: x.random(), None),
    "another object": (object(), None, object()),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_look_sees(name):
    value, change, other = CHANGES[name]
    before = look(value)
    assert look(value) == before
    hash(before)
    if change is not None:
        change(value)
        other = value
    assert look(other) != before


def test_a_look_keeps_nothing_large_alive_and_does_not_walk_through_it():
    array, texts = np.zeros(10**6), ["x"] * 10**6
    assert len(repr(look(array))) < 200
    assert len(repr(look(texts))) < 200
    assert look(float("nan")) == look(float("nan"))


def test_a_value_that_holds_itself_comes_to_an_end():
    ring = [1]
    ring.append(ring)
    assert look(ring) == look(ring)


class Plain:
    def __init__(self):
        self.n = 1


class Own(dict):
    def __init__(self):
        self.__dict__ = self


@pytest.mark.parametrize("make", [Plain, Keeps])
def test_attributes_move_to_one_dict_of_their_own_unless_others_hold_it(make):
    free, held = make(), make()
    for one in (free, held):
        one.value = [1]
    theirs = vars(held)
    KeptState().begin(free)
    KeptState().begin(held)
    assert free.value == held.value == [1]
    assert vars(held) is theirs
    free.more = 2
    assert vars(free)["more"] == free.more == 2
    del free.more
    assert not hasattr(free, "more")


def test_an_object_that_is_its_own_dict_stays_so():
    own = Own()
    KeptState().begin(own)
    own.n = 3
    assert own["n"] == 3
    assert vars(own) is own


class InSlots:
    __slots__ = ("n",)


class InOneSlot:
    __slots__ = "n"


class BelowSlots(InSlots):
    """Has a dict beside the slot of its base."""


@pytest.mark.parametrize("kind", [Plain, Keeps, InSlots, InOneSlot, BelowSlots])
def test_what_stands_in_slots_is_seen_as_what_stands_in_a_dict(kind):
    thing = kind()
    thing.n = 1
    if hasattr(thing, "__dict__"):
        thing.other = 2
    kept = KeptState()
    assert kept.begin(thing) == []
    thing.n = 3
    kept.end(thing)
    assert kept.begin(thing) == ["n"]
