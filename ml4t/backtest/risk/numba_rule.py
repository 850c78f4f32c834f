"""numba_rule: a Python function compiled by numba into a rule that is asked in C."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ml4t.backtest.risk.compiled_rule import CFuncRule, exception_code
from ml4t.backtest.risk.copied_rules import note_how_made
from ml4t.backtest.risk.numba_signature import import_numba, rule_arguments, rule_signature

__all__ = ["numba_rule"]


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
    numba = import_numba()
    n_columns = len(columns) + len(frozen_columns)
    raised = exception_code()

    def compile_rule(function: Callable[[Any, Any, Any], None]) -> CFuncRule:
        decide = numba.njit(rule_arguments(), error_model="numpy", boundscheck=True)(function)

        @numba.cfunc(rule_signature())
        def pointers(view, values, answer):
            given = numba.carray(answer, 1)[0]
            # What leaves a C function as an exception is printed and lost.
            try:
                decide(numba.carray(view, 1)[0], numba.carray(values, (n_columns,)), given)
            except Exception:
                given.exit_type = raised

        note_how_made(pointers, _made_again, function)
        return CFuncRule(
            pointers,
            columns=columns,
            frozen_columns=frozen_columns,
            priority=priority,
            name=function.__name__ if name is None else name,
        )

    return compile_rule


def _made_again(options: Mapping[str, Any], function: Callable[[Any, Any, Any], None]) -> CFuncRule:
    return numba_rule(**options)(function)
