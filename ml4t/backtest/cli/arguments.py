"""Words of the command line become strategies, rules, tables and settings; nothing is evaluated."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.data.features.named_indicator import INDICATORS
from ml4t.backtest.data.tables.find_files import is_there
from ml4t.backtest.data.tables.options import Table
from ml4t.backtest.provenance.rules import GROUPS, RULES
from ml4t.backtest.risk import RiskRule
from ml4t.backtest.runfile.changes import is_path
from ml4t.backtest.runfile.imports import without_init
from ml4t.backtest.runfile.text import read_scalar
from ml4t.backtest.setting_errors import SettingsError, nearest


class ArgumentError(ValueError):
    """An argument that cannot be used; the message is one sentence for the user."""


def read_value(text: str) -> Any:
    """Read a Python literal (a number, True, None, a quoted text, a list); anything else is text."""
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return text


def read_pairs(
    pairs: Iterable[str],
    option: str,
    read: Callable[[str], Any] = read_value,
    *,
    is_name: Callable[[str], bool] = str.isidentifier,
    example: str = "name=value",
) -> dict[str, Any]:
    """Read ``name=value`` pairs.

    Raises
    ------
    ArgumentError
        If one has no name, or a name comes twice.
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name = name.strip()
        if not equals or not is_name(name):
            raise ArgumentError(f"{option} must read like {example}, was {pair!r}")
        if name in values:
            raise ArgumentError(f"{option} {name} is given twice")
        values[name] = read(value)
    return values


def read_changes(pairs: Iterable[str]) -> dict[str, Any]:
    """Read ``account.initial_cash=50000``: a field of a run file, and its value as YAML has it.

    Raises
    ------
    ArgumentError
        If one is no such pair, or a field comes twice.
    """
    example = "account.initial_cash=50000"
    return read_pairs(pairs, "--set", read_scalar, is_name=is_path, example=example)


def read_tables(texts: Iterable[str] | None, option: str) -> dict[str, Table] | None:
    """Read tables written as ``path`` or ``name=path``, with the ``[column,column]`` to take behind it.

    Without a name the file's own is taken; it is what the values of a wide table are called.

    Raises
    ------
    ArgumentError
        If a name comes twice, or there is no column between the brackets.
    """
    if not texts:
        return None
    tables: dict[str, Table] = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not equals or not name.isidentifier():
            name, path = "", text
        table = read_table(path)
        name = name or Path(table.source).name.partition(".")[0]
        if name in tables:
            raise ArgumentError(f"{option}: two tables are called {name!r}; write another={path}")
        tables[name] = table
    return tables


def read_table(text: str) -> Table:
    """Read a table written as ``path`` or ``path[column,column]``.

    Raises
    ------
    ArgumentError
        If there is no column between the brackets.
    """
    match = re.fullmatch(r"(?P<path>.+?)\[(?P<columns>[^\[\]]*)\]", text)
    if match is None or is_there(text):
        return Table(text)
    columns = [name.strip() for name in match["columns"].split(",") if name.strip()]
    if not columns:
        raise ArgumentError(f"{text!r} names no column between its brackets")
    return Table(match["path"], values=columns)


def read_rule(text: str) -> RiskRule:
    """Read a built-in rule written as a call with literal arguments, ``TimeBasedExit(max_bars=20)``.

    Raises
    ------
    ArgumentError
        If it is no such call, there is no such rule, or the rule refuses its parameters.
    """
    try:
        call = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        call = None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise ArgumentError(f'--rule must read like "PriceBasedStopLoss(pct=0.05)", was {text!r}')
    name = call.func.id
    known = [one for one in RULES if one not in GROUPS]
    if name in GROUPS:
        raise ArgumentError(f"--rule: {name} has rules as members, which a run file can name")
    if name not in known:
        raise ArgumentError(f"--rule: there is no rule {name!r}; {nearest(name, known)}")
    try:
        positional = [_literal(argument) for argument in call.args]
        named = {str(word.arg): _literal(word.value) for word in call.keywords}
    except ValueError as error:
        raise ArgumentError(
            f"--rule: the arguments of {text!r} must be numbers, quoted names or indicators"
        ) from error
    try:
        return RULES[name](*positional, **named)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"--rule {text}: {without_init(name, error)}") from error


def _literal(node: ast.expr) -> Any:
    """Return a literal, and ``ATR(14)`` as the name that it is."""
    called = node.func if isinstance(node, ast.Call) else None
    if isinstance(called, ast.Name) and called.id in INDICATORS:
        return ast.unparse(node)
    return ast.literal_eval(node)


def read_config(settings: dict[str, Any]) -> BacktestConfig:
    """Make the configuration of what was given; None is what was not.

    Raises
    ------
    ArgumentError
        If a setting is unknown or out of range; it says the first.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    try:
        return BacktestConfig(**given)
    except SettingsError as error:
        raise ArgumentError(error.problems[0].sentence) from None
