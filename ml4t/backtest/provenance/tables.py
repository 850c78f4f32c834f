"""The tables of a run as a run file names them: by path or dataset, with their options."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml4t.backtest.data.features.indicators import Indicator, split_indicators
from ml4t.backtest.data.features.named_indicator import INDICATORS
from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.data.tables.options import Table
from ml4t.backtest.data.tables.table_requests import is_path
from ml4t.backtest.provenance.classes import given_fields
from ml4t.backtest.provenance.errors import DescriptionError
from ml4t.backtest.provenance.plain_values import a_kind, plain, plain_duration, plain_time
from ml4t.backtest.provenance.run_file_fields import OPTIONS, TABLES

WRITTEN = {"start": plain_time, "end": plain_time, "bar_length": plain_duration}
"""How options are written that are no plain values."""


def describe_tables(prices: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sections ``data`` and ``features`` of a run file.

    Parameters
    ----------
    prices : path or DataFeed
    given : mapping
        The arguments of the run, those left out aside.

    Raises
    ------
    DescriptionError
        If a table is in memory, or an option cannot be written.
    """
    if isinstance(prices, DataFeed):
        given = _arguments_of_feed(prices, given)
        prices = given["prices"]
    section = {"prices": _source(prices, "prices")}
    for name in ("actions", "fine"):
        if name in given:
            section[name] = _source(given[name], name)
    for name in OPTIONS:
        if name in given:
            section[name] = WRITTEN.get(name, plain)(given[name], name)
    return {"data": section, "features": _features(given)}


def _arguments_of_feed(feed: DataFeed, given: Mapping[str, Any]) -> dict[str, Any]:
    beside = [name for name in TABLES if name in given]
    if beside:
        raise DescriptionError(f"{beside[0]} goes into the feed, not beside it")
    if feed.arguments is None:
        raise DescriptionError("the feed was not made by DataFeed.from_parquet")
    return {name: value for name, value in feed.arguments.items() if value is not None}


def in_memory(value: Any, field: str) -> str:
    """Return why a table in memory cannot be written, and what to do."""
    return (
        f"{field} is {a_kind(value)} in memory, which a file cannot hold; write it with write_dataset, and "
        "give its path"
    )


def _source(value: Any, field: str) -> dict[str, Any]:
    if isinstance(value, (str, Path)):
        return {"path": str(Path(value).expanduser().absolute())}
    if isinstance(value, Mapping) and isinstance(value.get("dataset"), str):
        return dict(plain(value, field))
    if isinstance(value, (list, tuple)) and all(isinstance(item, (str, Path)) for item in value):
        raise DescriptionError(
            f"{field} is a list of paths, and a file can hold one; put the files into one folder, and give that"
        )
    raise DescriptionError(in_memory(value, field))


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
        option.name: plain_duration(getattr(item, option.name), f"{field}.{option.name}")
        for option in dataclasses.fields(item)
        if option.name != "source" and getattr(item, option.name) != option.default
    }
    return {**_source(item.source, field), **options}


def _indicator(name: str, made: Indicator) -> dict[str, Any]:
    kind = type(made).__name__
    if INDICATORS.get(kind) is not type(made):
        raise DescriptionError(
            f"features: {kind} is no built-in indicator, which alone a file can name"
        )
    own_name = {} if name == made.name else {"name": name}
    given = getattr(made, "parameters", None) or given_fields(made)
    return {"indicator": kind, **own_name, **plain(given, f"features.{name}")}
