"""The stop that the rules would arm for a position opened now (semantics 3, sizing by risk)."""

from __future__ import annotations

from reference import inputs, levels
from reference.positions import Position, RuleState

UNITS = 1e-9
STOPS = ("stop_loss", "trailing_stop", "scripted")


def may_arm_a_stop(book, asset: int) -> bool:
    rules = [rule for rule in book.rules.values() if rule.applies_to(asset)]
    return any(one.kind in STOPS for rule in rules for one in (rule, *rule.members))


def opening_stop(book, asset: int, side: float, price: float) -> float:
    """NaN: none."""
    position = Position(
        number=0,
        asset=asset,
        sign=side,
        quantity=side * UNITS,
        entry=price,
        basis=price,
        water=price,
        best=price,
        worst=price,
        opened_t=book.t,
        opened_at="close",
        entry_time=book.now,
        entry_decision_t=book.t,
        entry_decision_time=book.now,
        entered=UNITS,
    )
    if book.bar(asset) is not None:
        inputs.read(book, position, book.t, book.t)
    else:
        inputs.read(book, position, book.t, book.row_before[asset], book.since[asset])
    for index, rule in book.rules.items():
        if rule.applies_to(asset):
            state = RuleState()
            state.members = [RuleState() for _ in rule.members]
            position.states[index] = state
            levels.give_levels(rule, state, position, book.settings, None, book.wrong)
    return book.stop_and_target(position)[0]
