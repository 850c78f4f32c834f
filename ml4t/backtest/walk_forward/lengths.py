"""Lengths of parts and gaps: a number of sessions, or a length of time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from ml4t.backtest.walk_forward.errors import WalkForwardError

Length: TypeAlias = int | str | timedelta | np.timedelta64 | pd.DateOffset
"""What is given: sessions, or time as pandas reads it."""
Read: TypeAlias = int | pd.Timedelta | pd.DateOffset
SOME_TIME = pd.Timestamp("2001-01-01")


def read_length(name: str, given: Any, *, may_be_zero: bool = False) -> Read:
    """Return a length as it is reckoned with.

    Parameters
    ----------
    name : str
        What messages call it.
    given : int, timedelta, DateOffset or str
        Sessions; or time, in words as pandas has them (``"365D"``).
    may_be_zero : bool

    Raises
    ------
    WalkForwardError
        If it is none, or is not positive.
    """
    least = "0 or more" if may_be_zero else "1 or more"
    wanted = f"{name} must be {least} sessions, or a length of time such as '30D'"
    if isinstance(given, int | np.integer) and not isinstance(given, bool | np.timedelta64):
        if given < (not may_be_zero):
            raise WalkForwardError(f"{wanted}, was {given}")
        return int(given)
    if isinstance(given, pd.DateOffset):
        if SOME_TIME + given <= SOME_TIME:
            raise WalkForwardError(f"{wanted}, was {given!r}, which does not lead ahead")
        return given
    try:
        if isinstance(given, bool | float) or given is None or _is_bare_number(given):
            raise ValueError
        length = pd.Timedelta(given)
    except (ValueError, TypeError, OverflowError) as error:
        raise WalkForwardError(f"{wanted}, was {given!r}") from error
    if length is pd.NaT or length < pd.Timedelta(0) or (not may_be_zero and not length):
        raise WalkForwardError(f"{wanted}, was {given!r}")
    return length if length else 0


def is_time(length: Read) -> bool:
    """Tell whether a length is one of time, not of sessions."""
    return not isinstance(length, int)


def _is_bare_number(given: Any) -> bool:
    # Pandas takes "5" for five nanoseconds.
    return isinstance(given, str) and given.strip().replace(".", "", 1).lstrip("+-").isdigit()
