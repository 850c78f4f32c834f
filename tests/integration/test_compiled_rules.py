"""Rules compiled by their users, with Cython and with numba: the same runs as the rule in Python."""

import ctypes
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numba
import numpy as np
import pandas as pd
import pytest
from outside import built
from scenes import FLAT, Acts, buy_first, day, market, only_trade, run, sell_first

from ml4t.backtest import BacktestConfig, run_backtest
from ml4t.backtest.risk import (
    AnyOf,
    CFuncRule,
    ExitType,
    InvalidDecisionError,
    InvalidRuleError,
    PriceBasedStopLoss,
    RiskContext,
    RiskDecision,
    RiskManager,
    RiskRule,
    RuleError,
    as_rule,
    numba_rule,
    rule_signature,
)
from ml4t.backtest.risk.rule_view import view_dtype

SOURCE = Path(__file__).with_name("fast_rules.pyx")
TRAILING, RISK = ExitType.TRAILING_STOP.code, ExitType.RISK_EXIT.code
ROOM, BARS = 1.5, 4


@pytest.fixture(scope="module")
def fast_rules(tmp_path_factory):
    """The module of the .pyx beside this file, compiled against the installed .pxd files."""
    text = SOURCE.read_text(encoding="utf-8")
    return built(tmp_path_factory.mktemp("outside"), SOURCE.stem, text)


@dataclass(frozen=True)
class Cushion(RiskRule):
    """The rule of the .pyx, in Python."""

    room: float = ROOM
    bars: int = BARS
    priority: int = 0
    name: str = "Cushion"
    frozen_columns = ("risk",)

    def evaluate(self, context):
        price = context.open if context.opening else context.close
        panic = not context.opening and context.market_features["fear"] > 2.0
        parts = []
        stop = price - context.side * self.room * context.features["range"]
        if not math.isnan(stop):
            parts.append(RiskDecision.update_stops(stop_loss=stop, exit_type="trailing_stop"))
        target = context.entry_price + context.side * context.frozen("risk")
        if context.opening and not math.isnan(target):
            parts.append(RiskDecision.update_stops(take_profit=target))
        loses = context.side * (price - context.entry_price) < 0.0
        if panic or (not context.opening and context.bars_held >= self.bars and loses):
            parts.append(RiskDecision.exit_now("risk_exit"))
        priority = 4 if panic else self.priority
        return RiskDecision.merge(parts, side=context.side).with_priority(priority)


@pytest.fixture(scope="module")
def numba_cushion():
    @numba_rule(columns=("range", "fear"), frozen_columns=("risk",), name="Cushion")
    def cushion(view, columns, answer):
        side = 1.0 if view.position_quantity > 0.0 else -1.0
        price = view.open if view.opening else view.close
        answer.update_stop_loss = price - side * ROOM * columns[0]
        answer.stop_type = TRAILING
        if view.opening:
            answer.update_take_profit = view.entry_price + side * columns[2]
        elif columns[1] > 2.0:
            answer.exit_type = RISK
            answer.priority = 4
        elif view.bars_held >= BARS and side * (price - view.entry_price) < 0.0:
            answer.exit_type = RISK

    return cushion


def random_market(seed, n_times=250):
    """Three assets that gap, miss rows and split; some ranges are missing, too."""
    random = np.random.default_rng(seed)
    bars, ranges, risks = {}, {}, {}
    for name in "ABC":
        opens = 100.0 * np.cumprod(1.0 + random.normal(0.0, 0.02, n_times))
        closes = opens * (1.0 + random.normal(0.0, 0.02, n_times))
        highs = np.maximum(opens, closes) * (1.0 + random.uniform(0.0, 0.02, n_times))
        lows = np.minimum(opens, closes) * (1.0 - random.uniform(0.0, 0.02, n_times))
        rows = list(zip(opens, highs, lows, closes, strict=True))
        missing = random.random(n_times) < 0.05
        bars[name] = [None if gone else row for gone, row in zip(missing, rows, strict=True)]
        ranges[name] = np.where(random.random(n_times) < 0.1, np.nan, highs - lows)
        risks[name] = random.uniform(3.0, 9.0, n_times)
    return market(
        bars,
        features={"range": ranges, "risk": risks},
        context={"fear": random.normal(0.0, 1.0, n_times)},
        actions=[
            (day(60), 2, 1, 3.0),
            (day(100), 0, 0, 2.0),
            (day(130), 0, 1, 2.0),
            (day(160), 1, 0, 0.5),
        ],
    )


def trading(seed, n_times=250):
    """Now and then a target for every asset: long, short, more, less."""
    random = np.random.default_rng(seed)
    targets = random.choice([-0.4, -0.2, 0.0, 0.2, 0.4], (n_times, 3))
    return Acts(
        {t: lambda s, w=targets[t]: s.order_target_weights(w) for t in range(0, n_times, 3)}
    )


def whole_run(rule, seed, *, lower=True):
    manager = RiskManager([PriceBasedStopLoss(pct=0.06), rule], lower=lower)
    config = BacktestConfig(account="margin", debug=True)
    result = run_backtest(random_market(seed), trading(seed), risk_manager=manager, config=config)
    return result, manager.statistics


def assert_same_run(result, expected):
    for name in ("fills", "trades", "orders", "events", "open_positions"):
        pd.testing.assert_frame_equal(
            getattr(result, name), getattr(expected, name), check_exact=True
        )
    pd.testing.assert_frame_equal(result.equity, expected.equity, check_exact=True)


@pytest.mark.parametrize("lower", [True, False], ids=["asked in C", "asked through evaluate"])
@pytest.mark.parametrize("compiler", ["cython", "numba"])
def test_a_compiled_rule_makes_the_run_of_its_python_twin(
    compiler, lower, fast_rules, numba_cushion
):
    rule = fast_rules.Cushion(ROOM, BARS) if compiler == "cython" else numba_cushion
    exits = set()
    for seed in range(8):
        expected, _ = whole_run(Cushion(), seed)
        result, statistics = whole_run(rule, seed, lower=lower)
        assert_same_run(result, expected)
        trades = result.trades
        exits |= set(trades.loc[trades["rule"] == "Cushion", "exit_type"])
        assert statistics["evaluations"] > 100
        assert (statistics["contexts_built"] == 0) == lower
    assert exits == {"trailing_stop", "take_profit", "risk_exit"}


def test_the_view_is_the_context():
    """Every field, at every question, is what RiskContext says at the same question."""
    kind = view_dtype()
    views, contexts = [], []

    def note(view, columns, answer):
        seen = np.frombuffer((ctypes.c_char * kind.itemsize).from_address(view), kind)[0]
        views.append((seen.copy(), *np.ctypeslib.as_array(columns, (3,)).tolist()))

    void = ctypes.CFUNCTYPE(
        None, ctypes.c_void_p, ctypes.POINTER(ctypes.c_double), ctypes.c_void_p
    )(note)
    pointer = SimpleNamespace(address=ctypes.cast(void, ctypes.c_void_p).value)
    recorder = CFuncRule(pointer, columns=("range", "fear"), frozen_columns=("risk",))

    def note_context(context):
        contexts.append(context)
        return RiskDecision.no_action()

    run(random_market(5), [PriceBasedStopLoss(pct=0.06), recorder, note_context], trading(5))
    assert len(views) == len(contexts) > 100
    assert {bool(view["opening"]) for view, *_ in views} == {True, False}
    for (view, size, fear, _), context in zip(views, contexts, strict=True):
        for name in kind.names:
            if name == "gross":
                expected = context.leverage * context.equity
                assert view[name] == pytest.approx(expected, rel=1e-12)
            else:
                np.testing.assert_equal(float(view[name]), float(getattr(context, name)), name)
        np.testing.assert_equal(size, context.features.get("range", math.nan))
        np.testing.assert_equal(fear, context.market_features.get("fear", math.nan))


def test_one_object_serves_two_runs_at_once(fast_rules):
    rule = fast_rules.Cushion(ROOM, BARS)
    alone = [whole_run(rule, seed)[0] for seed in (11, 12)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda seed: whole_run(rule, seed)[0], (11, 12) * 4))
    for i, result in enumerate(together):
        assert_same_run(result, alone[i % 2])


def test_a_compiled_rule_is_a_rule(fast_rules):
    rule = fast_rules.Cushion(ROOM, BARS, priority=7, name="cushion")
    assert as_rule(rule) is rule
    assert isinstance(rule, RiskRule)
    assert (rule.name, rule.priority, rule.members) == ("cushion", 7, (rule,))
    assert (rule.columns, rule.frozen_columns) == (("range", "fear"), ("risk",))
    context = RiskContext.from_state(
        position_quantity=-10.0,
        entry_price=100.0,
        open=99.0,
        opening=True,
        features={"range": 2.0},
        market_features={"fear": 0.0},
        frozen={"risk": 8.0},
    )
    decision = rule.evaluate(context)
    assert (decision.update_stop_loss, decision.update_take_profit) == (102.0, 92.0)
    assert decision.priority == 7


FALL = [FLAT, (100.0, 101.0, 99.0, 100.0), (100.0, 101.0, 90.0, 92.0), FLAT]


def test_a_bare_cfunc_is_a_rule():
    @numba.cfunc(rule_signature())
    def fixed_stop(view, columns, answer):
        numba.carray(answer, 1)[0].update_stop_loss = 95.0

    trade = only_trade(run(FALL, [fixed_stop]))
    assert (trade["rule"], trade["exit_type"], trade["exit_price"]) == (
        "fixed_stop",
        "stop_loss",
        95.0,
    )


def test_a_compiled_rule_is_for_the_assets_it_was_added_for(fast_rules):
    data = market({"A": FALL, "B": FALL})
    manager = RiskManager()
    manager.add_rule(fast_rules.Wrong(stop=95.0), assets="B")
    acts = Acts({0: lambda s: (s.buy("A", 1.0), s.buy("B", 1.0))})
    result = run(data, acts=acts, risk_manager=manager)
    assert list(result.trades["asset"]) == ["B"]
    assert list(result.open_positions["asset"]) == ["A"]


def test_a_compiled_rule_comes_and_goes(fast_rules):
    rule = fast_rules.Wrong(stop=95.0)
    manager = RiskManager()
    levels = []
    acts = Acts(
        {
            0: buy_first,
            1: lambda s: manager.add_rule(rule),
            2: lambda s: (levels.append(manager.levels("A").stop), manager.remove_rule(rule)),
        }
    )
    bars = [FLAT, FLAT, FLAT, (100.0, 101.0, 90.0, 92.0)]
    result = run(bars, acts=acts, risk_manager=manager)
    assert levels == [95.0]
    assert len(result.open_positions) == 1


def test_a_compiled_rule_in_a_group_is_asked_through_evaluate(fast_rules):
    group = AnyOf([fast_rules.Wrong(stop=95.0), PriceBasedStopLoss(pct=0.08)])
    trade = only_trade(run(FALL, [group], {0: sell_first}, account="margin"))
    assert trade["exit_price"] == 100.0  # a short's stop at 95 is met by the open it was opened at


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"stop": -1.0}, "a stop that is not positive and finite"),
        ({"stop": math.inf}, "a stop that is not positive and finite"),
        ({"target": 0.0}, "a target that is not positive and finite"),
        ({"exit_type": 7}, "an exit_type that is none"),
        ({"exit_type": -1}, "an exit_type that is none"),
        ({"stop_type": 4}, "a stop_type that is neither"),
    ],
)
def test_an_answer_that_cannot_be_is_an_error(given, fault, fast_rules):
    rule = fast_rules.Wrong(**given)
    with pytest.raises(
        RuleError, match=rf"rule Wrong answered with {fault}.*'A', opening of 2023"
    ) as error:
        run(FALL, [rule])
    assert len(error.value.partial_result.fills) == 1
    with pytest.raises(InvalidDecisionError, match=fault):
        rule.evaluate(RiskContext.from_state(position_quantity=1.0, entry_price=100.0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CFuncRule(len), "has an integer address"),
        (lambda: CFuncRule(SimpleNamespace(address=0)), "has an integer address"),
        (lambda: CFuncRule(SimpleNamespace(address=True)), "has an integer address"),
        (lambda: CFuncRule(SimpleNamespace(address=-5)), "has an integer address"),
        (lambda: CFuncRule(SimpleNamespace(address=2**64)), "has an integer address"),
        (lambda: CFuncRule(SimpleNamespace(address="0x1")), "has an integer address"),
        (lambda: as_rule(numba.cfunc("float64(float64)")(abs_of)), "compiled with numba.cfunc"),
        (lambda: numba_rule(columns="range")(lambda v, c, a: None), "a sequence of names"),
        (lambda: numba_rule(priority=0.5)(lambda v, c, a: None), "a whole number"),
    ],
)
def test_what_cannot_be_a_compiled_rule_is_refused(make, message):
    with pytest.raises(InvalidRuleError, match=message):
        make()


def without_function():
    class Mine(CFuncRule):
        def __init__(self):
            pass

    return Mine()


@pytest.mark.parametrize("make", [without_function, lambda: CFuncRule.__new__(CFuncRule)])
def test_a_rule_that_was_never_given_its_function_says_so(make):
    rule = make()
    with pytest.raises(RuleError, match=r"has no C function: .* super\(\).__init__\(cfunc\)"):
        run(FALL, [rule])
    with pytest.raises(InvalidDecisionError, match="has no C function"):
        rule.evaluate(RiskContext.from_state(position_quantity=1.0, entry_price=100.0))


def writes(place):
    """Return a C function that writes to ``columns[place]``, though it may only read them."""

    def write(view, columns, answer):
        columns[place] = 1.0

    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(ctypes.c_double), ctypes.c_void_p)
    function = kind(write)
    address = ctypes.cast(function, ctypes.c_void_p).value
    return SimpleNamespace(address=address, kept=function, __name__="writes")


@pytest.mark.parametrize("place", [-4, -1, 1, 4])
def test_a_rule_that_writes_beyond_its_columns_is_told(place):
    rule = CFuncRule(writes(place), columns=("range",))
    context = RiskContext.from_state(
        position_quantity=1.0, entry_price=100.0, features={"range": 2.0}
    )
    with pytest.raises(InvalidDecisionError, match="rule writes wrote beyond the columns it named"):
        rule.evaluate(context)


def test_a_rule_that_writes_beyond_its_columns_is_told_in_a_run():
    with pytest.raises(RuleError, match="rule writes wrote beyond the columns it named"):
        run(FALL, [CFuncRule(writes(0))])


def test_a_numba_rule_cannot_write_to_its_columns():
    def write(view, columns, answer):
        columns[0] = 1.0

    with pytest.raises(numba.TypingError, match="readonly"):
        numba_rule(columns=("range",))(write)


@pytest.mark.parametrize("place", [1, -3, 10**8])
def test_a_numba_rule_that_reads_beyond_its_columns_is_told(place):
    @numba_rule(columns=("range",))
    def reads(view, columns, answer):
        answer.update_stop_loss = abs(columns[place]) + 1.0

    context = RiskContext.from_state(
        position_quantity=1.0, entry_price=100.0, features={"range": 2.0}
    )
    with pytest.raises(InvalidDecisionError, match="rule reads raised an exception"):
        reads.evaluate(context)


def abs_of(x):
    return abs(x)


def test_a_column_that_does_not_exist_is_named():
    rule = numba_rule(columns=("rnage",))(lambda view, columns, answer: None)
    with pytest.raises(ValueError, match=r"a rule reads.*rnage.*range"):
        run(random_market(1, 20), [rule])


def test_a_column_that_does_not_exist_is_named_during_a_run_too():
    rule = numba_rule(columns=("rnage",), name="leaves")(lambda view, columns, answer: None)
    manager = RiskManager()

    def add(strategy):
        with pytest.raises(
            InvalidRuleError, match=r"leaves: .* give 'rnage' .*did you mean 'range'"
        ):
            manager.add_rule(rule)

    run(random_market(1, 20), acts={0: add}, risk_manager=manager)
    assert manager.rule_names == ()
