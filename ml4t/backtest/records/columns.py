"""Columns of frames from columns of records: times and names, without a loop over rows."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd


def frame_of_columns(columns: Mapping[str, Any]) -> pd.DataFrame:
    """Make a frame of arrays; a zero in it has no sign (semantics section 10)."""
    return pd.DataFrame(
        {name: _without_signed_zeros(column) for name, column in columns.items()}, copy=False
    )


def _without_signed_zeros(column: Any) -> Any:
    # -0.0 + 0.0 is 0.0, and no other number changes.
    is_float = isinstance(column, np.ndarray) and column.dtype.kind == "f"
    return column + 0.0 if is_float else column


def times(nanoseconds: np.ndarray) -> pd.DatetimeIndex:
    """Read int64 nanoseconds UTC as aware datetimes, sharing memory; the smallest int64 is NaT."""
    return pd.DatetimeIndex(np.ascontiguousarray(nanoseconds), tz="UTC", copy=False)


def category_dtype(categories: Sequence[Any], kind: type = str) -> pd.CategoricalDtype:
    """Return the type of a column of names; without any name it is one of ``kind`` all the same."""
    return pd.CategoricalDtype(pd.Index(categories, dtype=None if len(categories) else kind))


class Labels:
    """The names behind integer codes, as the categories of a column.

    Parameters
    ----------
    names : sequence
        The name of code 0, 1, ...; the empty string means "none" and becomes a missing value, and so
        does the code -1. Two codes may share a name.
    """

    def __init__(self, names: Sequence[Any]) -> None:
        self._names = tuple(names)
        categories = list(dict.fromkeys(name for name in names if name != ""))
        position = {name: i for i, name in enumerate(categories)}
        self._dtype = category_dtype(categories)
        # One element more than there are codes: the code -1 finds it, and with it "missing".
        self._position = np.array([position.get(name, -1) for name in names] + [-1], dtype=np.int32)
        # Types of pandas take longer to make than most columns: those that come again are kept.
        self._occurring = lru_cache(maxsize=8)(self._of_seen)

    def __reduce__(self) -> tuple[Any, ...]:
        return Labels, (self._names,)  # what is kept of types is made anew

    def column(self, codes: np.ndarray) -> pd.Categorical:
        """Return the names of ``codes`` (integers or booleans) as a categorical column.

        Its categories are the names that occur, in the order of their codes.
        """
        codes = codes.view(np.int8) if codes.dtype == np.bool_ else codes
        seen = np.zeros(len(self._position), np.bool_)
        seen[codes] = True
        place, dtype = self._occurring(seen.tobytes())
        return pd.Categorical.from_codes(place[codes], dtype=dtype, validate=False)

    def _of_seen(self, seen: bytes) -> tuple[np.ndarray, pd.CategoricalDtype]:
        """Return, of the codes that were seen, each one's place among the categories that occur."""
        categories = self._dtype.categories
        occurring = np.unique(self._position[np.frombuffer(seen, np.bool_)])
        occurring = occurring[occurring >= 0]
        n = len(occurring)
        place = np.full(len(categories) + 1, -1, np.min_scalar_type(-max(1, n)))
        place[occurring] = np.arange(n)
        dtype = self._dtype if n == len(categories) else pd.CategoricalDtype(categories[occurring])
        return place[self._position], dtype
