"""Measures as JSON has them: finite numbers, texts, None."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.analytics.years import DAY


def as_json(measures: Mapping[str, Any], text_of: Callable[[pd.Timestamp], str]) -> dict[str, Any]:
    """Return measures that ``json.dumps(..., allow_nan=False)`` can write.

    Parameters
    ----------
    measures : mapping
        As :func:`~ml4t.backtest.analytics.performance_metrics` returns them.
    text_of : callable
        Writes a time.

    Returns
    -------
    dict
        Lengths of time in days; None for what is missing or no finite number.
    """
    return {
        # Nearly all of them are finite numbers.
        name: value if type(value) is float and math.isfinite(value) else _plain(value, text_of)
        for name, value in measures.items()
    }


def _plain(value: Any, text_of: Callable[[pd.Timestamp], str]) -> Any:
    if type(value) is int:
        return value
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    if value is pd.NaT:
        return None
    if isinstance(value, pd.Timestamp):
        return text_of(value)
    if isinstance(value, pd.Timedelta):
        return float(value.value) / DAY
    if isinstance(value, Mapping):
        return as_json(value, text_of)
    return int(value)
