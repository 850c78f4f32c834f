"""Random rules of every kind and form."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from reference.market import NAN, Market
from reference.random_market import some
from reference.rules import Decision, Rule, scaled_exit

PCTS = (0.01, 0.02, 0.03, 0.05, 0.05, 0.1, 0.04)


def random_rules(rng: Random, market: Market, grid: float, n_rules: int) -> list[Rule]:
    """Some are there twice: the same object, or an equal one for other assets."""
    rules: list[Rule] = []
    for _ in range(n_rules):
        if rules and rng.random() < 0.25:
            rules.append(again(rng, rng.choice(rules), market))
        else:
            rules.append(random_rule(rng, market, grid))
    return rules + [stop for rule in rules if (stop := _needed(rule, rules)) is not None]


def _needed(rule: Rule, rules: list[Rule]) -> Rule | None:
    """The stop that a target by the risk needs, where no other rule may arm one."""
    stops = (one for one in rules if one.kind in ("stop_loss", "trailing_stop", "scripted"))
    if rule.form != "risk" or any(one.assets is None or one.assets == rule.assets for one in stops):
        return None
    return Rule("stop_loss", 0.03, "fraction", 0, rule.assets)


def again(rng: Random, rule: Rule, market: Market) -> Rule:
    if market.negative or rng.random() < 0.3:
        return rule
    return replace(rule, assets=some(rng, len(market.assets)))


def random_rule(rng: Random, market: Market, grid: float) -> Rule:
    kind = rng.choice(("time_exit", "stop_loss", "take_profit", "trailing_stop", "scripted"))
    n_assets = len(market.assets)
    assets = None
    if rng.random() < 0.2:
        assets = some(rng, n_assets)
    priority = rng.choice((0, 0, 0, 1, -1))
    if kind == "scripted":
        return _scripted(rng, market, grid, assets)
    column = rng.random() < 0.3
    if kind == "time_exit" and rng.random() < 0.35:
        return _signal(rng, priority, assets)
    if kind == "time_exit":
        return Rule(
            kind,
            "bars" if column else float(rng.choice((1, 1, 2, 2, 3, 4, 6))),
            "bars",
            priority,
            assets,
        )
    tightens = kind == "stop_loss" and rng.random() < 0.4
    if kind != "trailing_stop" and rng.random() < 0.4:
        value = "level" if rng.random() < 0.6 else 100.0 + (grid or 1.7) * rng.randint(-8, 8)
        return Rule(kind, value, "price", priority, assets, only_tighten=tightens)
    if (
        market.negative
    ):  # where prices may be negative, there are no levels in percent or at a distance
        meant = frozenset(range(n_assets)) if assets is None else assets
        assets = meant - market.negative
        if not assets:
            return Rule("time_exit", 2.0, "bars", priority, meant)
    if rng.random() < 0.3:
        rule = Rule(kind, 1.0, "distance", priority, assets, only_tighten=tightens)
        return _waiting_or_live(rng, _at_a_distance(rng, grid, rule))
    if kind == "trailing_stop" and rng.random() < 0.35:
        return _regimes(rng, priority, assets)
    if kind == "take_profit" and rng.random() < 0.6:
        return _scaled(rng, priority, assets)
    if kind == "take_profit" and rng.random() < 0.3:
        return Rule(kind, rng.choice((0.5, 1.0, 2.0, 3.0)), "risk", priority, assets)
    if kind == "stop_loss" and rng.random() < 0.3:
        amount = rng.choice((20.0, 100.0, 500.0, 2_000.0))
        return Rule(kind, amount, "currency", priority, assets, only_tighten=tightens)
    if kind == "stop_loss" and rng.random() < 0.3:
        gain = "pct" if column else rng.choice((0.005, *PCTS))
        costs = rng.choice((0.0, 2.0))
        return Rule(kind, gain, "gain", priority, assets, only_tighten=tightens, costs=costs)
    parameter = rng.choice(("pct", "pct", "mood")) if column else rng.choice(PCTS)
    multiple = 1.0 if kind == "trailing_stop" else rng.choice((1.0, 1.0, 1.0, 1.5, "bars"))
    rule = Rule(
        kind, parameter, "fraction", priority, assets, only_tighten=tightens, multiple=multiple
    )
    return _waiting_or_live(rng, rule)


def _signal(rng: Random, priority: int, assets) -> Rule:
    """Of one column or another, beyond values that it often has."""
    column, values = rng.choice(
        (("pct", (0.02, 0.05, 0.1)), ("bars", (1.0, 2.5, 3.0)), ("mood", (0.02, 0.05)))
    )
    beside = rng.choice(("mood", "pct")) if rng.random() < 0.2 else rng.choice(values)
    beyond = {rng.choice(("above", "below")): beside}
    side = rng.choice((0, 0, 1, -1))
    return Rule("signal", column, "signal", priority, assets, live=True, side=side, **beyond)


def _regimes(rng: Random, priority: int, assets) -> Rule:
    """A rule for each label of a column that has few, or for the bands of another."""
    more = {"live": True, "only_tighten": rng.random() < 0.3}
    column, values = "bars", (0.0, 1.0, 2.0, 2.5, 3.0, 5.0)
    if rng.random() < 0.6:
        column, values = rng.choice((("mood", (0.04,)), ("pct", (0.025, 0.07)), ("bars", (2.2,))))
        more |= {"are_edges": True, "hysteresis": rng.choice((0.0, 0.01, 0.03, 0.5))}
    n = len(values) + more.get("are_edges", False)
    members = tuple(_member(rng) for _ in range(n))
    return Rule(
        "regime", column, "regime", priority, assets, members=members, values=values, **more
    )


def _member(rng: Random) -> Rule:
    kind = rng.choice(
        ("stop_loss", "stop_loss", "trailing_stop", "trailing_stop", "take_profit", "time_exit")
    )
    if kind == "time_exit":
        return _signal(rng, 0, None) if rng.random() < 0.5 else Rule(kind, 3.0, "bars")
    if kind == "take_profit" and rng.random() < 0.4:
        return _scaled(rng, 0, None)
    parameter = "pct" if rng.random() < 0.2 else rng.choice(PCTS)
    return _waiting_or_live(rng, Rule(kind, parameter))


def _scaled(rng: Random, priority: int, assets) -> Rule:
    """Some close all of a position, some leave a part; of some a part is less than a unit, or a gain is a column's."""
    pairs = rng.choice(
        (
            ((0.01, 0.5), (0.02, 0.5)),
            ((0.005, 0.25), (0.01, 0.25), (0.03, 0.5)),
            ((0.02, 1 / 3), (0.04, 1 / 3), (0.05, 1 / 3)),
            ((0.01, 0.3), (0.03, 0.2)),
            ((0.01, 0.001), (0.02, 0.04), (0.03, 0.6)),
            ((0.03, 0.7),),
            ((0.002, 0.4), (0.06, 0.3), (0.09, 0.3)),
            ((0.004, 0.2), (0.05, 0.2), (0.07, 0.2), (0.1, 0.2)),
            (("mood", 0.3), (0.03, 0.3), ("pct", 0.4)),
        )
    )
    return scaled_exit(pairs, priority, assets)


def _waiting_or_live(rng: Random, rule: Rule) -> Rule:
    """A trail that waits for a gain, or tightens, or a level whose column is read anew at every close."""
    if rule.kind == "trailing_stop" and rule.form == "fraction":
        if rng.random() < 0.2:
            pct = rule.parameter if rule.column else rng.choice((0.05, 0.1))
            by = rng.choice((0.002, 0.01, "mood"))
            return replace(rule, parameter=pct, tighten=by, floor=rng.choice((0.01, 0.01, "mood")))
        if rng.random() < 0.2 and not rule.column:
            steps = rng.choice((((0.01, 0.03),), ((0.005, 0.04), (0.02, 0.02))))
            return replace(rule, parameter=0.05, schedule=steps)
    if rule.kind == "trailing_stop":
        return replace(rule, activation=rng.choice((NAN, NAN, 0.005, 0.02, 0.05, "pct")))
    scaled = rule.form == "distance" or rule.multiple != 1.0
    return replace(rule, live=True) if scaled and rule.column and rng.random() < 0.6 else rule


def _at_a_distance(rng: Random, grid: float, rule: Rule) -> Rule:
    """Of so much money, or some hundredths of a price: a column in the units of its asset."""
    if rng.random() < 0.5:
        return replace(rule, parameter="level", multiple=rng.choice((0.01, 0.02, 0.05, "mood")))
    amount = (grid or 1.7) * rng.randint(1, 4)
    return replace(rule, parameter=amount, multiple=rng.choice((1.0, 1.0, 0.5)))


def _scripted(rng: Random, market: Market, grid: float, assets) -> Rule:
    closing: dict[tuple[int, int], Decision] = {}
    opening: dict[tuple[int, int], Decision] = {}
    cancels = rng.choice((0.0, 0.0, 0.3))
    for key, bar in sorted(market.bars.items()):
        if rng.random() < 0.15:
            closing[key] = Decision(
                exit=True,
                exit_type=rng.choice(("risk_exit", "risk_exit", "other", "time_exit")),
                priority=rng.choice((0, 0, 1, -1)),
                reason=rng.choice(("regime", "halt")),
            )
        elif rng.random() < 0.2:
            closing[key] = _levels(rng, bar.close, grid)
        if rng.random() < 0.2:
            opening[key] = _levels(rng, bar.open, grid)
        for answers in (closing, opening):
            if rng.random() < cancels:
                answer = answers.get(key, Decision(reason="cancels"))
                answers[key] = replace(answer, cancel=rng.randrange(4))
    return Rule("scripted", assets=assets, closing=closing, opening=opening)


def _levels(rng: Random, price: float, grid: float) -> Decision:
    def near() -> float:
        level = price + (grid or 0.9) * rng.choice((-6, -4, -3, -2, 2, 3, 4, 6))
        return level if level > 0.0 and rng.random() < 0.7 else NAN

    return Decision(
        stop=near(), target=near(), priority=rng.choice((0, 0, 1, -1)), reason="own_level"
    )
