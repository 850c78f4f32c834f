"""Parameters of trials beside one another: which are equal, and in which order an axis shows them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

CLOSE = 1e-9
"""Numbers that are no further apart are one: a table may have been a text file since."""


def key_of(parameters: Mapping[str, Any]) -> Any:
    """Return what equal parameters share: lists and arrays by what is in them, what has no value by itself."""
    return tuple((name, _key(parameters[name])) for name in sorted(parameters))


def _key(value: Any) -> Any:
    kind = type(value)
    if isinstance(value, list | tuple):
        return kind, tuple(map(_key, value))
    if isinstance(value, Mapping):
        return kind, frozenset((name, _key(one)) for name, one in value.items())
    if isinstance(value, set | frozenset):
        return kind, frozenset(value)
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return kind, value.dtype.str, value.shape, value.tobytes()
    try:
        hash(value)
    except TypeError:
        return kind, id(value)
    return kind, value


def is_alike(shown: Any, value: Any) -> bool:
    """Tell whether what a table shows is a value of a parameter, perhaps after the table has been a file."""
    if _is_missing(shown) or value is None:
        return _is_missing(shown) and _is_missing(value)
    if isinstance(value, list | tuple | np.ndarray) and isinstance(
        shown, list | tuple | np.ndarray
    ):
        return len(shown) == len(value) and all(map(is_alike, shown, value))
    if _is_number(shown) and _is_number(value):
        return math.isclose(shown, value, rel_tol=CLOSE)
    try:
        return bool(shown == value) or str(shown) == str(value)
    except (TypeError, ValueError):  # tables, say, are equal one by one
        return shown is value


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, Real) and value != value)


def axis_of(values: Sequence[Any]) -> Any:
    """Return values of a parameter as a picture has them on an axis.

    Nothing is left out: None comes last, as a text. What cannot be told from others by its hash, a list say, is what
    it reads like.
    """
    if not all(map(_can_be_a_label, values)):
        return [str(one) for one in values]
    if not any(map(_is_missing, values)):
        return list(values)
    there = [*dict.fromkeys(one for one in values if not _is_missing(one))]
    with suppress(TypeError):  # numbers beside texts stay in the order of the trials
        there.sort()
    shown = [str(one) if _is_missing(one) else one for one in values]
    missing = [one for one in shown if isinstance(one, str) and one not in there]
    return pd.Categorical(shown, categories=[*there, *dict.fromkeys(missing)], ordered=True)


def _can_be_a_label(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
