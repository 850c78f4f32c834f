"""The same past with another future, and the past alone."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from reference.generator import Case, random_case
from reference.records import Outcome
from reference.rules import Rule
from reference.variants import rewritten


def cut(case: Case, until: int) -> Case:
    """The case as if the data ended after timestamp `until`."""
    market = case.market
    keep = {key: bar for key, bar in market.bars.items() if key[0] <= until}
    shorter = replace(market, timestamps=market.timestamps[: until + 1], bars=keep)
    return replace(case, market=shorter)


def silent_after(case: Case, out: Outcome, t: int) -> Case:
    """The case, answering nothing that it is told after the bars of timestamp t: there the data of a
    cut may end, and what is left is told at once."""
    batch = {"what": "batch", "timestamp": case.market.timestamps[t]}
    before = out.told[: out.told.index(batch)]
    n_told = sum(row["what"] in ("fill", "order") for row in before)
    replies = {number: act for number, act in case.script.replies.items() if number <= n_told}
    return replace(case, script=replace(case.script, replies=replies))


def changed_after(case: Case, t: int, rng: Random) -> Case:
    """Everything later than timestamp t is another world: bars, columns, actions, acts, answers."""
    while True:
        other = random_case(rng)
        # What is negative is known from the start, so it does not become so.
        if len(other.market.assets) >= len(case.market.assets) and not other.market.negative:
            break
    market, times = case.market, case.market.timestamps
    n_assets = len(market.assets)
    bars = {key: bar for key, bar in market.bars.items() if key[0] <= t}
    for (row, asset), bar in other.market.bars.items():
        if t < row < len(times) and asset < n_assets:
            bars[row, asset] = bar
    # A label of a regime is one that rules know.
    unknown = {name: 1.0 if name == "bars" else 0.5 for name in market.columns}
    columns = {
        name: {
            key: values.get(key, unknown[name]) if key[0] <= t else unknown[name] for key in bars
        }
        for name, values in market.columns.items()
    }
    context = {
        name: {row: value if row <= t else 0.5 for row, value in values.items()}
        for name, values in market.context.items()
    }
    actions = [action for action in market.actions if action.effective_ns <= times[t]]
    known = replace(
        case,
        market=replace(
            market,
            timestamps=times,
            bars=bars,
            columns=columns,
            actions=actions,
            context=context,
            fine={
                asset: [(time, bar) for time, bar in fine if time <= times[t]]
                for asset, fine in market.fine.items()
            },
        ),
        script=replace(
            case.script, acts={row: acts for row, acts in case.script.acts.items() if row <= t}
        ),
    )
    return rewritten(known, rule=lambda rule: _forget(rule, t))


def _forget(rule: Rule, t: int) -> Rule:
    return replace(
        rule,
        closing={key: value for key, value in rule.closing.items() if key[0] <= t},
        opening={key: value for key, value in rule.opening.items() if key[0] <= t},
    )
