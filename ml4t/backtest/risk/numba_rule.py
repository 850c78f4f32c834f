"""numba_rule: a Python function compiled by numba into a rule that is asked in C."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ml4t.backtest.risk.compiled_rule import CFuncRule, answer_dtype, exception_code, view_dtype

__all__ = ["numba_rule", "rule_signature"]


def numba_rule(
    *,
    columns: Sequence[str] = (),
    frozen_columns: Sequence[str] = (),
    priority: int = 0,
    name: str | None = None,
) -> Callable[[Callable[[Any, Any, Any], None]], CFuncRule]:
    """Compile the decorated function with ``numba.cfunc``, and make it a rule.

    The function takes ``(view, columns, answer)``. The view has the fields of ``RuleView``, named as in
    :class:`RiskContext`; ``columns`` is a read-only float64 array of the columns and then the frozen
    columns; what is assigned to the fields of ``answer`` is the decision, and to do nothing is to assign nothing.

    Parameters
    ----------
    columns, frozen_columns, priority, name
        As for :class:`CFuncRule`.

    Returns
    -------
    callable
        The decorator.

    Raises
    ------
    ImportError
        If numba is not installed.

    Notes
    -----
    Division by zero gives an infinity, as in NumPy; a level of NaN leaves the level as it is. An
    exception, such as that of an index beyond the columns, ends the run with a ``RuleError``.
    """
    numba = _numba()
    n_columns = len(columns) + len(frozen_columns)
    raised = exception_code()

    def compile_rule(function: Callable[[Any, Any, Any], None]) -> CFuncRule:
        decide = numba.njit(_arguments(), error_model="numpy", boundscheck=True)(function)

        @numba.cfunc(rule_signature())
        def pointers(view, values, answer):
            given = numba.carray(answer, 1)[0]
            # What leaves a C function as an exception is printed and lost.
            try:
                decide(numba.carray(view, 1)[0], numba.carray(values, (n_columns,)), given)
            except Exception:
                given.exit_type = raised

        return CFuncRule(
            pointers,
            columns=columns,
            frozen_columns=frozen_columns,
            priority=priority,
            name=function.__name__ if name is None else name,
        )

    return compile_rule


def rule_signature() -> Any:
    """Return the numba signature of a ``cfunc`` that can be a rule: view, columns, answer."""
    numba = _numba()
    types = numba.types
    return types.void(
        types.CPointer(numba.from_dtype(view_dtype())),
        types.CPointer(types.float64),
        types.CPointer(numba.from_dtype(answer_dtype())),
    )


def _arguments() -> tuple[Any, Any, Any]:
    """Return the types a decorated function is compiled for: it cannot write to the columns."""
    numba = _numba()
    return (
        numba.from_dtype(view_dtype()),
        numba.types.Array(numba.types.float64, 1, "C", readonly=True),
        numba.from_dtype(answer_dtype()),
    )


def _numba() -> Any:
    try:
        import numba
    except ImportError:
        raise ImportError(
            "rules compiled by numba need it: pip install 'ml4t-backtest[fast]'"
        ) from None
    return numba
