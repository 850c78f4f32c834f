"""A run made in Python as the content of a run file, or a sentence that says why it cannot be."""

from __future__ import annotations

import dataclasses
import datetime
import inspect
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest import data, risk
from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.data.features.indicators import Indicator, split_indicators
from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.data.tables.options import Table
from ml4t.backtest.data.tables.table_requests import is_path
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.risk import RiskRule, rules
from ml4t.backtest.risk.rule import FunctionRule, as_rule

GROUPS = ("AllOf", "AnyOf", "CompositeRule")
RULES: dict[str, type[RiskRule]] = {name: getattr(risk, name) for name in (*rules.__all__, *GROUPS)}
INDICATORS: dict[str, type[Indicator]] = {
    name: kind
    for name, kind in ((name, getattr(data, name)) for name in data.__all__)
    if isinstance(kind, type) and issubclass(kind, Indicator) and kind is not Indicator
}
FILE_MODULE = "strategy_file_"
"""Modules made from files have names of their own, so that numpy.py hides nobody."""

ACCOUNT = {"initial_cash": "initial_cash", "account": "kind", "max_leverage": "max_leverage"}
"""Settings of ``BacktestConfig`` that stand under ``account``, and what they are called there."""
EXECUTION = [
    name for name in BacktestConfig.model_fields if name not in {*ACCOUNT, "record_columns"}
]

ROOMS = ("signals", "features", "context")
OF_A_FEED = ("chunk", "start", "end", "values", "prefetch")
"""Options of tables that only a feed has."""
OPTIONS = ("assets", "columns", "bar_time", "timezone", "sort", "on_violation", *OF_A_FEED)
TABLES = (*ROOMS, "actions", *OPTIONS)
ARGUMENTS = (*TABLES, "rules", "config", "output")


class DescriptionError(ValueError):
    """Something of a run that no file can hold."""


def describe_run(
    prices: Any, strategy: Mapping[str, Any], arguments: Mapping[str, Any], *, again: bool = True
) -> dict[str, Any]:
    """Return the content of the run file.

    Parameters
    ----------
    prices : path or DataFeed
    strategy : mapping
        What :func:`describe_strategy` returns.
    arguments : mapping
        Those of :data:`ARGUMENTS` that were given; see ``RunFile.from_python``.
    again : bool
        As in :func:`parameters_of`, for rules.

    Raises
    ------
    DescriptionError
        If something cannot be written to a file.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    content = {**_tables_of(prices, given), "strategy": dict(strategy)}
    config = given.get("config", BacktestConfig())
    settings = config.model_dump(mode="json")
    content["risk"] = {
        "rules": [_rule_for(rule, i, again) for i, rule in enumerate(given.get("rules", ()))]
    }
    content["execution"] = {name: settings[name] for name in EXECUTION}
    content["account"] = {new: settings[old] for old, new in ACCOUNT.items()}
    content["output"] = {"record_columns": settings["record_columns"]}
    if "output" in given:
        content["output"]["folder"] = str(given["output"])
    return content


def describe_strategy(strategy: Any, *, again: bool = True) -> dict[str, Any]:
    """Return the class of a strategy, and what it has to be called with; see :func:`parameters_of`."""
    return {
        "class": class_spec(type(strategy), "strategy"),
        "parameters": parameters_of(strategy, "strategy", again=again),
    }


def described_or_why_not(
    prices: Any, strategy: Any, arguments: Mapping[str, Any]
) -> dict[str, Any] | str:
    """Return the content of the run file of a run that is about to begin, or why there is none.

    Nothing is made anew for it, and whatever the strategy's own attributes raise stops no run.
    """
    if isinstance(prices, MarketData):  # the shortest runs begin so: nothing is looked at
        return _in_memory(prices, "prices")
    try:
        if arguments.get("risk_manager") is not None:
            raise DescriptionError(
                "a file cannot hold a risk manager; give run_backtest its rules as rules="
            )
        tables = {name: value for name, value in arguments.items() if name != "risk_manager"}
        described = describe_strategy(strategy, again=False)
        content = describe_run(prices, described, tables, again=False)
        return {**content, "modules": str(_module_folder(type(strategy)))}
    except Exception as error:
        return str(error) or type(error).__name__


def _module_folder(kind: type) -> Path:
    """Return the folder from which the module of a class is imported."""
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    if file is None or kind.__module__.startswith(FILE_MODULE):
        return Path.cwd()
    path = Path(file).absolute()
    path = path.parent if path.name == "__init__.py" else path
    return path.parents[kind.__module__.count(".")]


def _tables_of(prices: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sections of data and features."""
    if isinstance(prices, DataFeed):
        beside = [name for name in TABLES if name in given]
        if beside:
            raise DescriptionError(f"{beside[0]} goes into the feed, not beside it")
        if prices.arguments is None:
            raise DescriptionError("the feed was not made by DataFeed.from_parquet")
        given = {name: value for name, value in prices.arguments.items() if value is not None}
        prices = given["prices"]
    section = {"prices": _source(prices, "prices")}
    if "actions" in given:
        section["actions"] = _source(given["actions"], "actions")
    for name in OPTIONS:
        if name in given:
            is_time = name in ("start", "end")
            section[name] = _time(given[name], name) if is_time else plain(given[name], name)
    return {"data": section, "features": _features(given)}


def _time(value: Any, field: str) -> Any:
    """Return a date as a date, which means the whole of it, and any other time as the instant it is."""
    if isinstance(value, str) and re.match(r"\s*\d{4}-\d{2}-\d{2}", value):
        return value
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value.isoformat()
    try:
        return pd.Timestamp(value).isoformat()
    except (ValueError, TypeError):
        return plain(value, field)


def class_spec(kind: type, field: str) -> str:
    """Return ``module:Class``, or ``file.py:Class`` for what was loaded from a file.

    Raises
    ------
    DescriptionError
        If the class is in no module: in a function, or in the script that runs.
    """
    module = sys.modules.get(kind.__module__)
    if "." in kind.__qualname__ or getattr(module, kind.__name__, None) is not kind:
        raise DescriptionError(
            f"{field}: {kind.__name__} is made inside {kind.__qualname__.rpartition('.')[0] or 'a program'}, "
            "where a file cannot find it; put it at the top of a module"
        )
    if kind.__module__ == "__main__":
        raise DescriptionError(
            f"{field}: {kind.__name__} is in the script that runs, which a file cannot name; put it in a module"
        )
    if kind.__module__.startswith(FILE_MODULE):
        return f"{inspect.getfile(kind)}:{kind.__name__}"
    return f"{kind.__module__}:{kind.__name__}"


def parameters_of(made: Any, field: str, *, again: bool = True) -> dict[str, Any]:
    """Return what the class of `made` has to be called with to make it again.

    They are its property ``parameters``, if it has one, or its attributes with the names of the
    parameters of ``__init__``.

    Parameters
    ----------
    made : object
    field : str
        Where it stands, for messages.
    again : bool
        Make another one with them, and see whether its attributes are the same.

    Raises
    ------
    DescriptionError
        If there is no such attribute, or it is not what the class was called with.
    """
    kind = type(made)
    if hasattr(kind, "parameters"):
        return plain(made.parameters, f"{field}.parameters")
    given = _attributes(made, field)
    other = _attributes(kind(**given), field) if again else given
    for name, value in given.items():
        if other.get(name, value) != value:
            raise DescriptionError(
                f"{field}: {kind.__name__}.{name} is not what {kind.__name__} was called with; keep that, or give "
                "the class a property `parameters`"
            )
    return given


def _attributes(made: Any, field: str) -> dict[str, Any]:
    kind = type(made)
    if kind.__init__ is object.__init__:
        return {}
    given = {}
    for name, parameter in inspect.signature(kind).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if not hasattr(made, name):
            raise DescriptionError(
                f"{field}: {kind.__name__} keeps no attribute {name!r}, so what it was called with is unknown; "
                "keep it, or give the class a property `parameters`"
            )
        value = plain(getattr(made, name), f"{field}.parameters.{name}")
        default = parameter.default
        if default is parameter.empty or type(value) is not type(default) or value != default:
            given[name] = value
    return given


def plain(value: Any, field: str) -> Any:
    """Return `value` as numbers, texts, lists and mappings.

    Raises
    ------
    DescriptionError
        If it is something else.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{field}[{place}]") for place, item in enumerate(value)]
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {name: plain(item, f"{field}.{name}") for name, item in value.items()}
    raise DescriptionError(f"{field} is {_kind(value)}, which a file cannot hold")


def _kind(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _source(value: Any, field: str) -> dict[str, Any]:
    if isinstance(value, (str, Path)):
        return {"path": str(Path(value).expanduser().absolute())}
    if isinstance(value, Mapping) and isinstance(value.get("dataset"), str):
        return dict(plain(value, field))
    if isinstance(value, (list, tuple)) and all(isinstance(item, (str, Path)) for item in value):
        raise DescriptionError(
            f"{field} is a list of paths, and a file can hold one; put the files into one folder, and give that"
        )
    raise DescriptionError(_in_memory(value, field))


def _in_memory(value: Any, field: str) -> str:
    return (
        f"{field} is {_kind(value)} in memory, which a file cannot hold; write it with write_dataset, and "
        "give its path"
    )


def _features(given: Mapping[str, Any]) -> dict[str, Any]:
    tables, indicators = split_indicators(given.get("features"))
    content: dict[str, Any] = {
        "signals": _tables(given.get("signals"), "signals"),
        "features": _tables(tables, "features"),
        "context": _tables(given.get("context"), "context"),
    }
    if indicators:
        content["indicators"] = [_indicator(*item) for item in indicators.items()]
    return content


def _tables(given: Any, field: str) -> list[dict[str, Any]]:
    if given is None:
        return []
    if isinstance(given, Mapping) and "dataset" not in given:
        return [
            {**_table(item, f"{field}[{name!r}]"), "name": str(name)}
            for name, item in given.items()
        ]
    items = given if isinstance(given, (list, tuple)) else [given]
    return [_table(item, f"{field}[{place}]") for place, item in enumerate(items)]


def _table(item: Any, field: str) -> dict[str, Any]:
    if isinstance(item, str) and not is_path(item):
        return {"column": item}
    if not isinstance(item, Table):
        return _source(item, field)
    options = {
        option.name: _table_option(getattr(item, option.name), f"{field}.{option.name}")
        for option in dataclasses.fields(item)
        if option.name != "source" and getattr(item, option.name) != option.default
    }
    return {**_source(item.source, field), **options}


def _table_option(value: Any, field: str) -> Any:
    if isinstance(value, (datetime.timedelta, np.timedelta64)):
        return f"{pd.Timedelta(value).as_unit('ns').value}ns"
    return plain(value, field)


def _indicator(name: str, made: Indicator) -> dict[str, Any]:
    kind = type(made).__name__
    if INDICATORS.get(kind) is not type(made):
        raise DescriptionError(
            f"features: {kind} is no built-in indicator, which alone a file can name"
        )
    own_name = {} if name == made.name else {"name": name}
    return {"indicator": kind, **own_name, **plain(given_fields(made), f"features.{name}")}


def _rule_for(given: Any, place: int, again: bool) -> dict[str, Any]:
    """Describe a rule, or a rule and the assets it is for."""
    field = f"rules[{place}]"
    if isinstance(given, tuple):
        rule, assets = given
        names = [assets] if isinstance(assets, str) else list(assets)
        described = describe_rule(as_rule(rule), field, again=again)
        return {**described, "assets": plain(names, f"{field}.assets")}
    return describe_rule(as_rule(given), field, again=again)


def describe_rule(rule: RiskRule, field: str, *, again: bool = True) -> dict[str, Any]:
    """Return a rule by its name and parameters, members within.

    Raises
    ------
    DescriptionError
        If it is a function, or of a class that a file cannot name.
    """
    if isinstance(rule, FunctionRule):
        raise DescriptionError(
            f"{field}: {rule.name} is a function, and a file can name classes only; make it a subclass of "
            "RiskRule in a module"
        )
    kind = type(rule)
    built_in = RULES.get(kind.__name__) is kind
    name = kind.__name__ if built_in else class_spec(kind, field)
    if not hasattr(kind, "__dataclass_fields__"):
        return {"rule": name, **parameters_of(rule, field, again=again)}
    given = given_fields(rule)
    members: Iterable[RiskRule] = given.pop("rules", ())
    content = {"rule": name, **plain(given, field)}
    if members:
        content["rules"] = [
            describe_rule(member, f"{field}.rules[{place}]", again=again)
            for place, member in enumerate(members)
        ]
    return content


def given_fields(made: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that are not at their defaults, nor the name of its class."""
    fields = [
        (field, getattr(made, field.name)) for field in dataclasses.fields(made) if field.init
    ]
    return {
        field.name: value
        for field, value in fields
        if value != field.default and not (field.name == "name" and value == type(made).__name__)
    }
