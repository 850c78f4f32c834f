"""Words of the command line become strategies, rules, tables and settings; nothing is evaluated."""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import re
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from ml4t.backtest import risk
from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.data.options import Table
from ml4t.backtest.risk import RiskRule, rules
from ml4t.backtest.strategy.strategy import CompiledStrategy, Strategy


class ArgumentError(ValueError):
    """An argument that cannot be used; the message is one sentence for the user."""


def read_value(text: str) -> Any:
    """Read a Python literal (a number, True, None, a quoted text, a list); anything else is text."""
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return text


def read_pairs(pairs: Iterable[str], option: str) -> dict[str, Any]:
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
        if not equals or not name.isidentifier():
            raise ArgumentError(f"{option} must read like name=value, was {pair!r}")
        if name in values:
            raise ArgumentError(f"{option} {name} is given twice")
        values[name] = read_value(value)
    return values


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
        table = _read_table(path)
        name = name or Path(table.source).name.partition(".")[0]
        if name in tables:
            raise ArgumentError(f"{option}: two tables are called {name!r}; write another={path}")
        tables[name] = table
    return tables


def _read_table(text: str) -> Table:
    match = re.fullmatch(r"(?P<path>.+?)\[(?P<columns>[^\[\]]*)\]", text)
    if match is None or Path(text).exists():
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
    if name not in rules.__all__:
        raise ArgumentError(f"--rule: there is no rule {name!r}; {_near(name, rules.__all__)}")
    try:
        positional = [ast.literal_eval(argument) for argument in call.args]
        named = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    except ValueError as error:
        raise ArgumentError(
            f"--rule: the arguments of {text!r} must be numbers or quoted names"
        ) from error
    try:
        return getattr(risk, name)(*positional, **named)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"--rule {text}: {_without_init(name, error)}") from error


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
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        sentence = first["msg"].removeprefix("Value error, ")
        raise ArgumentError(sentence if where in sentence else f"{where}: {sentence}") from error


def load_strategy(spec: str, parameters: dict[str, Any]) -> Strategy:
    """Make the strategy that ``module:Class`` or ``path/file.py:Class`` names.

    Raises
    ------
    ArgumentError
        If there is no such module or class, it is no strategy, or it refuses its parameters.
    """
    where, colon, name = spec.rpartition(":")
    if not colon or not where or not name:
        raise ArgumentError(
            f"--strategy must read like module:Class or file.py:Class, was {spec!r}"
        )
    module = _import(where)
    kind = getattr(module, name, None)
    if kind is None:
        raise ArgumentError(
            f"--strategy: {where} has no {name!r}; {_near(name, _strategies(module))}"
        )
    if not isinstance(kind, type) or not issubclass(kind, Strategy):
        raise ArgumentError(f"--strategy: {spec} is not a subclass of ml4t.backtest.Strategy")
    try:
        return kind(**parameters)
    except Exception as error:
        raise ArgumentError(
            f"--strategy: {name} cannot be made: {_without_init(name, error)}"
        ) from error


def place_of(error: BaseException) -> str:
    """Return `` [file.py, line 12]`` of where an exception arose in the user's own code, if it did."""
    frames = traceback.extract_tb((error.__cause__ or error).__traceback__)
    own = [frame for frame in frames if _is_own(Path(frame.filename))]
    return f" [{Path(own[-1].filename).name}, line {own[-1].lineno}]" if own else ""


def _is_own(path: Path) -> bool:
    others = [Path(__file__).parents[1], *map(Path, sysconfig.get_paths().values())]
    return path.suffix == ".py" and path.exists() and not any(map(path.is_relative_to, others))


def _import(where: str) -> ModuleType:
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        return (
            _import_file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
        )
    except ModuleNotFoundError as error:
        if error.name is None or not f"{where}.".startswith(f"{error.name}."):
            raise ArgumentError(f"--strategy: {where} cannot be imported: {error}") from error
        raise ArgumentError(
            f"--strategy: there is no module {where!r} here or among the installed packages"
        ) from error
    except ArgumentError:
        raise
    except Exception as error:
        raise ArgumentError(
            f"--strategy: {where} cannot be imported: {type(error).__name__}: {error}{place_of(error)}"
        ) from error


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ArgumentError(f"--strategy: there is no file {path}")
    name = f"strategy_file_{path.stem}"  # of its own, so that numpy.py hides nobody
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ArgumentError(f"--strategy: {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # what dataclasses and pickle look a class's module up in
    spec.loader.exec_module(module)
    return module


def _strategies(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Strategy)
        and value not in (Strategy, CompiledStrategy)
    ]


def _near(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"there are {', '.join(known)}" if known else "there are none"


def _without_init(name: str, error: Exception) -> str:
    return str(error).replace(f"{name}.__init__()", name).removeprefix(f"{name}: ")
