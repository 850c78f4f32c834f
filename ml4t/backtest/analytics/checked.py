"""Arguments of analyses, checked."""

from __future__ import annotations

import math

import numpy as np

from ml4t.backtest.analytics.errors import AnalysisError

MOST = 2**31 - 1
"""What the libraries below count with."""


def whole_number(name: str, value: object, least: int = 1) -> int:
    """Return a whole number from ``least`` on, one that 32 bits hold.

    Raises
    ------
    AnalysisError
    """
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise AnalysisError(f"{name} must be a whole number from {least} on, was {value!r}")
    if value > MOST:
        raise AnalysisError(f"{name} must be at most {MOST:,}")
    return int(value)


def number(name: str, value: object) -> float:
    """Return a finite number.

    Raises
    ------
    AnalysisError
    """
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        try:
            found = float(value)
        except OverflowError:  # a whole number of 309 digits
            found = math.inf
        if math.isfinite(found):
            return found
    raise AnalysisError(f"{name} must be a finite number, was {value!r}")


def positive(name: str, value: object) -> float:
    """Return a finite number above 0.

    Raises
    ------
    AnalysisError
    """
    found = number(name, value)
    if found <= 0.0:
        raise AnalysisError(f"{name} must be above 0, was {value!r}")
    return found
