"""Small random markets and strategies that meet everything the contract speaks of.

Prices mostly live on a coarse grid, so that they equal levels often. All randomness comes from
the `random.Random` given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, isnan, prod
from random import Random

from reference.market import DAY, NAN, Action, Bar, Market
from reference.records import NO_END
from reference.rules import Decision, Rule
from reference.script import ON_START, Act, Script
from reference.settings import CHOICES, Parts, Settings, Tier

START = 1_600_000_000_000_000_000
N_ASSETS = (1, 1, 2, 2, 3, 3, 4, 4, 12)
DIVIDENDS = (0.5, 1.0, 0.37, 3.0, 6.0, 130.0)
SPLITS = (2.0, 3.0, 0.5, 1.5, 0.1, 0.1, 0.02, 7.0 / 3.0)


@dataclass
class Case:
    market: Market
    script: Script
    rules: list[Rule]
    settings: Settings


def random_case(
    rng: Random, n_assets: int | None = None, n_times: int | None = None, n_rules: int | None = None
) -> Case:
    """A case of these sizes; drawn where they are not given."""
    n_assets = rng.choice(N_ASSETS) if n_assets is None else n_assets
    n_times = rng.randint(5, 40) if n_times is None else n_times
    n_rules = rng.choice((0, 1, 1, 2, 3, 4, 5, 6)) if n_rules is None else n_rules
    grid = rng.choice((1.0, 1.0, 2.0, 0.5, 0.0))  # 0: prices off any grid
    market = random_market(rng, n_times, n_assets, grid)
    if rng.random() < 0.15:
        _sink(rng, market, grid)
    rules = random_rules(rng, market, grid, n_rules)
    settings = random_settings(rng)
    script = random_script(rng, market, rules, grid, settings)
    if rng.random() < 0.5:
        settings = replace(settings, **_commission(rng, settings.commission_minimum))
    if rng.random() < 0.5:
        _quote(rng, market)
        settings = replace(settings, **_slippage(rng))
    if rng.random() < 0.25:
        settings = replace(settings, max_participation=rng.choice((0.01, 0.03, 0.1, 0.3, 1.0)))
    if rng.random() < 0.5:
        refine(rng, market, grid)
        settings = replace(settings, intrabar=rng.choice(("fine", "fine", "fine_favourable")))
    if rng.random() < 0.15:
        ticks = {"ticks": rng.choice((0.0, 1.0, 2.0)), "tick_size": rng.choice((0.01, 0.05, 0.4))}
        settings = replace(settings, **ticks)
    if rng.random() < 0.3:
        settings = replace(settings, slippage_by_type=_slippage_by_type(rng))
    if rng.random() < 0.3:
        settings = replace(settings, **_tiers(rng))
    if rng.random() < 0.1:
        asked = {
            "model_fee": rng.choice((0.0, 1.0, 4.0)),
            "model_amount": rng.choice((0.0, 0.02, 0.3)),
        }
        settings = replace(settings, **asked, commission_rebates=True)
    return Case(market, script, rules, settings)


def _sink(rng: Random, market: Market, grid: float) -> None:
    """Let the prices of some assets fall below zero, as those of oil and power do."""
    market.negative = _some(rng, len(market.assets))
    deep = rng.choice((90.0, 100.0, 104.0, 150.0)) + (0.25 if grid == 0.0 else 0.0)
    for (t, asset), bar in list(market.bars.items()):
        if asset in market.negative:
            market.bars[t, asset] = bar.priced(lambda price: price - deep)


# ----- the market -----------------------------------------------------------------------------


def random_market(rng: Random, n_times: int, n_assets: int, grid: float) -> Market:
    market = Market([START], [f"A{a}" for a in range(n_assets)], {})
    market.zone = rng.choice(("UTC", "UTC", "America/New_York", "Asia/Tokyo"))
    step = rng.choice((DAY, DAY, DAY // 4, DAY // 2))
    if step == DAY // 2:  # bars are stamped at the end of a session, too
        market.timestamps = [market.session_end(START)]
    times = market.timestamps
    while len(times) < n_times:
        times.append(times[-1] + step * rng.choice((1, 1, 1, 1, 3)))
    missing = rng.choice((0.0, 0.05, 0.2, 0.2))
    with_actions = rng.random() < 0.7
    busy = rng.choice((0.03, 0.07, 0.15, 0.25))
    splits = rng.choice((0.5, 0.5, 0.1))  # of all actions; the others are dividends
    for asset in range(n_assets):
        first, last = 0, n_times - 1
        if asset > 0 and rng.random() < 0.4:
            first = rng.randrange(n_times)
        if asset > 0 and rng.random() < 0.3:
            last = rng.randrange(first, n_times)
        actions = (busy if with_actions else 0.0, splits)
        _walk(rng, market, asset, first, last, missing, grid, *actions)
    if rng.random() < 0.7:  # else timestamps without any row stay as they are
        for t in range(n_times):
            if all((t, asset) not in market.bars for asset in range(n_assets)):
                market.bars[t, 0] = Bar(100.0, 101.0, 99.0, 100.0, 10.0)
    _columns(rng, market, grid)
    market.actions.sort(key=lambda action: action.effective_ns)
    return market


def _walk(rng, market, asset, first, last, missing, grid, actions, splits) -> None:
    wild = rng.choice((1, 2, 4))
    price = 100.0
    for t in range(first, last + 1):
        if rng.random() < actions:
            price = _action(rng, market, asset, t, price, splits)
            if rng.random() < 0.4:
                price = _action(rng, market, asset, t, price, splits)
        opened = _step(rng, price, grid, wild * 6 if rng.random() < 0.12 else wild)
        close = _step(rng, opened, grid, wild * 2)
        top, bottom = (opened, close) if opened > close else (close, opened)
        reach = wild * (8 if rng.random() < 0.1 else 3)  # now and then a bar meets everything
        high = top + _size(rng, grid) * rng.choice((0, 0, 1, 2, reach))
        low = bottom - _size(rng, grid) * rng.choice((0, 0, 1, 2, reach))
        if low <= 0.0:
            low = bottom
        if rng.random() < 0.04:
            opened = high = low = close  # closes only
        if rng.random() >= missing or t == first:
            market.bars[t, asset] = Bar(opened, high, low, close, float(rng.randint(0, 999)))
            price = close


def _all_splits(market: Market, asset: int) -> float:
    return prod(a.value for a in market.actions if a.asset == asset and a.kind == "split")


def _action(rng: Random, market: Market, asset: int, t: int, price: float, splits: float) -> float:
    until = market.timestamps[t]
    after = market.timestamps[t - 1] if t > 0 else until - DAY
    effective = rng.choice((until, until - DAY // 3, after + 1))
    ratio = rng.choice(SPLITS)
    if rng.random() < splits and 1e-6 < _all_splits(market, asset) * ratio < 1e6:
        market.actions.append(Action(effective, asset, "split", ratio))
        return price / ratio if price / ratio < 1000.0 else 100.0
    value = rng.choice(DIVIDENDS)
    market.actions.append(Action(effective, asset, "dividend", value))
    return price - value if value < price / 2.0 and rng.random() < 0.7 else price


def _pay(market: Market, every: int) -> None:
    for time in market.timestamps[every::every]:
        for asset in range(len(market.assets)):
            market.actions.append(Action(time - DAY // 3, asset, "dividend", 0.5))


def _size(rng: Random, grid: float) -> float:
    return grid if grid > 0.0 else rng.random()


def _step(rng: Random, price: float, grid: float, most: int) -> float:
    moved = price + _size(rng, grid) * rng.randint(-most, most)
    if grid > 0.0:
        moved = round(moved / grid) * grid
    least = grid if grid > 0.0 else 0.5
    return moved if moved >= least else least


def _columns(rng: Random, market: Market, grid: float) -> None:
    pct: dict[tuple[int, int], float] = {}
    level: dict[tuple[int, int], float] = {}
    bars: dict[tuple[int, int], float] = {}
    holes = rng.choice((0.0, 0.1, 0.5))
    every = rng.choice((1, 1, 5))  # levels are known now and then, just after a dividend
    if every > 1:
        _pay(market, every)
    for key, bar in market.bars.items():
        if rng.random() >= holes:
            pct[key] = rng.choice((0.05, 0.1, 0.02, 0.03, rng.random(), 1.5, -0.1))
        if rng.random() >= holes and key[0] % every == 0:
            level[key] = bar.close + (grid or 1.3) * rng.randint(-6, 6)
        if rng.random() >= holes:
            bars[key] = rng.choice((1.0, 2.0, 3.0, 2.5, 5.0, 0.0))
        for column in (pct, level, bars):
            if key not in column:
                column[key] = NAN
    market.columns = {"pct": pct, "level": level, "bars": bars}
    mood = (NAN, 0.02, 0.05, 0.1, rng.random())
    market.context = {"mood": {t: rng.choice(mood) for t in range(len(market.timestamps))}}


# ----- fine bars ------------------------------------------------------------------------------


def refine(rng: Random, market: Market, grid: float) -> None:
    """Fine bars for some assets, now and then missing, or not those of the bar."""
    wrong = rng.choice((0.0, 0.3, 0.7))
    for asset in _some(rng, len(market.assets)):
        fine: list[tuple[int, Bar]] = []
        before = None
        for t, time in enumerate(market.timestamps):
            bar = market.bar(t, asset)
            if bar is not None and before is not None and rng.random() >= wrong / 4.0:
                bars = _fine_bars(rng, bar, grid)
                if rng.random() < wrong:
                    bars = _not_quite(rng, bar, bars, grid)
                step = (time - before) // len(bars)
                fine += [(time - step * i, one) for i, one in enumerate(reversed(bars))][::-1]
            if bar is not None:
                before = time
        market.fine[asset] = fine


def _fine_bars(rng: Random, bar: Bar, grid: float) -> list[Bar]:
    """From the open to the close, with the low and the high in some of them."""
    n = rng.choice((1, 3, 3, 5, 8))
    lowest, highest = rng.randrange(n), rng.randrange(n)
    # The last price is the close's alone, where it is an extreme.
    lowest = -1 if bar.close == bar.low else lowest
    highest = -1 if bar.close == bar.high else highest
    bars, price = [], bar.open
    for i in range(n):
        opened = price if rng.random() < 0.5 else _inside(rng, bar, grid)
        price = bar.close if i == n - 1 and rng.random() < 0.3 else _inside(rng, bar, grid)
        prices = [opened, price, rng.choice((price, _inside(rng, bar, grid)))]
        prices += [bar.low] * (i == lowest) + [bar.high] * (i == highest)
        bars.append(Bar(opened, max(prices), min(prices), price))
    return bars


def _inside(rng: Random, bar: Bar, grid: float) -> float:
    if grid == 0.0:
        return min(max(bar.low + (bar.high - bar.low) * rng.random(), bar.low), bar.high)
    return min(bar.low + grid * rng.randint(0, round((bar.high - bar.low) / grid)), bar.high)


def _not_quite(rng: Random, bar: Bar, bars: list[Bar], grid: float) -> list[Bar]:
    """Rounded otherwise, beyond the bar, or short of what it reached."""
    way = rng.choice(("rounded", "rounded", "beyond", "short", "short"))
    if way == "short":
        low, high = sorted((bar.open, bar.close))
        return [one.priced(lambda price: min(max(price, low), high)) for one in bars]
    if way == "rounded":
        apart = 1.0 + rng.choice((4e-7, -4e-7))
        moved = [one.priced(lambda price: price * apart) for one in bars]
        return [one._replace(low=min(one[:4]), high=max(one[:4])) for one in moved]
    at = rng.randrange(len(bars))
    moved = bars[at]._replace(high=bar.high + (grid or 0.9))
    if rng.random() < 0.5:
        moved = bars[at]._replace(low=bar.low - abs(bar.low) / 50.0)
    return [*bars[:at], moved, *bars[at + 1 :]]


# ----- rules ----------------------------------------------------------------------------------

PCTS = (0.01, 0.02, 0.03, 0.05, 0.05, 0.1, 0.04)


def random_rules(rng: Random, market: Market, grid: float, n_rules: int) -> list[Rule]:
    """Some are there twice: the same object, or an equal one for other assets."""
    rules: list[Rule] = []
    for _ in range(n_rules):
        if rules and rng.random() < 0.25:
            rules.append(_again(rng, rng.choice(rules), market))
        else:
            rules.append(random_rule(rng, market, grid))
    return rules


def _again(rng: Random, rule: Rule, market: Market) -> Rule:
    if market.negative or rng.random() < 0.3:
        return rule
    return replace(rule, assets=_some(rng, len(market.assets)))


def _some(rng: Random, n_assets: int) -> frozenset[int]:
    return frozenset(rng.sample(range(n_assets), rng.randint(1, n_assets)))


def random_rule(rng: Random, market: Market, grid: float) -> Rule:
    kind = rng.choice(("time_exit", "stop_loss", "take_profit", "trailing_stop", "scripted"))
    n_assets = len(market.assets)
    assets = None
    if rng.random() < 0.2:
        assets = _some(rng, n_assets)
    priority = rng.choice((0, 0, 0, 1, -1))
    if kind == "scripted":
        return _scripted(rng, market, grid, assets)
    column = rng.random() < 0.3
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
        return _at_a_distance(
            rng, grid, Rule(kind, 1.0, "distance", priority, assets, only_tighten=tightens)
        )
    parameter = rng.choice(("pct", "pct", "mood")) if column else rng.choice(PCTS)
    multiple = 1.0 if kind == "trailing_stop" else rng.choice((1.0, 1.0, 1.0, 1.5))
    return Rule(
        kind, parameter, "fraction", priority, assets, only_tighten=tightens, multiple=multiple
    )


def _at_a_distance(rng: Random, grid: float, rule: Rule) -> Rule:
    """Of so much money, or some hundredths of a price: a column in the units of its asset."""
    if rng.random() < 0.5:
        return replace(rule, parameter="level", multiple=rng.choice((0.01, 0.02, 0.05)))
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


# ----- the strategy ---------------------------------------------------------------------------


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


PRICED = ("buy", "sell", "order_value", "order_percent")  # with a limit, a stop, a time in force


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
    if rules and rng.random() < 0.1:
        acts.append(_removal(rng, rules))
    return acts


def _new_rule(rng: Random, market: Market, grid: float, known: list[Rule]) -> Rule:
    if known and rng.random() < 0.3:
        return _again(rng, rng.choice(known), market)
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


# ----- settings -------------------------------------------------------------------------------


def random_settings(rng: Random) -> Settings:
    """The honest defaults about half the time, otherwise every switch drawn."""
    chosen: dict = {
        "initial_cash": rng.choice((10_000.0, 10_000.0, 5_000.0, 3_333.33, 1_000_000.0)),
        "account": rng.choice(("cash", "margin", "margin")),
        "max_leverage": rng.choice((1.0, 2.0, 2.0, 4.0, 3.0)),
        "close_at_end": rng.random() < 0.2,
        "quantity": rng.choice(("fractional", "whole")),
        "intrabar": rng.choice(CHOICES["intrabar"][:3]),  # without fine bars
        "on_insufficient": rng.choice(("scale", "scale", "reject", "allow")),
    }
    if rng.random() < 0.7:
        chosen["commission_pct"] = rng.choice((0.0, 0.001, 0.01))
        chosen["commission_per_unit"] = rng.choice((0.0, 0.005, 0.1))
        chosen["commission_fixed"] = rng.choice((0.0, 1.0))
        chosen["commission_minimum"] = rng.choice((0.0, 2.0, 15.0))
    if rng.random() < 0.5:
        chosen["slippage"] = rng.choice((0.0005, 0.01, 0.001))
    if rng.random() < 0.5:
        for name in (
            "fill_at",
            "level_basis",
            "watermark",
            "watermark_start",
            "gap_fill",
            "exit_decided_at_close",
            "order_sequence",
            "dividend_adjusts",
        ):
            chosen[name] = rng.choice(CHOICES[name])
        for name in ("check_entry_bar", "open_decides", "slip_stops"):
            chosen[name] = rng.random() < 0.6
    if rng.random() < 0.3:
        chosen["min_trade_units"] = rng.choice((0.0, 3.0))
        chosen["min_trade_value"] = rng.choice((0.0, 400.0))
        chosen["min_trade_percent"] = rng.choice((0.0, 0.03))
        chosen["drift_band"] = rng.choice((0.0, 0.1, 0.3))
    if rng.random() < 0.12:  # an account that may go under
        chosen |= {"on_insufficient": "allow", "account": "margin", "initial_cash": 500.0}
    return Settings(**chosen)


def _commission(rng: Random, minimum: float) -> dict:
    """What an order pays at most, and what one pays that never slips."""
    return {
        "commission_maximum": max(rng.choice((inf, 1.5, 4.0)), minimum),
        "commission_maximum_percent": rng.choice((None, None, 0.0005, 0.005)),
        "commission_maker": rng.choice((None, 0.0, 0.0002)),
    }


def _tiers(rng: Random) -> dict:
    """Tiers of the volume of a month, small enough to be reached, and rebates."""
    by_value = rng.random() < 0.4
    tiers, above = [], 0.0
    for _ in range(rng.randint(1, 9)):
        above += rng.choice((7.0, 30.0, 100.0)) * (100.0 if by_value else 1.0)
        percent, maker = rng.choice((None, 0.0005, 0.02)), rng.choice((None, -0.0003, 0.0001))
        tiers.append(Tier(above, percent, rng.choice((None, 0.0, 0.002, 0.3)), maker))
    return {
        "commission_tiers": tuple(tiers),
        "tiers_by_value": by_value,
        "commission_rebates": True,
        "commission_maker": rng.choice((None, -0.0002, 0.0002)),
    }


def _slippage(rng: Random) -> dict:
    """Amounts that are large now and then: more than what is sold is worth."""
    return {
        "slippage_per_unit": rng.choice((0.0, 0.0, 0.01, 0.3, 0.3, 40.0)),
        "extra_on_stops": rng.choice((0.0, 0.02)),
        "spread": rng.choice((0.0, 0.5, 0.5, 1.7)),
        "without_quotes": rng.choice((0.0, 0.003)),
        "impact": rng.choice((0.0, 0.1, 0.1, 1.0)),
        "impact_curve": rng.choice(CHOICES["impact_curve"]),
        "without_volume": rng.choice((0.0, 0.05)),
    }


def _slippage_by_type(rng: Random) -> tuple[tuple[str, Parts], ...]:
    types = ("market_on_open", "market_on_close", "stop")
    percents = (0.0, 0.002, 0.02)
    return tuple(
        (name, Parts(slippage=rng.choice(percents), ticks=1.0, **_slippage(rng)))
        for name in types
        if rng.random() < 0.7
    )


def _quote(rng: Random, market: Market) -> None:
    """Bids and asks, some of them missing or crossed, and bars in which little or nothing was traded."""
    holes = rng.choice((0.0, 0.2, 0.5))
    dry = rng.choice((0.0, 0.2))
    for key, bar in market.bars.items():
        bid = abs(bar.close) + 0.25
        ask = bid + rng.choice((0.0, 0.5, 0.5, 1.0, 0.37, -0.5))
        if rng.random() < holes:
            bid, ask = rng.choice(((NAN, ask), (bid, NAN), (NAN, NAN)))
        if ask <= 0.0:
            bid = ask = NAN
        volume = rng.choice((0.0, NAN, 1e-3, 3.0)) if rng.random() < dry else bar.volume
        market.bars[key] = bar._replace(bid=bid, ask=ask, volume=volume)
