"""Python objects as the content of a run file, or a sentence that says why they cannot be."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.data.indicators import Indicator
from ml4t.backtest.data.options import Table
from ml4t.backtest.data.requests import is_path, split_indicators
from ml4t.backtest.risk.rule import FunctionRule, RiskRule, as_rule
from ml4t.backtest.runfile.errors import RunFileError, nearest
from ml4t.backtest.runfile.imports import FILE_MODULE
from ml4t.backtest.runfile.named import INDICATORS, RULES, given_fields
from ml4t.backtest.runfile.sections import ACCOUNT, EXECUTION, Data

ROOMS = ("signals", "features", "context")
OPTIONS = [name for name in Data.model_fields if name not in ("prices", "actions")]
ARGUMENTS = (*ROOMS, "actions", "rules", "config", "output", *OPTIONS)


def describe_run(prices: Any, strategy: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of the run file; see :meth:`RunFile.from_python`."""
    for name in arguments:
        if name not in ARGUMENTS:
            raise RunFileError(f"a run file has no place for {name}; {nearest(name, ARGUMENTS)}")
    given = {name: value for name, value in arguments.items() if value is not None}
    data = {"prices": _source(prices, "prices")}
    if "actions" in given:
        data["actions"] = _source(given["actions"], "actions")
    data |= {name: plain(given[name], name) for name in OPTIONS if name in given}
    config = given.get("config", BacktestConfig())
    content: dict[str, Any] = {
        "data": data,
        "features": _features(given),
        "strategy": {
            "class": class_spec(type(strategy), "strategy"),
            "parameters": parameters_of(strategy, "strategy"),
        },
        "risk": {"rules": [_rule_for(rule, i) for i, rule in enumerate(given.get("rules", ()))]},
        "execution": {name: getattr(config, name) for name in EXECUTION},
        "account": {new: getattr(config, old) for old, new in ACCOUNT.items()},
        "output": {"record_columns": config.record_columns},
    }
    if "output" in given:
        content["output"]["folder"] = given["output"]
    return content


def class_spec(kind: type, field: str) -> str:
    """Return ``module:Class``, or ``file.py:Class`` for what was loaded from a file.

    Raises
    ------
    RunFileError
        If the class is in no module: in a function, or in the script that runs.
    """
    module = sys.modules.get(kind.__module__)
    if "." in kind.__qualname__ or getattr(module, kind.__name__, None) is not kind:
        raise RunFileError(
            f"{field}: {kind.__name__} is made inside {kind.__qualname__.rpartition('.')[0] or 'a program'}, "
            "where a file cannot find it; put it at the top of a module"
        )
    if kind.__module__ == "__main__":
        raise RunFileError(
            f"{field}: {kind.__name__} is in the script that runs, which a file cannot name; put it in a module"
        )
    if kind.__module__.startswith(FILE_MODULE):
        return f"{inspect.getfile(kind)}:{kind.__name__}"
    return f"{kind.__module__}:{kind.__name__}"


def parameters_of(made: Any, field: str) -> dict[str, Any]:
    """Return what the class of `made` has to be called with to make it again.

    They are its property ``parameters``, if it has one, or its attributes with the names of the
    parameters of ``__init__``.

    Raises
    ------
    RunFileError
        If there is no such attribute, or it is not what the class was called with.
    """
    kind = type(made)
    if hasattr(kind, "parameters"):
        return plain(made.parameters, f"{field}.parameters")
    given = _attributes(made, field)
    again = _attributes(kind(**given), field)
    for name, value in given.items():
        if again[name] != value:
            raise RunFileError(
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
            raise RunFileError(
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
    RunFileError
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
    raise RunFileError(f"{field} is {_kind(value)}, which a file cannot hold")


def _kind(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _source(value: Any, field: str) -> dict[str, Any]:
    if isinstance(value, (str, Path)):
        return {"path": str(value)}
    if isinstance(value, Mapping) and "dataset" in value:
        return dict(value)
    raise RunFileError(
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
        option.name: getattr(item, option.name)
        for option in dataclasses.fields(item)
        if option.name != "source" and getattr(item, option.name) != option.default
    }
    return {**_source(item.source, field), **options}


def _indicator(name: str, made: Indicator) -> dict[str, Any]:
    kind = type(made).__name__
    if INDICATORS.get(kind) is not type(made):
        raise RunFileError(
            f"features: {kind} is no built-in indicator, which alone a file can name"
        )
    own_name = {} if name == made.name else {"name": name}
    return {"indicator": kind, **own_name, **given_fields(made)}


def _rule_for(given: Any, place: int) -> dict[str, Any]:
    """Describe a rule, or a rule and the assets it is for."""
    field = f"rules[{place}]"
    if isinstance(given, tuple):
        rule, assets = given
        names = [assets] if isinstance(assets, str) else list(assets)
        return {**describe_rule(as_rule(rule), field), "assets": names}
    return describe_rule(as_rule(given), field)


def describe_rule(rule: RiskRule, field: str) -> dict[str, Any]:
    """Return a rule by its name and parameters, members within.

    Raises
    ------
    RunFileError
        If it is a function, or of a class that a file cannot name.
    """
    if isinstance(rule, FunctionRule):
        raise RunFileError(
            f"{field}: {rule.name} is a function, and a file can name classes only; make it a subclass of "
            "RiskRule in a module"
        )
    kind = type(rule)
    built_in = RULES.get(kind.__name__) is kind
    name = kind.__name__ if built_in else class_spec(kind, field)
    if not dataclasses.is_dataclass(rule):
        return {"rule": name, **parameters_of(rule, field)}
    given = given_fields(rule)
    members: Iterable[RiskRule] = given.pop("rules", ())
    content = {"rule": name, **plain(given, field)}
    if members:
        content["rules"] = [
            describe_rule(member, f"{field}.rules[{place}]") for place, member in enumerate(members)
        ]
    return content
