"""Rules of the package, one rule of a user in Python, and that rule compiled: the same run.

A trailing stop, a target and a time exit; told apart by nothing but the rule that is named.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from property.adapter import outcome, play
from property.differences import differences
from property.markets import for_markets
from property.relations import MARKETS, each_row, rng_of, shards
from reference import Act, Case, Outcome
from reference.variants import above_zero, rewritten

from ml4t.backtest.risk import (
    AnyOf,
    ExitType,
    PriceBasedTakeProfit,
    RiskDecision,
    RiskRule,
    TimeBasedExit,
    TrailingStop,
    numba_rule,
)

TRAIL, GAIN, BARS = 0.03, 0.04, 4
TRAILING, TIME = ExitType.TRAILING_STOP.code, ExitType.TIME_EXIT.code

OF_THE_PACKAGE = (TrailingStop(TRAIL), PriceBasedTakeProfit(pct=GAIN), TimeBasedExit(BARS))


@dataclass(frozen=True)
class Own(RiskRule):
    """All three of them, said by a user."""

    bars: int = BARS

    def evaluate(self, context) -> RiskDecision:
        side = context.side
        # Dividends lower what lies below the market: of these levels a short's target. Its trail, and a
        # long's water mark, have the water mark's own. A level at or below zero is none.
        fallen = context.dividend_average if side < 0.0 else 0.0
        trail = context.water_mark * (1.0 - side * TRAIL)
        target = context.level_price * (1.0 + side * GAIN) - fallen
        parts = []
        if trail > 0.0:
            parts.append(RiskDecision.update_stops(stop_loss=trail, exit_type="trailing_stop"))
        if target > 0.0:
            parts.append(RiskDecision.update_stops(take_profit=target))
        if not context.opening and context.bars_held >= self.bars:
            numbers = {RiskDecision.COMPARED: (context.bars_held, self.bars)}
            parts.append(RiskDecision.exit_now("time_exit", metadata=numbers))
        return RiskDecision.merge(parts, side=side)


@pytest.fixture(scope="module")
def ways() -> dict[str, Sequence[RiskRule]]:
    @numba_rule()
    def own(view, columns, answer):
        side = 1.0 if view.position_quantity > 0.0 else -1.0
        fallen = view.dividend_average if side < 0.0 else 0.0
        trail = view.water_mark * (1.0 - side * TRAIL)
        target = view.level_price * (1.0 + side * GAIN) - fallen
        if trail > 0.0:
            answer.update_stop_loss = trail
            answer.stop_type = TRAILING
        if target > 0.0:
            answer.update_take_profit = target
        if not view.opening and view.bars_held >= BARS:
            answer.exit_type = TIME

    return {"composite": [AnyOf(OF_THE_PACKAGE)], "Python": [Own()], "numba": [own]}


def unnamed(out: Outcome) -> Outcome:
    """Without what names a rule."""

    def row(_table: str, one: dict) -> dict:
        return {name: value for name, value in one.items() if name not in ("rule", "reason")}

    return each_row(out, row)


def without_numbers(out: Outcome) -> Outcome:
    return replace(out, ledger=[row for row in out.ledger if row["kind"] != "compared"])


def runs_of_twins(case: Case, rules: Sequence[RiskRule], **options) -> tuple[Outcome, Outcome]:
    """The run under the rules of the package, and that under these."""
    expected = outcome(play(case, rules=OF_THE_PACKAGE))
    return unnamed(expected), unnamed(outcome(play(case, rules=rules, **options)))


def without_removals(case: Case) -> Case:
    """Removals mean rules by their number; one rule stands where three stood."""

    def act(one: Act) -> Act | None:
        return None if one.kind == "remove_rule" else one

    return rewritten(case, act=act)


@shards
def test_the_same_rule_said_in_other_ways_is_the_same_run(ways, shard):
    met: Counter = Counter()

    def check(case: Case) -> None:
        rng = rng_of(case)
        way, lower = rng.choice(sorted(ways)), rng.random() < 0.5
        case = without_removals(above_zero(case))
        expected, found = runs_of_twins(case, ways[way], lower=lower)
        if way == "numba":  # it says what it wants, not on what numbers
            expected, found = without_numbers(expected), without_numbers(found)
        assert differences(expected, found) == [], (way, lower)
        met.update(fill["exit_type"] for fill in expected.fills)

    for_markets(580 + shard, MARKETS, check, limits=False)
    assert min(met[kind] for kind in ("trailing_stop", "take_profit", "time_exit")) > 50, met


def test_a_twin_that_leaves_a_bar_later_is_found():
    found = []

    def check(case: Case) -> None:
        found.extend(
            differences(*runs_of_twins(without_removals(above_zero(case)), [Own(BARS + 1)]))
        )

    for_markets(590, 80, check, limits=False)
    assert found
