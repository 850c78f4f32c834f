"""One case said otherwise: later, in other money, mirrored, its assets renumbered, with bystanders.

What has to become of the run is known beforehand; the relations in ``tests/property`` say it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import isnan

from reference.generator import Case
from reference.limit import NEXT_SESSION, Limit
from reference.market import NAN, Action, Bar, Market
from reference.records import NO_END
from reference.rules import Rule
from reference.script import Act, Script


def rewritten(
    case: Case,
    *,
    market: Market | None = None,
    rule: Callable[[Rule], Rule] = lambda rule: rule,
    act: Callable[[Act], Act | None] = lambda act: act,
    **settings,
) -> Case:
    """The case with every rule and every act changed; an act that becomes None is left out.

    One rule object becomes one object wherever it stands: a removal means objects.
    """
    made: dict[int, Rule] = {}

    def new_rule(one: Rule) -> Rule:
        if id(one) not in made:
            made[id(one)] = rule(one)
        return made[id(one)]

    def new_acts(acts: list[Act]) -> list[Act]:
        changed = map(act, acts)
        return [
            one if one.rule is None else replace(one, rule=new_rule(one.rule))
            for one in changed
            if one is not None
        ]

    acts = {t: new_acts(acts) for t, acts in case.script.acts.items()}
    replies = {number: act(one) for number, one in case.script.replies.items()}
    replies = {number: one for number, one in replies.items() if one is not None}
    return Case(
        case.market if market is None else market,
        Script(acts, replies),
        [new_rule(one) for one in case.rules],
        replace(case.settings, **settings),
    )


def above_zero(case: Case) -> Case:
    """The case with no price of zero or less: those of such an asset are all lifted by one amount."""
    market = case.market

    def act(one: Act) -> Act:
        one = without_bracket(one)  # whose prices could come to lie on each other
        return with_order_prices(one, lambda price: max(price + 10.0 - lowest[one.asset], 1.0))

    def above(bar: Bar) -> Bar:  # a fine bar that lay beyond its own
        return bar.priced(lambda price: max(price, 1.0))

    lowest = dict.fromkeys(market.negative, 0.0)
    for (_, asset), bar in market.bars.items():
        if asset in lowest:
            lowest[asset] = min(lowest[asset], bar.low)

    def lifted(asset: int, bar: Bar) -> Bar:
        return bar.priced(lambda price: price + 10.0 - lowest[asset]) if asset in lowest else bar

    market = replace(
        market,
        bars={(t, asset): lifted(asset, bar) for (t, asset), bar in market.bars.items()},
        fine=market.with_fine(lambda asset, time, bar: above(lifted(asset, bar))),
        negative=frozenset(),
    )
    return rewritten(case, market=market, act=lambda one: act(one) if one.asset in lowest else one)


def without_bracket(act: Act) -> Act:
    return replace(act, stop_loss=NAN, take_profit=NAN)


def with_order_prices(act: Act, price: Callable[[float], float]) -> Act:
    """An act with the prices changed that its order waits for."""
    return replace(
        act,
        limit=act.limit if isnan(act.limit) else price(act.limit),
        stop=act.stop if isnan(act.stop) else price(act.stop),
        trail=act.trail if isnan(act.trail) else price(act.trail),
        stop_loss=act.stop_loss if isnan(act.stop_loss) else price(act.stop_loss),
        take_profit=act.take_profit if isnan(act.take_profit) else price(act.take_profit),
    )


def at_the_market(act: Act) -> Act | None:
    """The act as one that waits for no price and no time; without one, nothing is changed."""
    if act.kind == "modify":
        return None
    return replace(
        act,
        limit=NAN,
        stop=NAN,
        trail=NAN,
        trail_percent=NAN,
        fill_at="",
        oco=-1,
        valid="gtc",
        valid_until=NO_END,
        stop_loss=NAN,
        take_profit=NAN,
    )


def without_a_day(act: Act) -> Act:
    """An order for the day ends with it, and midnight lies elsewhere."""
    return replace(act, valid="gtc") if act.valid == "day" else act


def with_prices(rule: Rule, price: Callable[[float], float]) -> Rule:
    """A rule with every price and distance it names changed; percents and bars stay."""

    def said(answers: dict) -> dict:
        return {
            key: replace(one, stop=price(one.stop), target=price(one.target))
            for key, one in answers.items()
        }

    parameter = rule.parameter
    if rule.form == "price" and not rule.column:
        parameter = price(parameter)
    elif rule.form in ("distance", "currency") and not rule.column:
        parameter = abs(price(parameter) - price(0.0))
    return replace(
        rule,
        parameter=parameter,
        members=tuple(with_prices(member, price) for member in rule.members),
        closing=said(rule.closing),
        opening=said(rule.opening),
    )


def without_tiers(case: Case) -> Case:
    """The case with one tier: the others go by the month, and by the order of the fills in it."""
    return rewritten(case, commission_tiers=())


def without_sizes_by_risk(case: Case) -> Case:
    """Such orders are of a part of equity."""

    def act(one: Act) -> Act:
        return replace(one, kind="order_percent") if one.kind == "order_risk" else one

    return rewritten(case, act=act)


def without_sessions(case: Case) -> Case:
    """The case without the limits of the portfolio that know sessions: the days of a zone."""
    kept = tuple(
        limit
        for limit in case.settings.limits
        if limit.kind != "max_daily_loss" and limit.resume != NEXT_SESSION
    )
    return rewritten(case, limits=kept)


def without_calendar(case: Case) -> Case:
    """The case without a calendar, and without the rules that need one."""
    kept = [rule for rule in case.rules if rule.kind != "session_exit"]
    return replace(case, market=replace(case.market, calendar=None), rules=kept)


# ----- time and money -------------------------------------------------------------------------


def later(case: Case, by: int) -> Case:
    """The same at times that are `by` nanoseconds later."""
    market = replace(
        case.market,
        timestamps=[time + by for time in case.market.timestamps],
        actions=[one._replace(effective_ns=one.effective_ns + by) for one in case.market.actions],
        fine={
            asset: [(time + by, bar) for time, bar in bars]
            for asset, bars in case.market.fine.items()
        },
    )

    def act(one: Act) -> Act:
        return one if one.valid_until == NO_END else replace(one, valid_until=one.valid_until + by)

    return rewritten(case, market=market, act=act)


def in_other_money(case: Case, factor: float) -> Case:
    """The same in a currency of which `factor` make one of the old."""

    def price(value: float) -> float:
        return value * factor

    def act(one: Act) -> Act:
        one = with_order_prices(one, price)
        of_money = one.kind in ("target_value", "order_value")
        return replace(one, amount=one.amount * factor) if of_money else one

    def action(one: Action) -> Action:
        return one if one.kind == "split" else one._replace(value=one.value * factor)

    market = replace(
        repriced(case.market, lambda bar: bar.priced(price).quoted(price), price),
        actions=[action(one) for one in case.market.actions],
    )
    amounts = (
        "initial_cash", "commission_per_unit", "commission_fixed", "commission_minimum", "commission_maximum",
        "slippage_per_unit", "min_trade_value",
    )  # fmt: skip
    by_type = tuple(
        (name, replace(parts, slippage_per_unit=price(parts.slippage_per_unit)))
        for name, parts in case.settings.slippage_by_type
    )
    volume = price if case.settings.tiers_by_value else float
    tiers = tuple(
        tier._replace(
            above=volume(tier.above),
            per_unit=None if tier.per_unit is None else price(tier.per_unit),
        )
        for tier in case.settings.commission_tiers
    )
    return rewritten(
        case,
        market=market,
        rule=lambda rule: with_prices(rule, price),
        act=act,
        model_fee=0.0,
        model_amount=0.0,
        slippage_by_type=by_type,
        commission_tiers=tiers,
        **{name: getattr(case.settings, name) * factor for name in amounts},
        tick_size=None if case.settings.tick_size is None else case.settings.tick_size * factor,
        limits=tuple(
            replace(limit, value=price(limit.value), rank="bars" if limit.rank else "")
            for limit in case.settings.limits
        ),
    )


def repriced(market: Market, bar: Callable[[Bar], Bar], price: Callable[[float], float]) -> Market:
    """Other bars, and other values in the column whose values are prices."""
    level = {key: price(value) for key, value in market.columns["level"].items()}
    return replace(
        market,
        bars={key: bar(one) for key, one in market.bars.items()},
        fine=market.with_fine(lambda asset, time, one: bar(one)),
        columns=market.columns | {"level": level},
    )


# ----- the mirror -----------------------------------------------------------------------------

PARTS = 64.0  # of a unit of price: sums and differences of prices on this grid are exact


def _on_grid(price: float) -> float:
    """The price on the grid; one that is not positive would have a positive mirror image, so none."""
    return NAN if isnan(price) or price < 1.0 / PARTS else round(price * PARTS) / PARTS


def mirrorable(case: Case) -> Case:
    """The case without what has no mirror image: percents, distances that are rounded, amounts of money, actions, costs, orders that rest
    (the path of a flat asset goes to the low first where both extremes are as near), fine bars (what is near
    a price is a part of it), limits on sums of money.

    Prices lie on a grid on which they mirror exactly; levels are absolute, orders are of fixed units,
    and the account is large enough for all of them.
    """

    def rule(one: Rule) -> Rule:
        if one.kind == "regime":
            return replace(one, members=tuple(rule(member) for member in one.members))
        if one.kind == "scaled":
            return Rule("take_profit", "level", "price", one.priority, one.assets)
        if one.kind == "signal":  # of one side, which would be the other
            return replace(one, side=0)
        if one.kind in ("scripted", "time_exit", "session_exit"):
            return with_prices(one, _on_grid)
        if one.form == "price":
            return one if one.column else with_prices(one, _on_grid)
        kind = "take_profit" if one.kind == "take_profit" else "stop_loss"
        plain = {"multiple": 1.0, "live": False, "activation": NAN, "costs": 0.0}
        plain |= {"tighten": 0.0, "schedule": ()}
        return replace(one, kind=kind, parameter="level", form="price", **plain)

    def act(one: Act) -> Act | None:
        fixed = ("buy", "sell", "close", "cancel", "add_rule", "remove_rule")
        return at_the_market(one) if one.kind in fixed else None

    def bar(one: Bar) -> Bar:
        return one.priced(lambda price: _on_grid(max(price, 1.0)))

    no_costs = {
        "commission_pct": 0.0, "commission_per_unit": 0.0, "commission_fixed": 0.0,
        "commission_minimum": 0.0, "slippage": 0.0, "ticks": 0.0, "tick_size": None, "slippage_by_type": (), "slippage_per_unit": 0.0, "spread": 0.0, "impact": 0.0,
        "extra_on_stops": 0.0, "commission_maker": None, "commission_tiers": (),
        "model_fee": 0.0, "model_amount": 0.0,
    }  # fmt: skip
    case = above_zero(case)
    return rewritten(
        case,
        market=replace(repriced(case.market, bar, _on_grid), actions=[]),
        rule=rule,
        act=act,
        account="margin",
        intrabar=case.settings.first_side,
        on_insufficient="allow",
        initial_cash=2.0**26,
        limits=tuple(
            replace(limit, rank="bars" if limit.rank else "")
            for limit in case.settings.limits
            if limit.kind in ("max_positions", "restricted_assets")
        ),
        **no_costs,
    )


def mirrored(case: Case, width: float) -> Case:
    """Prices p become width - p, buying becomes selling."""

    def price(value: float) -> float:
        return width - value

    def bar(one: Bar) -> Bar:
        return one._replace(high=one.low, low=one.high).priced(price)

    other = {"buy": "sell", "sell": "buy"}
    return rewritten(
        case,
        market=repriced(case.market, bar, price),
        rule=lambda rule: with_prices(rule, price),
        act=lambda act: replace(act, kind=other.get(act.kind, act.kind)),
    )


def highest_price(case: Case) -> float:
    """The highest price that a bar, a column or a rule names."""
    prices = [bar.high for bar in case.market.bars.values()]
    prices += case.market.columns["level"].values()
    added = [act.rule for acts in case.script.acts.values() for act in acts if act.rule is not None]
    for rule in case.rules + added:
        answers = [*rule.closing.values(), *rule.opening.values()]
        prices += [level for one in answers for level in (one.stop, one.target)]
        if rule.form == "price" and not rule.column:
            prices.append(rule.parameter)
    return max(price for price in prices if not isnan(price))


# ----- assets, rules and columns --------------------------------------------------------------


def renumbered(case: Case, places: list[int], n_assets: int) -> Case:
    """Asset a becomes asset places[a] of `n_assets`; in places that are not named there is nothing."""

    def moved(keyed: dict) -> dict:
        return {(t, places[asset]): value for (t, asset), value in keyed.items()}

    def rule(one: Rule) -> Rule:
        assets = None if one.assets is None else frozenset(places[a] for a in one.assets)
        return replace(one, assets=assets, closing=moved(one.closing), opening=moved(one.opening))

    def act(one: Act) -> Act:
        weights = {places[asset]: weight for asset, weight in one.weights.items()}
        return replace(one, asset=places[one.asset] if one.asset >= 0 else -1, weights=weights)

    old = case.market
    market = replace(
        old,
        assets=[f"A{asset}" for asset in range(n_assets)],
        bars=moved(old.bars),
        fine={places[asset]: bars for asset, bars in old.fine.items()},
        columns={name: moved(column) for name, column in old.columns.items()},
        actions=[one._replace(asset=places[one.asset]) for one in old.actions],
        negative=frozenset(places[asset] for asset in old.negative),
    )
    return rewritten(
        case,
        market=market,
        rule=rule,
        act=act,
        limits=tuple(_renumbered(limit, places, n_assets) for limit in case.settings.limits),
    )


def _renumbered(limit: Limit, places: list[int], n_assets: int) -> Limit:
    groups = [0] * n_assets
    for place, group in zip(places, limit.groups, strict=False):
        groups[place] = group
    return replace(
        limit,
        groups=tuple(groups) if limit.groups else (),
        restricted=frozenset(places[asset] for asset in limit.restricted),
    )


def with_rule(case: Case, place: int, rule: Rule) -> Case:
    """One rule more, added as number `place` of the rules that are there from the start."""

    def act(one: Act) -> Act:
        by_index = one.kind == "remove_rule" and one.index >= place
        return replace(one, index=one.index + 1) if by_index else one

    made = rewritten(case, act=act)
    made.rules.insert(place, rule)
    return made
