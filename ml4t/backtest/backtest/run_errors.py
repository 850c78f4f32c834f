"""Whose exception stopped a run: the strategy's, the progress callback's, the chunks' or the engine's own."""

from __future__ import annotations

from typing import Any

from ml4t.backtest.backtest.watched import Chunks, Watched
from ml4t.backtest.core.meant_names import attribute_meant
from ml4t.backtest.cost_models import CostModelError
from ml4t.backtest.data.errors import DataError
from ml4t.backtest.engine import EngineLoop
from ml4t.backtest.risk import RuleError
from ml4t.backtest.strategy.errors import BacktestInterrupted, StrategyError

PACKAGE = "ml4t.backtest."
NOT_BEGUN = "before the first timestamp"


class InternalError(RuntimeError):
    """An invariant of the engine does not hold: a fault of this package, not of strategy, rules or data.

    Attributes
    ----------
    partial_result : BacktestResult or None
        What had happened up to then; not to be trusted.
    """

    partial_result: Any = None


def failure_of(
    error: Exception | KeyboardInterrupt,
    loop: EngineLoop,
    chunks: Chunks,
    progress: Watched | None,
) -> BaseException:
    """Return what a run raises when an exception has stopped its loop.

    It is the exception itself, with a note of whose it is, where the strategy did not raise it.
    """
    where = loop.where()
    if isinstance(error, KeyboardInterrupt):
        return BacktestInterrupted(f"interrupted {where}")
    if isinstance(error, AssertionError) and _is_of_this_package(error):
        return InternalError(
            f"internal error ({where}): {error}; neither strategy nor rules are to blame, and the result "
            "cannot be trusted: please report it, with what `ml4t-backtest info` prints"
        )
    # They say themselves whose they are.
    if isinstance(error, DataError | RuleError | CostModelError):
        return error
    # The asset whose bar the strategy saw last is nothing to the others.
    when = f"at {where.rpartition('at ')[2]}"
    others: tuple[Chunks | Watched, ...] = (chunks,) if progress is None else (chunks, progress)
    for other in others:
        if error is other.raised:
            error.add_note(f"raised by {other.name}, {when}")
            return error
    if chunks.n_asked > loop.n_chunks:  # no callback was called since
        error.add_note(f"chunk {chunks.n_asked} cannot follow the one before it, {when}")
        return error
    return error if where == NOT_BEGUN else StrategyError(_of_strategy(error, loop))


def _is_of_this_package(error: Exception) -> bool:
    """Tell whether code of this package raised an exception itself, not code that it called."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__")).startswith(PACKAGE)


def _of_strategy(error: Exception, loop: EngineLoop) -> str:
    name = type(loop.strategy).__name__
    meant = attribute_meant(error, [*loop.data.features, *loop.data.context])
    return f"{name} raised {type(error).__name__} ({loop.where()}): {error}{meant}"
