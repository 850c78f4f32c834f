"""sweep: many runs, one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.market.fingerprint import fingerprint
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.provenance.package_versions import package_version
from ml4t.backtest.strategy.errors import BacktestInterrupted
from ml4t.backtest.sweep.code_fingerprint import code_hash, code_parts
from ml4t.backtest.sweep.errors import SweepError
from ml4t.backtest.sweep.journal import Journal, NoJournal
from ml4t.backtest.sweep.measures import Measure, Measures
from ml4t.backtest.sweep.outcomes import Outcomes
from ml4t.backtest.sweep.result import SweepResult, check_columns
from ml4t.backtest.sweep.shown_progress import NotShown, ShownProgress, shown
from ml4t.backtest.sweep.space import Parameters, Space
from ml4t.backtest.sweep.staged import Staged
from ml4t.backtest.sweep.stages import ends_of
from ml4t.backtest.sweep.template import Given, Recipe
from ml4t.backtest.sweep.trial import Runner
from ml4t.backtest.sweep.workers.chosen import Crew, crew_for

Update = Callable[[int, int, str], None]


def sweep(
    run: Given,
    space: Space,
    data: Any = None,
    *,
    measures: Sequence[str] | Mapping[str, str | Measure] | None = None,
    workers: int | None = None,
    backend: Any = None,
    journal: str | Path | None = None,
    progress: bool | Update | None = None,
    keep_returns: bool = False,
) -> SweepResult:
    """Run a backtest for each trial of a space, and return a table of what they were worth.

    Parameters
    ----------
    run : callable or mapping
        A function from parameters, given by name, to the arguments of :func:`ml4t.backtest.run_backtest`; or a
        mapping of these arguments with :func:`param` where a parameter belongs. What is made with parameters
        stands there as ``partial(TrailingStop, param("trail"))``. A mapping's strategy is copied for each trial.
    space : Space
        What :func:`grid`, :func:`random` or :func:`from_optuna` return.
    data : MarketData, DataFeed or table, optional
        What all runs are over. A table is read once. ``signals`` and ``features`` that a trial gives are joined to
        it, indicators and names of features once for all trials that ask for the same.
    measures : sequence of str, or mapping of name to measure, optional
        Names of ``BacktestResult.metrics``; in a mapping functions of a result, too. By default total return,
        Sharpe ratio, largest drawdown and the number of trades.
    workers : int, optional
        How many runs are made at a time; by default one for each processor. One makes them in this thread.
    backend : {"threads", "processes", "dask", "ray"} or distributed.Client, optional
        By default processes; where strategy and rules are compiled, so that the loop of a run does not hold the GIL,
        threads for long runs, and for short ones processes if they save more time than it takes to start them, or
        none. Threads that are asked for are fewer where runs are short.
    journal : path, optional
        An SQLite file with a row for each trial. Whatever ends a sweep, the same call goes on where it was;
        several processes may work on one.
    progress : bool or callable, optional
        Show a bar, by default where somebody sees it; or a function ``progress(done, total, said)``.
    keep_returns : bool
        Keep the returns of each trial, eight bytes a session, in the journal too: ``result.returns``, and what
        :func:`~ml4t.backtest.analytics.deflated_sharpe` and
        :func:`~ml4t.backtest.analytics.probability_of_backtest_overfitting` are made of. Trials of a journal that has
        none of them are run again.

    Returns
    -------
    SweepResult

    Raises
    ------
    SweepError
        If the space is empty, a parameter is read by nobody, something cannot be sent to other processes, or the
        journal is that of other runs. Nothing has run then.
    BacktestInterrupted
        On Ctrl-C; its ``partial_result`` is what had been done up to then.

    Notes
    -----
    The table is the same for any number of workers of any kind, but for ``seconds``. A trial that raises is a row
    with its error.
    """
    if not isinstance(space, Space):
        raise SweepError(
            f"space must be what grid, random or from_optuna return, was {type(space).__name__}"
        )
    if not isinstance(keep_returns, bool):
        raise SweepError(f"keep_returns must be True or False, was {keep_returns!r}")
    recipe = Recipe(run)
    recipe.check_reads(space.names)
    asked = Measures(measures)
    space.check_measures(asked.of)
    check_columns(space.names, asked.names)
    runner = Runner(recipe, _read_once(data), asked, keep_returns)
    ends = ends_of(space.stages, runner.data)
    rows = _journal(journal, recipe, runner)
    crew: Crew | None = None
    staged: Staged | None = None
    done = Outcomes(len(space), asked.names)
    tried: list[Parameters] = []

    def result() -> SweepResult:
        return SweepResult(runner, space.names, tried, done)

    try:
        with shown(progress) as tell:
            place = asked.names.index(space.objective(asked.names))
            seen: ShownProgress | NotShown = NotShown()
            if tell is not None:
                seen = ShownProgress(tell, len(space), asked.names[place], place)
            for parameters in space.batches():
                begin = len(tried)
                tried += parameters
                if crew is None or staged is None:
                    crew = crew_for(backend, workers, runner, parameters[0])
                    staged = Staged(space, ends, runner, crew, rows, seen)
                for numbers, outcomes in staged.outcomes(begin, parameters):
                    done.put(numbers, outcomes)
                space.tell(begin, done)
    except KeyboardInterrupt as error:
        stopped = BacktestInterrupted(f"interrupted after {done.n_done:,} of {len(space):,} trials")
        stopped.partial_result = result()
        raise stopped from error
    finally:
        rows.close()
        if crew is not None:
            crew.close()
    return result()


def _read_once(data: Any) -> Any:
    if data is None or isinstance(data, MarketData | DataFeed):
        return data
    return MarketData.from_tables(data)


def _journal(path: str | Path | None, recipe: Recipe, runner: Runner) -> Journal | NoJournal:
    if path is None:
        return NoJournal()
    data = runner.data
    if isinstance(data, DataFeed):
        made = data.fingerprint()
    else:
        made = "none" if data is None else fingerprint(data)
    try:
        code = code_parts(recipe.made_of)
        measured = [_stored_name(name, one) for name, one in runner.measures.of.items()]
    except ValueError as error:
        raise SweepError(str(error)) from error
    about = {
        "data": made,
        "package": str(package_version("ml4t-backtest")),
        **{f"code: {name}": text for name, text in code.items()},
    }
    return Journal(path, about, measured, runner.keeps_returns)


def _stored_name(name: str, measure: str | Measure) -> str:
    """Return what a journal calls a measure: one whose code has changed is another."""
    return measure if isinstance(measure, str) else f"{name}@{code_hash(measure)[:8]}"
