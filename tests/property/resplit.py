"""The same world with one more split: of every asset, two for one."""

from __future__ import annotations

from dataclasses import replace

from reference import Case, Decision
from reference.market import Action, Bar, Market
from reference.rules import Rule
from reference.script import Act, Script
from reference.variants import above_zero, rewritten, with_order_prices

UNITS = ("buy", "sell", "target_quantity", "reduce", "modify")  # acts whose amount is units


def relative(case: Case) -> Case:
    """The case with nothing in it that belongs to one size of a unit: no price as a number of a rule, no
    cost of a unit, no rounding to whole ones, no order that fills before a split and after it."""
    case = above_zero(case)
    told_nothing = replace(case, script=replace(case.script, replies={}))
    return rewritten(
        told_nothing,
        rule=_relative,
        quantity="fractional",
        max_participation=None,
        commission_tiers=(),
        model_fee=0.0,
        model_amount=0.0,
        ticks=0.0,
        slippage_by_type=(),
        tick_size=None,
        commission_per_unit=0.0,
        slippage_per_unit=0.0,
        min_trade_units=0.0,
    )


def _relative(rule: Rule) -> Rule:
    if rule.members:
        return replace(rule, members=tuple(map(_relative, rule.members)))
    is_number = rule.form in ("price", "distance") and not rule.column
    return replace(rule, parameter=0.05, form="fraction", multiple=1.0) if is_number else rule


def split_all(case: Case, day: int) -> Case:
    """Every asset is split two for one at timestamp `day`: prices are halved from then on, units twice
    as many. Powers of two, so that nothing is rounded."""
    market, script = case.market, case.script
    splits = [
        Action(market.timestamps[day], asset, "split", 2.0) for asset in range(len(market.assets))
    ]
    acts = {
        t: [_twice(act) for act in acts] if t >= day else acts for t, acts in script.acts.items()
    }
    prices = market.columns["level"]
    halved = {key: price / 2.0 if key[0] >= day else price for key, price in prices.items()}
    split = replace(
        market,
        columns=market.columns | {"level": halved},
        bars={key: _half(bar) if key[0] >= day else bar for key, bar in market.bars.items()},
        fine=market.with_fine(
            lambda asset, time, bar: _half(bar) if _row_of(market, asset, time) >= day else bar
        ),
        actions=[_paid(action, market.timestamps[day - 1]) for action in market.actions] + splits,
    )
    return rewritten(
        replace(case, script=Script(acts)), market=split, rule=lambda rule: _answers(rule, day)
    )


def _row_of(market: Market, asset: int, time: int) -> int:
    """The timestamp of the bar that a fine bar belongs to."""
    rows = (t for t, end in enumerate(market.timestamps) if end >= time and market.bar(t, asset))
    return next(rows)


def _half(bar: Bar) -> Bar:
    def half(price: float) -> float:
        return price / 2.0

    return bar.priced(half).quoted(half)._replace(volume=2.0 * bar.volume)


def _twice(act: Act) -> Act:
    act = with_order_prices(act, lambda price: price / 2.0)
    return replace(act, amount=2.0 * act.amount) if act.kind in UNITS else act


def _paid(action: Action, day_before: int) -> Action:
    """Of a window splits come first: a dividend of the day of the split is of a unit after it."""
    if action.kind == "split" or action.effective_ns <= day_before:
        return action
    return action._replace(value=action.value / 2.0)


def _answers(rule: Rule, day: int) -> Rule:
    def from_then_on(answers):
        return {
            key: _half_levels(answer) if key[0] >= day else answer
            for key, answer in answers.items()
        }

    return replace(rule, closing=from_then_on(rule.closing), opening=from_then_on(rule.opening))


def _half_levels(answer: Decision) -> Decision:
    return replace(answer, stop=answer.stop / 2.0, target=answer.target / 2.0)
