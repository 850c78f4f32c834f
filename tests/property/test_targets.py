"""What holds of targets whatever the market is, rules, gaps, splits and every kind of fill included."""

from collections import Counter
from dataclasses import replace
from functools import cache
from math import isnan
from random import Random

import pytest
from property.adapter import compiled
from property.markets import unlimited
from reference import Bar, Case, Outcome, Rule, Script, random_case
from reference.script import ON_START, Act
from reference.settings import Settings
from reference.variants import (
    above_zero,
    at_the_market,
    rewritten,
    without_calendar,
    without_tiers,
)

from ml4t.backtest import StrategyError

MARKETS = 600
SHARDS = 2
DAY = 86_400_000_000_000


@cache
def markets(shard: int) -> list[tuple[int, Case]]:
    """The same random markets for the same shard; half of them with a fill_at drawn evenly."""
    drawn = ((number, market(number)) for number in range(shard, MARKETS, SHARDS))
    return [(number, case) for number, case in drawn if stays_in_range(case)]


def market(number: int) -> Case:
    rng = Random(number)
    case = unlimited(random_case(rng))
    case = replace(case, script=Script(case.script.acts))  # replies go by what was told before
    if rng.random() < 0.5:
        fill_at = rng.choice(("next_open", "next_close", "close"))
        case = replace(case, settings=replace(case.settings, fill_at=fill_at))
    return case


def stays_in_range(case: Case) -> bool:
    """Equity that multiplies at every bar comes to more units than an order can have."""
    try:
        compiled(case)
    except StrategyError as error:
        return "an order must be of a size in" not in str(error)
    return True


def ran(case: Case) -> Outcome | None:
    """What comes of a case; None where its equity leaves the range."""
    return compiled(case) if stays_in_range(case) else None


def met_every_setting(met: Counter) -> None:
    settings = {
        (fill_at, account): met[fill_at, account]
        for fill_at in ("next_open", "next_close", "close")
        for account in ("cash", "margin")
    }
    assert min(settings.values()) > 5, settings


# ----- only long --------------------------------------------------------------------------------


def longs_only(case: Case) -> Case:
    """Buys, closes and targets of zero and more are left of the strategy."""
    acts = {
        t: [_long(act) for act in acts if _may_stay(act)] for t, acts in case.script.acts.items()
    }
    return replace(case, script=Script(acts))


def _may_stay(act: Act) -> bool:
    return act.kind not in ("sell", "order_value", "order_percent", "order_risk", "reduce")


def _long(act: Act) -> Act:
    weights = {asset: abs(weight) for asset, weight in act.weights.items()}
    return replace(act, amount=abs(act.amount), weights=weights)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_targets_of_zero_and_more_buys_and_closes_are_never_short(shard):
    met: Counter = Counter()
    for number, case in markets(shard):
        if (out := ran(longs_only(case))) is None:
            continue
        assert all(fill["position_after"] >= 0.0 for fill in out.fills), number
        met[case.settings.fill_at, case.settings.account] += 1
        met["held to a target"] += sum(row["reason"] == "target_reached" for row in out.events)
        met["fills"] += len(out.fills)
    met_every_setting(met)
    assert met["held to a target"] > 10, met
    assert met["fills"] > 1000, met


# ----- flat in the end --------------------------------------------------------------------------


def ends_with_zero(case: Case) -> Case:
    """After two thirds nothing is asked for but zero of everything; rows for all assets follow."""
    case = without_calendar(case)
    market, n_times = case.market, len(case.market.timestamps)
    last = 2 * n_times // 3
    case = rewritten(case, act=at_the_market)  # what rests may fill later
    acts = {t: list(acts) for t, acts in case.script.acts.items() if t <= last}
    acts.setdefault(last, []).append(Act("target_weights"))
    bars, columns = dict(market.bars), {name: dict(one) for name, one in market.columns.items()}
    context = {name: dict(one) for name, one in market.context.items()}
    times = list(market.timestamps)
    for t in range(n_times, n_times + 2):
        times.append(times[-1] + DAY)
        for asset in range(len(market.assets)):
            bars[t, asset] = Bar(100.0, 101.0, 99.0, 100.0, 10.0)
            for column in columns.values():
                column[t, asset] = float("nan")
        for values in context.values():
            values[t] = float("nan")
    longer = replace(market, timestamps=times, bars=bars, columns=columns, context=context)
    if case.settings.whole:  # a split floors each order that waits: their sum is another
        until = market.timestamps[last]
        kept = [action for action in market.actions if action.effective_ns <= until]
        longer = replace(longer, actions=kept)
    rules = {id(rule): _cancels_nothing(rule) for rule in case.rules}
    acts = {
        t: [_with_rule(act, rules) for act in one if act.kind != "cancel" or t < last]
        for t, one in acts.items()
    }
    return Case(
        longer, Script(acts), [rules[id(rule)] for rule in case.rules], uncapped(case.settings)
    )


def uncapped(settings: Settings) -> Settings:
    """What the volume of a bar cuts off waits on."""
    return replace(settings, max_participation=None)


def _cancels_nothing(rule: Rule) -> Rule:
    """A rule that cancels orders could cancel the last of them."""
    opening, closing = (
        {key: replace(answer, cancel=-1) for key, answer in table.items()}
        for table in (rule.opening, rule.closing)
    )
    return replace(rule, opening=opening, closing=closing)


def _with_rule(act: Act, known: dict[int, Rule]) -> Act:
    if act.rule is None:
        return act
    return replace(act, rule=known.setdefault(id(act.rule), _cancels_nothing(act.rule)))


@pytest.mark.parametrize("shard", range(SHARDS))
def test_after_a_last_target_of_zero_everything_is_flat(shard):
    met: Counter = Counter()
    for number, case in markets(shard):
        out = compiled(longs_only(ends_with_zero(case)))
        assert [row["asset"] for row in out.positions] == [], number
        assert all(order["status"] != "open" for order in out.orders), number
        met[case.settings.fill_at, case.settings.account] += 1
        met["fills"] += len(out.fills)
        met["twice"] += sum(row["reason"] == "position_closed" for row in out.events)
    met_every_setting(met)
    assert met["fills"] > 1000, met
    assert met["twice"] > 10, met


# ----- said again -------------------------------------------------------------------------------

TARGETS = ("target_percent", "target_value", "target_quantity", "target_weights")


def said_again(case: Case) -> Case:
    """Every target is said three times, one after the other."""
    acts = {
        t: [again for act in acts for again in [act] * (3 if act.kind in TARGETS else 1)]
        for t, acts in case.script.acts.items()
    }
    return replace(case, script=Script(acts))


def done(out: Outcome) -> list[tuple]:
    """Fills without the numbers of their orders, which count what was turned down too."""
    names = ("timestamp", "asset", "quantity", "price", "commission", "reason", "position_after")
    return [tuple(fill[name] for name in names) for fill in out.fills]


def taken(out: Outcome) -> list[tuple]:
    """Orders that were not turned down when they were said."""
    orders = [order for order in out.orders if order["quantity"] != 0.0]
    names = ("timestamp", "asset", "quantity", "target_units", "status")
    return [tuple(repr(order[name]) for name in names) for order in orders]


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_target_that_is_met_makes_no_order_however_often_it_is_said(shard):
    met: Counter = Counter()
    for number, case in markets(shard):
        once, again = compiled(case), compiled(said_again(case))
        assert taken(once) == taken(again), number
        assert done(once) == done(again), number
        met[case.settings.fill_at, case.settings.account] += 1
        met["targets"] += sum(not isnan(order["target_units"]) for order in once.orders)
    met_every_setting(met)
    assert met["targets"] > 1000, met


# ----- the order of the assets ------------------------------------------------------------------


def in_another_order(case: Case, order: list[int]) -> Case:
    """The case with its assets in another order: ``order[new]`` is the old one."""
    market, place = case.market, {old: new for new, old in enumerate(order)}
    moved = replace(
        market,
        bars=dict(sorted(((t, place[a]), bar) for (t, a), bar in market.bars.items())),
        columns={
            name: {(t, place[a]): value for (t, a), value in column.items()}
            for name, column in market.columns.items()
        },
        actions=[action._replace(asset=place[action.asset]) for action in market.actions],
        fine={place[asset]: bars for asset, bars in market.fine.items()},
    )
    acts = {t: [_moved(act, place) for act in acts] for t, acts in case.script.acts.items()}
    rules = [_rule_moved(rule, place) for rule in case.rules]
    return Case(moved, Script(acts), rules, case.settings)


def _moved(act: Act, place: dict[int, int]) -> Act:
    asset = place.get(act.asset, act.asset)
    return replace(act, asset=asset, weights={place[a]: w for a, w in act.weights.items()})


def _rule_moved(rule: Rule, place: dict[int, int]) -> Rule:
    tables = {
        name: {(t, place[a]): answer for (t, a), answer in getattr(rule, name).items()}
        for name in ("opening", "closing")
    }
    assets = None if rule.assets is None else frozenset(place[a] for a in rule.assets)
    return replace(rule, assets=assets, **tables)


def all_at_once(case: Case) -> Case:
    """Targets are left, one of an asset at one timestamp, rules that cancel nothing, and fractions of units."""
    acts = {t: _once(acts) for t, acts in case.script.acts.items() if t != ON_START}
    settings = replace(without_tiers(case).settings, quantity="fractional", on_insufficient="scale")
    rules = [_cancels_nothing(rule) for rule in case.rules]
    return Case(above_zero(case).market, Script(acts), rules, settings)


def _once(acts: list[Act]) -> list[Act]:
    weights = [act for act in acts if act.kind == "target_weights"]
    if weights:
        return weights[:1]
    return list({act.asset: act for act in acts if act.kind in TARGETS}.values())


def by_asset(out: Outcome, order: list[int]) -> dict[int, list[dict]]:
    """Fills by the number that their asset has in the order it came in."""
    found: dict[int, list[dict]] = {}
    for fill in out.fills:
        found.setdefault(order[int(fill["asset"][1:])], []).append(fill)
    return found


@pytest.mark.parametrize("shard", range(SHARDS))
def test_the_order_of_the_assets_changes_nothing_where_targets_are_said_together(shard):
    met: Counter = Counter()
    for number, case in markets(shard):
        case = all_at_once(case)
        order = list(range(len(case.market.assets)))
        Random(number).shuffle(order)
        if (one := ran(case)) is None:
            continue
        other = compiled(in_another_order(case, order))
        ours, theirs = by_asset(one, sorted(order)), by_asset(other, order)
        assert ours.keys() == theirs.keys(), number
        for asset, fills in ours.items():
            for name in ("quantity", "price", "position_after"):
                values, found = ([fill[name] for fill in row] for row in (fills, theirs[asset]))
                assert values == pytest.approx(found, rel=1e-6, abs=1e-6), (number, asset, name)
        assert one.equity[-1].equity == pytest.approx(other.equity[-1].equity, rel=1e-9, abs=1e-6)
        met[case.settings.fill_at, case.settings.account] += 1
        met["moved"] += order != sorted(order)
        met["scaled"] += sum(row["kind"] == "scaled" for row in one.events)
    met_every_setting(met)
    assert met["moved"] > 50, met
    assert met["scaled"] > 100, met
