"""Groups that the engine merges in C say what their `evaluate` says in Python: the same run, bit for bit."""

from collections import Counter
from random import Random

from property.adapter import outcome, play
from property.differences import differences
from property.markets import for_markets
from property.relations import MARKETS, rng_of, shards
from reference import Case
from reference.variants import above_zero

from ml4t.backtest.risk import (
    AllOf,
    AnyOf,
    BreakEven,
    CompositeRule,
    DynamicTrailingStop,
    InvalidRuleError,
    MaxLoss,
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RiskRule,
    SignalExit,
    TimeBasedExit,
    TrailingStop,
    VolatilityScaledStopLoss,
    VolatilityScaledTakeProfit,
)
from ml4t.backtest.risk.stop_needed import check_stops


def random_member(rng: Random) -> RiskRule:
    priority = rng.choice((0, 0, 0, 1))
    pct = rng.choice((0.005, 0.01, 0.02, 0.05, "pct"))
    number = 0.02 if pct == "pct" else pct
    tightens = rng.random() < 0.3
    return rng.choice(
        (
            PriceBasedStopLoss(pct=pct, priority=priority, only_tighten=tightens),
            PriceBasedStopLoss(price="level", priority=priority),
            VolatilityScaledStopLoss(0.02, atr="level", live=tightens, priority=priority),
            MaxLoss(200.0, priority=priority),
            BreakEven(number, costs=tightens, priority=priority),
            TrailingStop(pct, priority=priority),
            TrailingStop(0.02, activation=number, priority=priority),
            TrailingStop(amount=2.0, priority=priority),
            DynamicTrailingStop(0.06, tighten=0.005, floor=0.01, priority=priority),
            DynamicTrailingStop(0.06, schedule=[(0.005, 0.04), (0.02, 0.02)], priority=priority),
            PriceBasedTakeProfit(pct=pct, priority=priority),
            PriceBasedTakeProfit(price="level", priority=priority),
            PriceBasedTakeProfit(r=1.5, priority=priority),
            VolatilityScaledTakeProfit(0.02, atr="level", live=tightens, priority=priority),
            TimeBasedExit(rng.choice((1, 2, 4, "bars")), priority=priority),
            SignalExit("pct", above=rng.choice((0.02, 0.05)), priority=priority),
            SignalExit("bars", below=2.5, side="long", priority=priority),
        )
    )


def random_group(rng: Random, depth: int = 2) -> RiskRule:
    n = rng.choice((1, 2, 2, 3, 4))
    nests = depth > 0 and rng.random() < 0.4
    members = [random_member(rng) for _ in range(n)]
    if nests:
        members.insert(rng.randrange(n + 1), random_group(rng, depth - 1))
    if depth < 2 and rng.random() < 0.3:
        return CompositeRule(members)
    kind = rng.choice((AnyOf, AnyOf, AllOf))
    return kind(members, priority=rng.choice((0, 0, 1, 2)))


def stopped(rules: list[RiskRule]) -> list[RiskRule]:
    """Beside groups whose targets need a stop, and that arm none, one that does."""
    try:
        check_stops([(one, None, one.name) for rule in rules for one in rule.members], ["A0"])
    except InvalidRuleError:
        return [*rules, PriceBasedStopLoss(pct=0.2)]
    return rules


@shards
def test_a_group_in_c_is_the_same_run(shard):
    met: Counter = Counter()

    def check(case: Case) -> None:
        rng = rng_of(case)
        case = above_zero(case)
        rules = stopped([random_group(rng) for _ in range(rng.choice((1, 2)))])
        found = play(case, rules=rules)
        expected = play(case, rules=rules, lower=False)
        assert differences(outcome(expected), outcome(found)) == [], rules
        for rule in rules:
            if isinstance(rule, AllOf | AnyOf):
                how = "beside" if rule.lower() else "merged" if rule.lower_merged() else "in Python"
                met[how] += 1
        # Named like the classes, others of the run too.
        met.update(str(name).partition("#")[0] for name in found.fills["rule"].dropna())

    for_markets(620 + shard, MARKETS, check)
    assert min(met[name] for name in ("AnyOf", "AllOf", "beside", "merged", "in Python")) > 20, met
