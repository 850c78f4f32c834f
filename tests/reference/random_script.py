"""What a random strategy does: orders of every kind, cancels, changes, rules that come and go."""

from __future__ import annotations

from dataclasses import replace
from math import isnan
from random import Random

from reference.market import DAY, NAN, Market
from reference.orders import limit_on_tick
from reference.random_rules import again, random_rule
from reference.records import NO_END
from reference.rules import Rule
from reference.script import ON_START, Act, Script
from reference.settings import Settings


def random_script(
    rng: Random, market: Market, rules: list[Rule], grid: float, settings: Settings
) -> Script:
    script = Script()
    if rng.random() < 0.2:
        acts = _on_start(rng, len(market.assets), rules)
        acts = [
            _with_price(rng, market, 0, one, grid) if rng.random() < 0.2 else one for one in acts
        ]
        script.acts[ON_START] = _in_units(rng, market, acts)
    known = list(rules)  # and those the strategy adds
    busy = rng.choice((0.1, 0.25, 0.5))
    weights = rng.random() < 0.3
    may_short = rng.random() < 0.6
    changes = rng.random() < 0.4
    priced = rng.choice((0.0, 0.4, 0.8, 0.9))  # of the orders that are no targets
    again = _said_again(rng, len(market.assets)) if rng.random() < 0.25 else []
    pairs = rng.choice((0.0, 0.0, 0.15, 0.3))
    turns = rng.choice((0.0, 0.0, 0.2)) if settings.account == "margin" else 0.0
    trims = 0.8 if settings.account == "cash" and rng.random() < 0.6 else 0.0
    for t in range(len(market.timestamps)):
        acts = [
            _act(rng, asset, may_short)
            for asset in range(len(market.assets))
            for _ in range(2)
            if rng.random() < busy
        ]
        acts = [
            _with_price(rng, market, t, act, grid) if rng.random() < priced else act for act in acts
        ]
        if rng.random() < 0.05:  # what closes finds less than it was made for
            asset = rng.randrange(len(market.assets))
            acts += [Act("sell", asset, 2.0), Act("close", asset)]
        if rng.random() < pairs:
            acts += _one_of_two(rng, market, t, grid)
        if rng.random() < turns:  # a reversal that fills whole or not at all
            asset, share = rng.randrange(len(market.assets)), rng.choice((-0.9, -1.4, -1.9, 1.4))
            acts.append(Act("order_percent", asset, share, valid="fok"))
        acts += again
        if again and rng.random() < 0.3:  # and once more after what was ordered one by one
            acts.append(rng.choice(again))
        if rng.random() < trims:  # all the cash, then an exit that may not pay its own fee
            asset = rng.randrange(len(market.assets))
            acts.append(Act("order_percent", asset, 1.0, at_fill=rng.random() < 0.3))
            script.acts[t + 1] = [Act("sell", asset, rng.choice((0.005, 0.005, 1.0)))]
        if weights and rng.random() < busy:
            acts.append(_weights(rng, len(market.assets), may_short))
        if rng.random() < 0.06:
            acts.append(Act("cancel", index=rng.randrange(4)))
        if rng.random() < priced / 2.0:
            acts.append(_change(rng, market, t, grid))
        if changes and rng.random() < 0.1:
            known.append(_new_rule(rng, market, grid, known))
            acts.append(Act("add_rule", rule=known[-1]))
        if changes and rng.random() < 0.12:
            acts.append(_removal(rng, known))
        if acts:
            script.acts[t] = _in_units(rng, market, script.acts.get(t, []) + acts)
    if rng.random() < 0.4:
        replies = _replies(rng, market, may_short, priced, grid)
        script.replies = {number: _unit_act(rng, market, act) for number, act in replies.items()}
    return script


def _replies(
    rng: Random, market: Market, may_short: bool, priced: float, grid: float
) -> dict[int, Act]:
    """What the strategy does when it is told of a fill or an order."""
    replies = {}
    for number in range(1, 100):
        if rng.random() < 0.15:
            act = _act(rng, rng.randrange(len(market.assets)), may_short)
            if rng.random() < 0.3:
                act = Act("cancel", index=rng.randrange(4))
            elif rng.random() < priced:
                t = rng.randrange(len(market.timestamps))
                act = replace(
                    _with_price(rng, market, t, act, grid), valid="gtc", valid_until=NO_END
                )
                act = act if rng.random() < 0.7 else _change(rng, market, t, grid)
            replies[number] = act
    return replies


PRICED = (
    "buy",
    "sell",
    "order_value",
    "order_percent",
    "order_risk",
)  # with a limit, a stop, a time in force


def _with_price(rng: Random, market: Market, t: int, act: Act, grid: float) -> Act:
    """The order as a limit, a stop or a stop-limit, near the market or far, on either side of it."""
    if act.kind == "close":
        return replace(act, fill_at=rng.choice(("", "next_open", "next_close")))
    if act.kind not in PRICED:
        return act
    if rng.random() < 0.5:
        act = _with_bracket(rng, market, t, act, grid)
    if act.at_fill:  # at the market: what waits for a price is sized at it
        valid, until = _valid(rng, market, t)
        fill_at = rng.choice(("", "next_open", "next_close"))
        return replace(act, valid=valid, valid_until=until, fill_at=fill_at)
    if rng.random() < 0.15:
        return _trailing(rng, market, t, act, grid)
    limit, stop = _price(rng, market, t, act.asset, grid), _price(rng, market, t, act.asset, grid)
    kind = rng.choice(("limit", "limit", "stop", "stop", "stop_limit", "stop_limit", "market"))
    bar = market.bar(t, act.asset)
    if kind == "stop_limit" and bar is not None and rng.random() < 0.5:
        # Beyond its limit where it is triggered, and the close may come back.
        further = bar.close + _side(act) * (grid or 0.9) * rng.choice((1, 2))
        limit, stop = (bar.close, further) if further > 0.0 < bar.close else (limit, stop)
    if kind != "market":
        act = _around(act, stop if kind == "stop" else limit)
    valid, until = _valid(rng, market, t)
    return replace(
        act,
        fill_at=rng.choice(("", "next_open", "next_close")) if kind == "market" else "",
        oco=rng.choice((0, 0, 1, 2, 5)) if rng.random() < 0.15 else -1,
        limit=limit if kind in ("limit", "stop_limit") else NAN,
        stop=stop if kind in ("stop", "stop_limit") else NAN,
        valid=valid,
        valid_until=until,
    )


def _trailing(rng: Random, market: Market, t: int, act: Act, grid: float) -> Act:
    """The order as a trailing stop; where prices may be negative, at a distance in money."""
    valid, until = _valid(rng, market, t)
    trail, percent = (grid or 0.9) * rng.choice((1, 2, 3, 5, 200)), NAN
    if act.asset not in market.negative and rng.random() < 0.5:
        trail, percent = NAN, rng.choice((0.01, 0.02, 0.05, 0.1))
    return replace(
        act,
        trail=trail,
        trail_percent=percent,
        stop_loss=NAN,
        take_profit=NAN,
        oco=rng.choice((-1, -1, -1, 0)),
        valid=valid,
        valid_until=until,
    )


def _with_bracket(rng: Random, market: Market, t: int, act: Act, grid: float) -> Act:
    """A stop and a target for what the order enters, or one of both."""
    low, high = sorted(_price(rng, market, t, act.asset, grid) for _ in range(2))
    bar = market.bar(t, act.asset)
    if bar is not None and bar.low > 0.0 and rng.random() < 0.5:  # in the next bar, maybe both
        low, high = bar.low, bar.high
    if low == high:
        return act
    stop, target = (low, high) if _side(act) > 0.0 else (high, low)
    both = rng.choice(("both", "both", "stop", "target"))
    return replace(
        act,
        stop_loss=NAN if both == "target" else stop,
        take_profit=NAN if both == "stop" else target,
    )


def _one_of_two(rng: Random, market: Market, t: int, grid: float) -> list[Act]:
    """Two orders of which one cancels the other, most often of one asset."""
    asset, other = (rng.randrange(len(market.assets)) for _ in range(2))
    if rng.random() < 0.7:
        other = asset
    units = rng.choice((10.0, 10.0, 33.3, 60.0))
    kind = rng.choice(("sell", "sell", "buy"))
    two = [Act(kind, one, units) for one in (asset, other)]
    prices = (_price(rng, market, t, one.asset, grid) for one in two)
    names = rng.choice((("limit", "stop"), ("stop", "limit"), ("limit", "limit"), ("", "stop")))
    two = [
        replace(one, **{name: price}) if name else one
        for one, name, price in zip(two, names, prices, strict=True)
    ]
    return [two[0], replace(two[1], oco=0)]


def brackets_around(script: Script, settings: Settings) -> Script:
    """With the brackets of limits that a tick rounds still on their sides of them."""

    def on_its_sides(act: Act) -> Act:
        if isnan(act.limit):
            return act
        return _around(act, limit_on_tick(settings, _side(act), act.limit))

    acts = {t: [on_its_sides(act) for act in acts] for t, acts in script.acts.items()}
    replies = {number: on_its_sides(act) for number, act in script.replies.items()}
    return replace(script, acts=acts, replies=replies)


def _around(act: Act, price: float) -> Act:
    """Without the prices of a bracket that do not lie on their sides of the order's own."""
    side = _side(act)
    return replace(
        act,
        stop_loss=act.stop_loss if side * act.stop_loss < side * price else NAN,
        take_profit=act.take_profit if side * act.take_profit > side * price else NAN,
    )


def _side(act: Act) -> float:
    return 1.0 if act.kind == "buy" or (act.kind != "sell" and act.amount >= 0.0) else -1.0


def _valid(rng: Random, market: Market, t: int) -> tuple[str, int]:
    valid = rng.choice(("gtc", "gtc", "gtc", "day", "gtd", "ioc", "fok"))
    if valid != "gtd":
        return valid, NO_END
    return valid, market.timestamps[t] + rng.choice((1, DAY, 2 * DAY, 2 * DAY - 1, 5 * DAY))


def _price(rng: Random, market: Market, t: int, asset: int, grid: float) -> float:
    bar = market.bar(t, asset)
    level = market.columns["level"].get((t, asset), NAN)  # where rules may have a level, too
    if level > 0.0 and rng.random() < 0.3:
        return level
    if rng.random() < 0.15:
        return 100.0 + (grid or 1.7) * rng.randint(-8, 8)  # and where they have it as a number
    price = 100.0 if bar is None else bar.close
    most = rng.choice((1, 2, 2, 3, 4, 8, 30))
    price = price + (grid or 0.9) * rng.randint(-most, most)
    return price if price > 0.0 or asset in market.negative else (grid or 0.9)


def _change(rng: Random, market: Market, t: int, grid: float) -> Act:
    """Other units, other prices, or both, for one of the orders that wait."""
    asset = rng.randrange(len(market.assets))
    prices = [_price(rng, market, t, asset, grid) for _ in range(2)]
    limit, stop = (abs(price) or 1.0 if rng.random() < 0.6 else NAN for price in prices)
    units = rng.choice((NAN, NAN, 1.0, 5.0, 33.3))
    return Act("modify", index=rng.randrange(4), amount=units, limit=limit, stop=stop)


def _said_again(rng: Random, n_assets: int) -> list[Act]:
    """Targets that are said at every timestamp, mostly met already."""
    share = rng.choice((1.0, 0.9, 0.5)) / n_assets
    return [Act("target_percent", asset, share) for asset in range(n_assets)]


def _in_units(rng: Random, market: Market, acts: list[Act]) -> list[Act]:
    """What is asked for in money is asked for in units where prices may be negative."""
    return [_unit_act(rng, market, act) for act in acts]


def _unit_act(rng: Random, market: Market, act: Act) -> Act:
    named = act.weights.items()
    weights = {a: w for a, w in named if a not in market.negative or w == 0.0 or isnan(w)}
    if act.asset not in market.negative or act.kind in ("buy", "sell", "close"):
        return replace(act, weights=weights)
    if act.amount == 0.0 and act.kind.startswith("target"):
        return act
    kind = "buy" if act.amount >= 0.0 else "sell"
    return replace(act, kind=kind, amount=rng.choice((2.0, 33.3, 3000.0, 20_000.0)))


def _on_start(rng: Random, n_assets: int, rules: list[Rule]) -> list[Act]:
    """What can be asked for before there is a price, and what cannot."""
    acts = [
        Act(rng.choice(("buy", "buy", "sell")), asset, rng.choice((10.0, 7.5, 0.4)))
        for asset in range(n_assets)
        for _ in range(2)
        if rng.random() < 0.6
    ]
    if rng.random() < 0.3:
        kind = rng.choice(("target_percent", "target_value", "order_percent", "order_value"))
        acts.append(Act(kind, rng.randrange(n_assets), 0.3))
    if rng.random() < 0.2:
        acts.append(Act("close", rng.randrange(n_assets)))
    if rng.random() < 0.2:
        acts.append(Act("cancel", index=rng.randrange(4)))
    by_risk = any(rule.form == "risk" for rule in rules)  # whose stop has to be there
    if rules and not by_risk and rng.random() < 0.1:
        acts.append(_removal(rng, rules))
    return acts


def _new_rule(rng: Random, market: Market, grid: float, known: list[Rule]) -> Rule:
    if known and rng.random() < 0.3:
        return again(rng, rng.choice(known), market)
    return random_rule(rng, market, grid)


def _removal(rng: Random, known: list[Rule]) -> Act:
    """By index, in force or not; by the object; by another that equals it."""
    way = rng.random()
    if not known or way < 0.5:
        return Act("remove_rule", index=rng.randint(0, len(known) + 1))
    rule = rng.choice(known)
    return Act("remove_rule", rule=rule if way < 0.8 else replace(rule))


ACTS = (
    "buy",
    "buy",
    "buy",
    "sell",
    "sell",
    "close",
    "target_percent",
    "target_percent",
    "target_value",
    "target_quantity",
    "order_value",
    "order_percent",
)


def _act(rng: Random, asset: int, may_short: bool) -> Act:
    kind = rng.choice(ACTS)
    side = rng.choice((1.0, 1.0, -1.0 if may_short else 1.0))
    if kind == "buy" or (kind == "sell" and (may_short or rng.random() < 0.5)):
        return Act(kind, asset, rng.choice((10.0, 10.0, 20.0, 5.0, 7.5, 1.3, 2.0, 2.0, 33.3, 60.0)))
    if kind in ("sell", "close"):
        return Act("close", asset)
    if kind == "target_percent":
        return Act(kind, asset, side * rng.choice((0.0, 0.1, 0.25, 0.5, 0.9, 1.0, 1.4)))
    if kind == "target_quantity":
        return Act(kind, asset, side * rng.choice((0.0, 10.0, 10.0, 25.3, 40.0)))
    if kind == "order_percent":
        return Act(kind, asset, side * rng.choice((0.1, 0.3, 1.0)), at_fill=rng.random() < 0.5)
    at_fill = kind == "order_value" and rng.random() < 0.5
    amount = rng.choice((0.0, 1000.0, 2500.0, 99.0, 6000.0))
    if at_fill and rng.random() < 0.2:
        amount = 12.0  # less than the smallest commission, now and then
    return Act(kind, asset, side * amount, at_fill=at_fill)


def _weights(rng: Random, n_assets: int, may_short: bool) -> Act:
    named = rng.sample(range(n_assets), rng.randint(0, n_assets))
    side = rng.choice((1.0, 1.0, -1.0 if may_short else 1.0))
    chosen = {asset: side * rng.choice((0.0, 0.2, 0.3, 0.5, 1.0, NAN)) for asset in named}
    clean = {asset: (NAN if isnan(weight) else weight) for asset, weight in chosen.items()}
    return Act("target_weights", weights=clean, keep_others=rng.random() < 0.4)


def sized_by_risk(rng: Random, script: Script, rules: list[Rule]) -> Script:
    """Some orders by percent are sized by the risk, where no rule says what it says once."""
    added = [act.rule for acts in script.acts.values() for act in acts if act.rule is not None]
    if any(rule.kind == "scripted" for rule in (*rules, *added)):
        return script

    def rewritten(act: Act) -> Act:
        if act.kind != "order_percent" or rng.random() < 0.2:
            return act
        amount = (1.0 if act.amount >= 0.0 else -1.0) * rng.choice((0.001, 0.01, 0.03, 0.2))
        return replace(act, kind="order_risk", amount=amount, at_fill=False)

    acts = {t: [rewritten(act) for act in acts] for t, acts in script.acts.items()}
    return replace(script, acts=acts)
