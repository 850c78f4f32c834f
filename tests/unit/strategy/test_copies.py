"""Strategies, managers and rules are pickled and copied; what cannot be is named, and nothing is half copied."""

import copy
import pickle
import threading

import numba
import numpy as np
import pytest
from scenes import FLAT, buy_first, market, run

from ml4t.backtest import CompiledStrategy, SignalStrategy, Strategy, StrategyError
from ml4t.backtest.data.features.providers import CallableFeatureProvider
from ml4t.backtest.risk import (
    CFuncRule,
    CompiledRule,
    PriceBasedStopLoss,
    RiskDecision,
    RiskManager,
    TimeBasedExit,
    TrailingStop,
    numba_rule,
    rule_signature,
)

WAYS = [copy.copy, copy.deepcopy] + [
    lambda thing, n=n: pickle.loads(pickle.dumps(thing, n))
    for n in range(pickle.HIGHEST_PROTOCOL + 1)
]
NAMES = ["copy", "deepcopy"] + [f"pickle {n}" for n in range(pickle.HIGHEST_PROTOCOL + 1)]
every_way = pytest.mark.parametrize("way", WAYS, ids=NAMES)


class Every(Strategy):
    """Buys one unit at every so many bars."""

    def __init__(self, bars):
        self.bars = bars
        self.seen = 0

    def on_market_data(self, event):
        self.seen += 1
        if self.seen % self.bars == 0:
            self.buy("A", 1)


class Slotted(Strategy):
    __slots__ = ("__dict__", "first", "second")

    def on_market_data(self, event):
        pass


class Chooses(Every):
    def __getstate__(self):
        return {"bars": self.bars}

    def __setstate__(self, state):
        self.bars, self.seen = state["bars"], 0


class Silent(CompiledStrategy):
    """Nothing but Python attributes on a compiled strategy."""


def features(asset, timestamp):
    return {"x": 1.0}


def keep(context):
    return RiskDecision.no_action()


# ----- strategies -------------------------------------------------------------------------------


@every_way
def test_a_strategy_is_its_class_and_its_attributes(way):
    strategy = way(Every(2))
    assert (type(strategy), vars(strategy)) == (Every, {"bars": 2, "seen": 0})
    assert len(run([FLAT] * 20, (), strategy).fills) == 9  # ordered at bars 2, 4, ..., 20


@every_way
def test_attributes_in_slots_are_copied(way):
    strategy = Slotted()
    strategy.first = [1]
    strategy.mine = 2
    copied = way(strategy)
    assert (copied.first, copied.mine, hasattr(copied, "second")) == ([1], 2, False)


@every_way
def test_a_class_that_says_itself_what_is_copied_is_asked(way):
    strategy = Chooses(3)
    strategy.seen = 5
    strategy.lock = threading.Lock()
    assert vars(way(strategy)) == {"bars": 3, "seen": 0}


def test_a_deep_copy_shares_nothing_and_a_copy_everything():
    strategy = Every(2)
    strategy.weights = np.ones(3)
    assert copy.copy(strategy).weights is strategy.weights
    assert copy.deepcopy(strategy).weights is not strategy.weights


def test_strategies_that_hold_each_other_are_copied():
    one, other = Every(1), Every(2)
    one.other, other.other = other, one
    for way in WAYS[1:]:
        copied = way(one)
        assert copied.other.other is copied
        assert copied.other.bars == 2


@every_way
def test_a_strategy_in_c_is_copied(way):
    strategy = Silent()
    strategy.label = "x"
    assert vars(way(strategy)) == {"label": "x"}


@every_way
def test_a_signal_strategy_is_its_parameters(way):
    strategy = SignalStrategy("up", "down", short_entry="low", value=1000.0)
    assert way(strategy).parameters == strategy.parameters


@every_way
def test_a_copy_after_a_run_is_not_in_it(way):
    strategy = Every(2)
    run([FLAT] * 4, (), strategy)
    copied = way(strategy)
    assert (copied.seen, copied.data) == (4, None)


@every_way
@pytest.mark.parametrize("what", ["a strategy", "a RiskManager"])
def test_in_a_run_nothing_is_copied(way, what):
    class Copies(Strategy):
        def on_market_data(self, event):
            way(self if what == "a strategy" else self.risk)

    with pytest.raises(StrategyError, match=f"{what} in a run cannot be pickled or copied"):
        run([FLAT] * 2, (), Copies())


# ----- what cannot be copied --------------------------------------------------------------------


def local():
    def inside(x):
        return x

    return inside


CANNOT = {
    "a lambda": (lambda x: x, r"Every\.score is a lambda, which cannot be pickled"),
    "a local function": (
        local(),
        r"Every\.score is made inside of a function and cannot be pickled",
    ),
    "a lock": (threading.Lock(), r"Every\.score cannot be pickled \(TypeError: .*lock"),
    "deep inside": ({"x": [1, threading.Lock()]}, r"Every\.score cannot be pickled"),
    "in an array": (np.array([threading.Lock()]), r"Every\.score cannot be pickled"),
    "a generator": ((i for i in ()), r"Every\.score cannot be pickled .*generator"),
}


@pytest.mark.parametrize("name", CANNOT)
def test_the_attribute_that_cannot_be_pickled_is_named(name):
    strategy = Every(2)
    strategy.fine = np.ones(3)
    strategy.score, message = CANNOT[name]
    with pytest.raises(pickle.PicklingError, match=message):
        pickle.dumps(strategy)


def test_the_attribute_of_a_strategy_inside_another_is_named_by_the_outer_one():
    inner = Every(1)
    inner.score = lambda x: x
    outer = Every(2)
    outer.inner = inner
    with pytest.raises(pickle.PicklingError, match=r"Every\.inner cannot be pickled .*lambda"):
        pickle.dumps(outer)


def test_the_attribute_that_cannot_be_copied_is_named():
    strategy = Every(2)
    strategy.lock = threading.Lock()
    with pytest.raises(TypeError, match=r"Every\.lock cannot be copied \(TypeError: .*lock"):
        copy.deepcopy(strategy)
    strategy.lock = lambda x: x  # a function is its own copy
    assert copy.deepcopy(strategy).lock is strategy.lock


def test_a_large_array_is_pickled_once():
    class Counted(np.ndarray):
        times = 0

        def __reduce_ex__(self, protocol):
            Counted.times += 1
            return np.zeros, (1,)

    strategy = Every(2)
    strategy.weights = np.zeros(3).view(Counted)
    pickle.dumps(strategy)
    assert Counted.times == 1


# ----- managers ---------------------------------------------------------------------------------


def described(manager):
    return manager.rules, manager.rule_names, manager.lower


@every_way
def test_a_manager_is_its_rules_with_their_assets_and_labels(way):
    manager = RiskManager([TrailingStop(0.05), TimeBasedExit(3), keep], lower=False)
    manager.add_rule(PriceBasedStopLoss(pct=0.1), assets="B")
    manager.add_rule(PriceBasedStopLoss(pct=0.2), assets=["A", "B"])
    copied = way(manager)
    assert described(copied) == described(manager)
    # The rule for B alone leaves A as it is: 100 to 95, and the stop of 20% is not met.
    data = market({"A": [FLAT, FLAT, (95.0, 95.0, 85.0, 85.0)], "B": [FLAT] * 3})
    for one in (manager, copied):
        one.remove_rule("TrailingStop")
        assert run(data, (), risk_manager=one).trades.empty


@every_way
def test_a_rule_keeps_its_label_when_another_of_its_name_is_gone(way):
    manager = RiskManager([TrailingStop(0.05), TrailingStop(0.1)])
    manager.remove_rule("TrailingStop")
    assert way(manager).rule_names == manager.rule_names == ("TrailingStop#2",)


@every_way
def test_a_manager_keeps_its_feature_provider(way):
    manager = RiskManager([keep], CallableFeatureProvider(features))
    assert way(manager).feature_provider.get_features("A", 0) == {"x": 1.0}


def test_one_rule_added_twice_stays_one_rule():
    rule = TrailingStop(0.05)
    manager = RiskManager()
    manager.add_rule(rule, assets="A")
    manager.add_rule(rule, assets="B")
    copied = pickle.loads(pickle.dumps(manager))
    copied.remove_rule(copied.rules[0])
    assert copied.rules == ()


def test_the_rule_of_a_manager_that_cannot_be_pickled_is_named():
    manager = RiskManager([TrailingStop(0.05), lambda context: RiskDecision.no_action()])
    with pytest.raises(pickle.PicklingError, match=r"RiskManager\.rules\[1\] cannot .*lambda"):
        pickle.dumps(manager)
    assert len(copy.deepcopy(manager).rules) == 2


def test_a_manager_in_a_run_takes_no_other_state():
    class Takes(Strategy):
        def on_market_data(self, event):
            self.risk.__setstate__({"feature_provider": None, "lower": True})

    with pytest.raises(StrategyError, match="in a run"):
        run([FLAT] * 2, (), Takes())


# ----- rules in C -------------------------------------------------------------------------------


@numba_rule(columns=["score"], priority=3)
def leaves_at_once(view, columns, answer):
    if not view.opening:
        answer.exit_type = 5


def leave(view, columns, answer):
    if not view.opening:
        answer.exit_type = 5


def local_decision():
    def decide(view, columns, answer):
        pass

    return decide


def by_hand(view, columns, answer):
    pass


LEAVES = numba_rule(name="Leaves")(leave)


@numba.cfunc(rule_signature())
def leave_in_c(view, columns, answer):
    pass


class InPython(CFuncRule):
    """A class of Python over a C function, with an attribute of its own."""

    def __init__(self, label):
        super().__init__(leave_in_c, priority=2, name="InPython")
        self.label = label


class Nothing(CompiledRule):
    """A class of Python over a rule in C."""

    def __init__(self, label):
        super().__init__(columns=["x"], frozen_columns=["y"], priority=4, name="N")
        self.label = label


FIELDS = ("name", "priority", "columns", "frozen_columns")
RULES = {
    "decorated": leaves_at_once,
    "compiled from a function": LEAVES,
    "a C function": CFuncRule(leave_in_c, columns=["score"], priority=1),
    "a subclass": InPython("x"),
    "a compiled rule": Nothing("x"),
}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_in_c_is_pickled_and_copied(name):
    rule = RULES[name]
    assert copy.copy(rule) is copy.deepcopy(rule) is rule
    for n in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(rule, n))
        assert type(again) is type(rule)
        assert [getattr(again, field) for field in FIELDS] == [
            getattr(rule, field) for field in FIELDS
        ]
        assert getattr(again, "label", None) == getattr(rule, "label", None)
        assert repr(RiskManager([again]).rules) == repr(RiskManager([rule]).rules)


def test_a_pickled_rule_in_c_answers_as_before():
    for rule in (leaves_at_once, LEAVES):
        data = market({"A": [FLAT] * 4}, {"score": {"A": [0.0] * 4}})
        manager = pickle.loads(pickle.dumps(RiskManager([rule])))
        result = run(data, acts={0: buy_first}, risk_manager=manager)
        # Bought at the open of bar 1, left at that of bar 2.
        assert result.trades["rule"].tolist() == [rule.name]


@pytest.mark.parametrize(
    "rule",
    [
        numba_rule()(local_decision()),
        CFuncRule(numba.cfunc(rule_signature())(lambda view, columns, answer: None), name="l"),
        CFuncRule(numba.cfunc(rule_signature())(by_hand)),
        CFuncRule(type("Address", (), {"address": leave_in_c.address, "__name__": "a"})()),
    ],
    ids=["a local function", "a lambda", "compiled by hand", "an address"],
)
def test_an_address_is_never_pickled(rule):
    with pytest.raises(
        pickle.PicklingError, match=f"rule {rule.name} cannot be pickled: the address"
    ):
        pickle.dumps(rule)
    assert copy.deepcopy(rule) is rule
