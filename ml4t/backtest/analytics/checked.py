"""Arguments of analyses, checked."""

from __future__ import annotations

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
