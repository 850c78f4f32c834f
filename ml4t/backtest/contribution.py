"""What each rule of a run is worth: the run again without it, and what changes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from typing import Any

import pandas as pd

from ml4t.backtest import html
from ml4t.backtest.analytics.differing_trades import differing_trades
from ml4t.backtest.analytics.errors import AnalysisError
from ml4t.backtest.analytics.metrics import MEASURES
from ml4t.backtest.backtest.backtest_engine import Progress
from ml4t.backtest.backtest.fine_data import read_fine
from ml4t.backtest.backtest.over_tables import run_backtest
from ml4t.backtest.core.named_arguments import keywords_of, unknown_argument
from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.report.progress import progress_bar
from ml4t.backtest.report.wording import money
from ml4t.backtest.result import BacktestResult
from ml4t.backtest.risk import RiskManager
from ml4t.backtest.runfile import RunFile
from ml4t.backtest.setting_errors import nearest
from ml4t.backtest.strategy.strategy import Strategy

OURS = ("progress", "bounds")
KEYWORDS = tuple(name for name in keywords_of(run_backtest) if name not in OURS)
OF_A_RUN = ("prices", "strategy", "fine", "rules", "risk_manager", "config")
DEFAULT = ("total_return", "sharpe", "max_drawdown", "trades")
WHOLE = "all rules"
COLUMNS = ("exits", "differing", "resized", "pnl")

Once = Callable[[str | None, Progress | None], BacktestResult]


class RuleContribution:
    """What a run is with all of its rules, and without each of them.

    Attributes
    ----------
    whole : BacktestResult
        The run with all rules.
    without : dict of str to BacktestResult
        The run without a rule, by its label.
    failed : dict of str to str
        What a run without a rule failed with, by its label: a target by the risk needs a stop.
    measures : DataFrame
        The measures of these runs: ``all rules`` first, then a row without each.
    """

    def __init__(
        self,
        whole: BacktestResult,
        without: Mapping[str, BacktestResult],
        measures: Sequence[str] = DEFAULT,
        failed: Mapping[str, str] | None = None,
    ) -> None:
        self.whole = whole
        self.without = dict(without)
        self.failed = dict(failed or {})
        runs = {WHOLE: whole, **self.without}
        rows = [run.measure(only=list(measures)) for run in runs.values()]
        index = pd.Index([*runs], name="without", dtype=object)
        self.measures = pd.DataFrame(rows, index, list(measures)).astype(float)
        self._differing: dict[str, pd.DataFrame] = {}

    @cached_property
    def table(self) -> pd.DataFrame:
        """What each rule adds, a row a rule: the whole run less the run without it.

        ``exits`` are the trades that it ended in the whole run; ``differing`` those that end otherwise without it, or are
        in one of the two runs alone; ``resized`` those that have other units only. ``pnl`` (currency) is the difference of the
        last equities; then come the measures. Rules work on the same trades: what they add does not sum to anything. Of a
        rule without which the run failed there are its exits alone.
        """
        ended = self.whole.metrics["exits_by_rule"]
        rows = {
            label: {
                "exits": ended.get(label, 0),
                "differing": len(self._trades(label)) - self._resized(label),
                "resized": self._resized(label),
                "pnl": _last_equity(self.whole) - _last_equity(run),
            }
            for label, run in self.without.items()
        }
        rows |= {label: {"exits": ended.get(label, 0)} for label in self.failed}
        index = pd.Index([*rows], name="rule", dtype=object)
        added = -self.measures.iloc[1:].sub(self.measures.iloc[0], axis=1)
        return pd.DataFrame([*rows.values()], index, COLUMNS).join(added + 0.0)

    def trades(self, rule: str) -> pd.DataFrame:
        """Return the trades that differ without a rule, and by how much, by entry time.

        Parameters
        ----------
        rule : str
            Its label.

        Returns
        -------
        DataFrame
            The columns stand in ``docs/attribution.md``. Trades are matched by asset, side and entry time; positions still
            open at the end are among them, so that ``pnl`` sums to what the rule adds.

        Raises
        ------
        AnalysisError
            If no rule was left out under this name.
        """
        if rule in self.failed:
            raise AnalysisError(f"the run without {rule} failed: {self.failed[rule]}")
        if rule not in self.without:
            raise AnalysisError(f"there is no rule {rule!r}; {nearest(rule, [*self.without])}")
        return self._trades(rule).copy()

    def _trades(self, rule: str) -> pd.DataFrame:
        if rule not in self._differing:
            ours, theirs = (
                run.attribution().round_trips for run in (self.whole, self.without[rule])
            )
            self._differing[rule] = differing_trades(ours, theirs)
        return self._differing[rule]

    def _resized(self, rule: str) -> int:
        return int((self._trades(rule)["difference"] == "size").sum())

    def _headline(self) -> str:
        name = self.whole.strategy_name or "unnamed strategy"
        return f"RuleContribution: {name}, final equity {money(_last_equity(self.whole))} with all rules"

    def __str__(self) -> str:
        said = "".join(f"\n{line}" for line in self._failures())
        return f"{self._headline()}\n\n{_written(self.table).to_string()}{said}"

    def _failures(self) -> list[str]:
        return [f"The run without {label} failed: {why}" for label, why in self.failed.items()]

    def __repr__(self) -> str:
        return f"<{self._headline()}>"

    def _repr_html_(self) -> str:
        table = _written(self.table)
        rows = [[label, *row] for label, row in zip(table.index, table.to_numpy(), strict=True)]
        said = [html.line(line) for line in self._failures()]
        return html.page(html.heading(self._headline()), html.table(["rule", *table], rows), *said)


def rule_contribution(
    run: Mapping[str, Any] | RunFile,
    *,
    measures: Sequence[str] = DEFAULT,
    progress: bool | Progress = False,
) -> RuleContribution:
    """Run with all rules, then without each of them in turn, and return what each adds.

    Parameters
    ----------
    run : mapping or RunFile
        The arguments of :func:`ml4t.backtest.run_backtest` by name, ``prices`` and ``strategy`` among them; or a run
        file. Tables are read once. Strategy and rules are copied, so that no run starts with what another left. Of a
        composite rule each member is left out; rules that the strategy adds in a run are not.
    measures : sequence of str
        Names of ``BacktestResult.metrics`` that are compared: numbers.
    progress : bool or callable
        True shows a progress bar over all runs.

    Returns
    -------
    RuleContribution

    Raises
    ------
    AnalysisError
        If there is no rule, no such measure, or strategy and rules cannot be copied. Nothing has run then.
    TypeError
        If ``run`` is neither, or holds what ``run_backtest`` does not take.
    Exception
        What the run with all rules raises. What one without a rule raises is a row without figures, and stands in ``failed``.
    """
    names = (measures,) if isinstance(measures, str) else tuple(measures)
    for name in names:
        if name not in MEASURES or name in ("start", "end", "exits_by_rule"):
            raise AnalysisError(
                f"there is no measure {name!r} to compare; {nearest(name, MEASURES)}"
            )
    if isinstance(run, RunFile):
        labels, once = _of_a_file(run)
    elif isinstance(run, Mapping):
        labels, once = _of_arguments(run)
    else:
        raise TypeError(
            "run must be the arguments of run_backtest as a mapping, or a RunFile, was "
            f"{type(run).__name__}"
        )
    if progress is True:
        with progress_bar() as update:
            return _runs(labels, once, update, names)
    return _runs(labels, once, progress or None, names)


def _runs(
    labels: Sequence[str], once: Once, progress: Progress | None, measures: Sequence[str]
) -> RuleContribution:
    if not labels:
        raise AnalysisError("the run has no rule that could be left out")
    parts = [
        None if progress is None else _part(progress, number, len(labels) + 1)
        for number in range(len(labels) + 1)
    ]
    try:
        whole = once(None, parts[0])
    except (Exception, KeyboardInterrupt) as error:
        error.add_note("in the run with all rules")
        raise
    without: dict[str, BacktestResult] = {}
    failed: dict[str, str] = {}
    for label, part in zip(labels, parts[1:], strict=True):
        try:
            without[label] = once(label, part)
        except KeyboardInterrupt as error:
            error.add_note(f"in the run without {label}")
            raise
        except Exception as error:  # others may need it: the rest of the rules is told all the same
            failed[label] = f"{type(error).__name__}: {error}"
    return RuleContribution(whole, without, measures, failed)


def _part(progress: Progress, number: int, n_runs: int) -> Progress:
    return lambda done, total: progress(number * total + done, n_runs * total)


def _of_a_file(run: RunFile) -> tuple[tuple[str, ...], Once]:
    run.check_files()
    run.make_strategy()  # what is wrong with it is said before the data are read
    labels = run.make_risk_manager().rule_names
    read = cache(lambda: (run.market_data(), run.fine_data()))

    def once(label: str | None, progress: Progress | None) -> BacktestResult:
        data, fine = read()
        manager = run.make_risk_manager()
        if label is not None:
            manager.remove_rule(label)
        return run.run_on(data, run.make_strategy(), manager, progress or False, fine)

    return labels, once


def _of_arguments(run: Mapping[str, Any]) -> tuple[tuple[str, ...], Once]:
    given = dict(run)
    for name in given:
        if name in OURS:
            raise TypeError(f"{name} is not for the runs of a contribution; leave it out")
        if name not in KEYWORDS:
            raise TypeError(unknown_argument(name, KEYWORDS))
    for name in ("prices", "strategy"):
        if name not in given:
            raise TypeError(f"the arguments of the run lack {name}")
    if not isinstance(given["strategy"], Strategy):
        raise TypeError(f"strategy must be a Strategy, was {given['strategy']!r}")
    if given.get("rules") is not None and given.get("risk_manager") is not None:
        raise TypeError("give rules or risk_manager, not both")
    manager = given.get("risk_manager")
    manager = RiskManager(given.get("rules") or ()) if manager is None else manager
    own = _copied({"strategy": given["strategy"], "risk_manager": manager})
    labels = own["risk_manager"].rule_names
    read = cache(lambda: _tables(given))

    def once(label: str | None, progress: Progress | None) -> BacktestResult:
        its = _copied(own)
        if label is not None:
            its["risk_manager"].remove_rule(label)
        return run_backtest(**read(), **its, config=given.get("config"), progress=progress or False)

    return labels, once


def _copied(own: Mapping[str, Any]) -> dict[str, Any]:
    # Together: a rule may be a method of the strategy.
    try:
        return copy.deepcopy(dict(own))
    except Exception as error:
        raise AnalysisError(
            f"strategy and rules are copied, so that no run starts with what another left, and cannot be: {error}"
        ) from error


def _tables(given: Mapping[str, Any]) -> dict[str, Any]:
    """Read tables once, for all runs."""
    options = {name: value for name, value in given.items() if name not in OF_A_RUN}
    prices, fine = given["prices"], given.get("fine")
    if isinstance(prices, MarketData | DataFeed):
        return {"prices": prices, "fine": fine, **options}
    return {"prices": MarketData.from_tables(prices, **options), "fine": read_fine(fine, options)}


def _last_equity(result: BacktestResult) -> float:
    return float(result.measure(only=["final_equity"])["final_equity"])


def _written(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table as text: counts, money, and measures to four digits."""
    forms = dict.fromkeys(("exits", "differing", "resized"), "{:,.0f}") | {"pnl": "{:,.2f}"}
    texts = {
        name: [
            "n/a" if value != value else forms.get(name, "{:,.4g}").format(value)
            for value in column
        ]
        for name, column in table.items()
    }
    return pd.DataFrame(texts, index=table.index, dtype=object)
