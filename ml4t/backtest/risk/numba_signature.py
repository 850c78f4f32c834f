"""What numba has to know of a rule: the types of its view, its columns and its answer."""

from __future__ import annotations

from typing import Any

from ml4t.backtest.risk.rule_view import answer_dtype, view_dtype


def rule_signature() -> Any:
    """Return the numba signature of a ``cfunc`` that can be a rule: view, columns, answer."""
    numba = import_numba()
    types = numba.types
    return types.void(
        types.CPointer(numba.from_dtype(view_dtype())),
        types.CPointer(types.float64),
        types.CPointer(numba.from_dtype(answer_dtype())),
    )


def rule_arguments() -> tuple[Any, Any, Any]:
    """Return the types a decorated function is compiled for: it cannot write to the columns."""
    numba = import_numba()
    return (
        numba.from_dtype(view_dtype()),
        numba.types.Array(numba.types.float64, 1, "C", readonly=True),
        numba.from_dtype(answer_dtype()),
    )


def import_numba() -> Any:
    """Return numba; an ImportError says what to install."""
    try:
        import numba
    except ImportError:
        raise ImportError(
            "rules compiled by numba need it: pip install 'ml4t-backtest[fast]'"
        ) from None
    return numba
