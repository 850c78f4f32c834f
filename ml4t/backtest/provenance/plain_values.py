"""Values as a file can hold them: numbers, texts, lists and mappings."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.provenance.errors import DescriptionError


def plain(value: Any, field: str) -> Any:
    """Return `value` as numbers, texts, lists and mappings.

    Parameters
    ----------
    value : object
    field : str
        Where it stands, for messages.

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
    raise DescriptionError(f"{field} is {a_kind(value)}, which a file cannot hold")


def plain_time(value: Any, field: str) -> Any:
    """Return a date as a date, which means the whole of it, and any other time as the instant it is."""
    if isinstance(value, str) and re.match(r"\s*\d{4}-\d{2}-\d{2}", value):
        return value
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value.isoformat()
    try:
        return pd.Timestamp(value).isoformat()
    except (ValueError, TypeError):
        return plain(value, field)


def plain_duration(value: Any, field: str) -> Any:
    """Return a length of time as text, to the nanosecond; anything else as :func:`plain`."""
    if isinstance(value, (datetime.timedelta, np.timedelta64)):
        return f"{pd.Timedelta(value).as_unit('ns').value}ns"
    return plain(value, field)


def a_kind(value: Any) -> str:
    """Return ``a DataFrame``, ``an object``: what a value is, for messages."""
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
