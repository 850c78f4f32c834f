"""Inputs of rules: columns that belong to the position once they have had a value, or are read anew (semantics 4)."""

from __future__ import annotations

from math import isnan

from reference import levels
from reference.market import NAN
from reference.positions import Position, RuleState
from reference.rules import Rule


def read(book, position: Position, t: int, row: int, since=(1.0, 0.0)) -> None:
    """Freeze the columns that have a value now and had none so far, and read those that are live. `since`: splits and dividends of
    the asset since its row."""
    if book.wrong("rows_with_holes_not_read") and _has_hole(book, position.asset, row):
        return
    for one in book.inputs:
        column = one.column
        value = book.market.value(column, t, position.asset, row)
        live = one.live and not (one in position.inputs and book.wrong("live_inputs_frozen"))
        frozen = one in position.inputs and not live and not book.wrong("inputs_not_frozen")
        if live and isnan(value) and not book.wrong("live_inputs_last"):
            position.inputs.pop(one, None)
        elif not frozen and not isnan(value):
            splits, paid = (1.0, 0.0) if column in book.market.context else since
            position.inputs[one] = (
                value,
                splits,
                position.split_ratio,
                position.dividend_sum - paid,
            )
            if (splits, paid) != (1.0, 0.0) and _prices(book, column):
                book.met("opened_on_the_day_of_an_action_by_a_price_of_the_row_before")
            _count_found(book, position, column)


def warn_missing(book, index: int, state: RuleState, position: Position) -> None:
    """One event for a rule whose column has no valid value when it is asked."""
    rule: Rule = book.rules[index]
    if rule.kind == "regime":
        _warn_of_regimes(book, index, state, position)
        return
    if rule.kind == "scaled":
        _warn_of_parts(book, index, rule, state, position)
        return
    _warn_of_columns(book, index, rule, state, position)


def _warn_of_columns(book, index: int, rule: Rule, state: RuleState, position: Position) -> None:
    """One event while what the rule reads has no valid value; it names all its columns."""
    if rule.columns and not state.warned and isnan(levels.parameter(rule, position)):
        state.warned = True
        if len(rule.columns) > 1:
            book.met("one_of_several_columns_missing")
        book.event(position.asset, "nan_input", 0, " or ".join(rule.columns), rule=index)


def _warn_of_regimes(book, index: int, state: RuleState, position: Position) -> None:
    """One event while no regime is known, and one for each member without its value."""
    rule: Rule = book.rules[index]
    state.members = state.members or [RuleState() for _ in rule.members]
    if levels.regime_of(rule, state, position, book.wrong) < 0 and not state.told:
        state.told = True
        book.met("regime_not_known")
        book.event(position.asset, "nan_input", 0, rule.column, rule=index)
    for member, said in zip(rule.members, state.members, strict=True):
        if member.kind == "scaled":
            _warn_of_parts(book, index, member, said, position)
        _warn_of_columns(book, index, member, said, position)


def _warn_of_parts(book, index: int, rule: Rule, state: RuleState, position: Position) -> None:
    """One event for each target that has less to close than an order can have."""
    state.members = state.members or [RuleState() for _ in rule.members]
    for member, said in zip(rule.members, state.members, strict=True):
        passed_by = member.part > 0.0 and not (said.done or said.warned)
        if passed_by and levels.units_of_part(member.part, said, position, book.settings) == 0.0:
            said.warned = True
            book.met("scaled_passed_by")
            units = member.part * position.largest - said.closed
            if not book.wrong("targets_passed_by_in_silence"):
                book.event(
                    position.asset, "passed_over", 0, "zero_quantity", units, 0.0, rule=index
                )
        _warn_of_columns(book, index, member, said, position)


def _has_hole(book, asset: int, row: int) -> bool:
    return any(isnan(column.get((row, asset), NAN)) for column in book.market.columns.values())


def _count_found(book, position: Position, column: str) -> None:
    if position.dividend_sum > 0.0 and _prices(book, column):
        book.met("price_read_after_a_dividend")
    for index, state in position.states.items():
        if state.warned and index in book.rules and column in book.rules[index].columns:
            book.met("nan_input_found_later")


def _prices(book, column: str) -> bool:
    """Whether a rule reads the column as a price."""
    return any(rule.column == column and rule.form == "price" for rule in book.rules.values())
