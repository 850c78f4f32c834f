"""joblib, which several workers of this machine need."""

from __future__ import annotations

from typing import Any


def imported_joblib() -> Any:
    """Return joblib.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        import joblib
    except ImportError as error:
        raise ImportError(
            "several workers need joblib; install it with: pip install 'ml4t-backtest[sweep]'"
        ) from error
    return joblib
