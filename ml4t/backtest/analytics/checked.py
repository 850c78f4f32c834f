"""Arguments of analyses, checked."""

from __future__ import annotations

import math

import numpy as np

from ml4t.backtest.analytics.errors import AnalysisError


def whole_number(name: str, value: object, least: int = 1) -> int:
    """Return a whole number from ``least`` on.

    Raises
    ------
    AnalysisError
    """
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= least:
        return int(value)
    raise AnalysisError(f"{name} must be a whole number from {least} on, was {value!r}")


def number(name: str, value: object) -> float:
    """Return a finite number.

    Raises
    ------
    AnalysisError
    """
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        found = float(value)
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
