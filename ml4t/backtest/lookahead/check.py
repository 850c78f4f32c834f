"""Run again on other futures, and see whether the past stays what it was."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ml4t.backtest.backtest import run_backtest
from ml4t.backtest.core.named_arguments import keywords_of, unknown_argument
from ml4t.backtest.data.arrays import Int64s, Marks
from ml4t.backtest.data.errors import format_time
from ml4t.backtest.data.tables.clock import BarTime, Clock, make_clock
from ml4t.backtest.lookahead.disturb import disturb
from ml4t.backtest.lookahead.numeric_tables import NumericTable, read_inputs
from ml4t.backtest.lookahead.report import Leak, LookaheadReport
from ml4t.backtest.lookahead.trace import Move, Trace, trace_of
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.strategy.strategy import Strategy

TRIES = 8
"""Runs a column, or a group of them, gets before it counts as harmless."""
NAMED_AT_MOST = 20
TABLES = ("prices", "signals", "features", "context", "actions")
TIMES = ("bar_time", "timezone", "stamps", "bar_length", "time_unit")
OPTIONS = tuple(
    name
    for name in keywords_of(run_backtest)
    if name not in ("strategy", "progress", "bounds", *TABLES, *TIMES)
)
"""Arguments of ``run_backtest`` that are no tables to disturb, those about times aside."""

Target = tuple[str, str]


def check_lookahead(
    run: Callable[..., Any],
    /,
    *,
    probes: int = 20,
    seed: int = 0,
    bar_time: BarTime = None,
    timezone: str | None = None,
    stamps: str = "end",
    bar_length: Any = None,
    time_unit: str | None = None,
    **tables: Any,
) -> LookaheadReport:
    """Look for decisions made with values that were not known yet.

    ``run`` is called again and again with the tables, in each probe with every value that is known
    after some moment drawn anew; what was decided up to that moment must stay as it was. Where
    it does not, one column after the other is disturbed alone to find the one that was read.

    Parameters
    ----------
    run : callable
        A function of the tables, by the names given here, that makes everything anew and returns a
        :class:`~ml4t.backtest.BacktestResult`, or a table of values with their times (features,
        say). Or a class of strategies, or a function without parameters that makes one: then each
        run is ``run_backtest(strategy=run(), **tables)``.
    probes : int
        Moments tried. Half of them are times of decisions; in one of four only the next values
        after the moment change.
    seed : int
        Of the moments and of the values drawn.
    bar_time, timezone, stamps, bar_length, time_unit : optional
        As in :func:`~ml4t.backtest.market.market_data`.
    **tables
        MarketData, pandas, Polars or Arrow tables, :class:`~ml4t.backtest.data.Table`, mappings or
        lists of these. A row is known at its ``available_at``, else at its time plus
        ``Table(available_after=...)``. A table named ``actions`` is left as it is: splits and dividends
        are announced. For a strategy also ``rules``, ``config`` and the other arguments of
        :func:`~ml4t.backtest.run_backtest`.

    Returns
    -------
    LookaheadReport

    Raises
    ------
    TypeError
        If ``run`` is a strategy: state of one run would reach the next.
    ValueError
        If two runs on equal tables differ, or nothing that ``run`` returns depends on the tables.
    RuntimeError
        If ``run`` fails on disturbed values before it came to the moment.

    Notes
    -----
    A column that knows the future when it comes in cannot be found: it is the same in every run. Give
    the function that makes it, and the raw tables.
    """
    if probes < 1:
        raise ValueError(f"probes must be at least 1, was {probes}")
    clock = make_clock(bar_time, timezone)
    of_prices = {"stamps": stamps, "bar_length": bar_length, "time_unit": time_unit}
    options: dict[str, Any] = {}
    if _makes_strategies(run):
        for name in tables:
            if name not in (*TABLES, *OPTIONS):
                known = (*TABLES, *OPTIONS, *TIMES, "probes", "seed")
                raise TypeError(unknown_argument(name, known))
        options = {name: tables.pop(name) for name in OPTIONS if name in tables}
        options |= {"bar_time": bar_time} if bar_time else {}
        options |= {"timezone": timezone} if timezone else {}
        if "prices" in tables and not isinstance(tables["prices"], MarketData):
            options |= of_prices
        run = _runner(run, options)
    repeatable = RepeatableRun(run, tables, clock, {"columns": options.get("columns"), **of_prices})
    return _Check(repeatable, probes, seed).report()


def _makes_strategies(run: Any) -> bool:
    if isinstance(run, Strategy):
        raise TypeError(
            f"give the class, or a function that makes a strategy, not the strategy {run!r}: each run "
            "needs one of its own"
        )
    if not callable(run):
        raise TypeError(f"run must be a function or a class of strategies, was {run!r}")
    return isinstance(run, type) or not inspect.signature(run).parameters


def _runner(make: Callable[[], Strategy], options: dict[str, Any]) -> Callable[..., Any]:
    def run(prices: Any, **tables: Any) -> Any:
        return run_backtest(prices, make(), **tables, **options)

    return run


@dataclass(frozen=True)
class Probe:
    """A moment, and whether only the next values after it change."""

    until: int
    only_next: bool
    seed: tuple[int, ...]

    def rows(self, table: NumericTable) -> Marks:
        """Return the rows of a table that change."""
        later: Marks = table.known > self.until
        if self.only_next and later.any():
            later &= table.known <= table.known[later].min()
        return later


class RepeatableRun:
    """A run and its tables, as they are and disturbed."""

    def __init__(
        self, run: Callable[..., Any], tables: dict[str, Any], clock: Clock, of_prices: Any
    ) -> None:
        self._run = run
        self._clock = clock
        self._inputs = read_inputs(tables, clock, of_prices)
        read = [table for given in self._inputs.values() for table in given.tables]
        named = [(table.name, column) for table in read for column in table.names.values()]
        self.targets: list[Target] = list(dict.fromkeys(named))
        if not self.targets:
            raise ValueError(
                "none of the tables has a column of numbers: there is nothing to disturb"
            )

    def trace(self) -> Trace:
        """Run on the tables as they are."""
        tables = {
            name: given.rebuild([{}] * len(given.tables)) for name, given in self._inputs.items()
        }
        return trace_of(self._run(**tables), self._clock)

    def disturbed(self, probe: Probe, targets: Sequence[Target], widen: bool = False) -> Trace:
        """Run with some columns disturbed."""
        random = np.random.default_rng(probe.seed)
        chosen: dict[str, set[str]] = {}
        for name, column in targets:
            chosen.setdefault(name, set()).add(column)
        tables = {}
        for name, given in self._inputs.items():
            new = [
                disturb(table, probe.rows(table), chosen.get(table.name, ()), random, widen)
                for table in given.tables
            ]
            tables[name] = given.rebuild(new)
        try:
            return trace_of(self._run(**tables), self._clock)
        except Exception as error:
            return self._until_it_failed(error, probe)

    def _until_it_failed(self, error: Exception, probe: Probe) -> Trace:
        # A failure after the moment is no decision up to it: what came before can be compared.
        partial = getattr(error, "partial_result", None)
        trace = None if partial is None else trace_of(partial, self._clock)
        if trace is not None and len(trace.times) and trace.times[-1] >= probe.until:
            return trace
        raise RuntimeError(
            f"run failed on values disturbed after {format_time(probe.until)}: {error}"
        ) from error


class _Check:
    """One check: the run as it is, the probes, and the columns that moved something."""

    def __init__(self, run: RepeatableRun, n_probes: int, seed: int) -> None:
        self._run = run
        self._seed = seed
        self._n_probes = n_probes
        self._base = run.trace()
        again = self._base.first_move(run.trace())
        if again is not None:
            raise ValueError(
                f"two runs on equal tables differ ({again.what}, at {format_time(again.time)}): make everything "
                "anew in each run, and seed its random numbers"
            )

    def report(self) -> LookaheadReport:
        moved = []
        is_felt = False
        for probe in self._probes():
            trace = self._run.disturbed(probe, self._run.targets)
            if self._base.first_move(trace, probe.until) is not None:
                moved.append(probe)
            is_felt = is_felt or self._base.first_move(trace) is not None
        if not is_felt:
            raise ValueError(
                "nothing that run returned depends on the tables: it must read those that it is given, and "
                "decide something"
            )
        leaks: list[Leak] = []
        if moved:
            # A group that needs other values than these to move anything is named as a whole.
            self._name(self._run.targets, moved, leaks)
        return LookaheadReport(tuple(leaks), len(moved), self._n_probes)

    def _probes(self) -> list[Probe]:
        random = np.random.default_rng(self._seed)
        times = self._base.times[:-1]
        if not len(times):
            raise ValueError("run went through fewer than two times: nothing comes after the first")
        decisions = self._decisions(times)
        return [
            Probe(
                int(random.choice(decisions if number % 2 else times)),
                number % 4 == 3,
                (self._seed, number),
            )
            for number in range(self._n_probes)
        ]

    def _decisions(self, times: Int64s) -> Int64s:
        logs = [log.times for log in self._base.logs if log.kind in ("order", "fill")]
        made = np.intersect1d(np.concatenate([times[:0], *logs]), times)
        return made if len(made) else times

    # Halve until a single column is left, or no half alone moves anything. Highs and lows are
    # widened for the others only where they were not found to leak themselves.
    def _name(
        self, group: list[Target], moved: list[Probe], leaks: list[Leak], widen: bool = False
    ) -> None:
        middle = len(group) // 2
        halves = [group[:middle], group[middle:]] if len(group) > 1 else []
        if len(leaks) < NAMED_AT_MOST:
            for wide in [widen] if widen else [False, True]:
                leaking = [half for half in halves if self._moves(half, moved, 1, wide)]
                for half in leaking:
                    self._name(half, moved, leaks, wide)
                if leaking:
                    return
        moves = self._moves(group, moved, TRIES, widen)
        if moves:
            leaks.append(_leak(group, moves))

    def _moves(
        self, group: list[Target], moved: list[Probe], enough: int, widen: bool
    ) -> list[tuple[Probe, Move]]:
        """Disturb a group alone, a few times at moments at which all columns moved something."""
        found: list[tuple[Probe, Move]] = []
        for number in range(TRIES):
            probe = moved[number % len(moved)]
            again = replace(probe, seed=(*probe.seed, number))
            move = self._base.first_move(self._run.disturbed(again, group, widen), probe.until)
            if move is not None:
                found.append((probe, move))
            if len(found) == enough:
                break
        return found


def _leak(group: Sequence[Target], moves: Sequence[tuple[Probe, Move]]) -> Leak:
    probe, move = moves[0]
    tables = ", ".join(dict.fromkeys(table for table, _ in group))
    columns = ", ".join(column for _, column in group)
    return Leak(tables, columns, probe.until, move.time, move.asset, move.what, len(moves), TRIES)
