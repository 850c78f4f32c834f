"""One trial: its parameters, its run, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ml4t.backtest.backtest.backtest_engine import BacktestEngine
from ml4t.backtest.backtest.over_tables import run_backtest
from ml4t.backtest.backtest.rule_columns import rules_of
from ml4t.backtest.market.cut import cut
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.result import BacktestResult
from ml4t.backtest.risk.function_rule import each_rule
from ml4t.backtest.sweep.errors import SweepError
from ml4t.backtest.sweep.kept_returns import KeptReturns, kept_returns
from ml4t.backtest.sweep.measures import Measures
from ml4t.backtest.sweep.shared_columns import JOINED, SharedColumns
from ml4t.backtest.sweep.space import Parameters
from ml4t.backtest.sweep.template import Recipe

RUN = {"prices", "strategy", "rules", "risk_manager", "config"}
"""What a run over finished data needs, and no table."""
DONE, FAILED, PRUNED, NOT_RUN = "done", "failed", "pruned", "not run"


class Trial(NamedTuple):
    """A trial that is to be run."""

    key: Any
    parameters: Parameters
    n_times: int | None = None
    """The first timestamps alone, where it is a stage of a trial."""


class Outcome(NamedTuple):
    """What came of a trial."""

    key: Any
    status: str
    measures: tuple[Any, ...]
    error: str
    seconds: float
    returns: KeptReturns | None = None


class Runner:
    """Runs trials.

    Parameters
    ----------
    recipe : Recipe
    data : MarketData, DataFeed or table, optional
        What the runs are over, where the recipe does not say.
    measures : Measures
    keeps_returns : bool
        Whether an outcome has the returns of the run.
    """

    def __init__(
        self, recipe: Recipe, data: Any, measures: Measures, keeps_returns: bool = False
    ) -> None:
        self.recipe = recipe
        self.data = data
        self.measures = measures
        self.keeps_returns = keeps_returns
        self._columns: dict[int | None, SharedColumns] = {}  # by how many timestamps they are of

    def arguments(
        self, parameters: Mapping[str, Any], n_times: int | None = None
    ) -> dict[str, Any]:
        """Return the arguments of ``run_backtest``, further columns joined.

        Parameters
        ----------
        parameters : mapping
        n_times : int, optional
            Run over the first timestamps alone, of market data.

        Raises
        ------
        SweepError
            If something is missing, or there is more than there may be.
        """
        made = self.recipe.made(parameters)
        if "strategy" not in made:
            raise SweepError(f"{self.recipe.name} gives no strategy")
        if self.data is None:
            if "prices" not in made:
                raise SweepError(
                    f"{self.recipe.name} gives no prices: give data to the sweep, or prices there"
                )
            return made
        if "prices" in made:
            raise SweepError(f"{self.recipe.name} gives prices, and data is given: leave out one")
        if not isinstance(self.data, MarketData):
            return {"prices": self.data, **made}
        columns = {}
        if not made.keys().isdisjoint(JOINED):
            columns = {name: made.pop(name) for name in JOINED if name in made}
        if made.get("rules") is not None:
            made["rules"] = each_rule(made["rules"])
        shared = self._columns_of(self.data, n_times)
        made["prices"] = shared.joined(columns, rules_of(made))
        return made

    def _columns_of(self, data: MarketData, n_times: int | None) -> SharedColumns:
        """Return what joins columns to the first timestamps: cut before, they hold nothing of what comes later."""
        if n_times not in self._columns:  # another thread may be as far: the first of both stays
            own = data if n_times is None else cut(data, 0, n_times)
            self._columns.setdefault(n_times, SharedColumns(own))
        return self._columns[n_times]

    def result(self, parameters: Mapping[str, Any]) -> BacktestResult:
        """Run a trial for its whole result."""
        return run_backtest(**self.arguments(parameters))

    def _measured_result(self, trial: Trial) -> BacktestResult:
        """Run a trial for what a run measures by itself: how it could be written as a file is not asked."""
        arguments = self.arguments(trial.parameters, trial.n_times)
        if self.measures.are_named and arguments.keys() <= RUN:
            data = arguments.pop("prices")
            if isinstance(data, MarketData):
                return BacktestEngine(data, **arguments).run()
            arguments["prices"] = data
        return run_backtest(**arguments)

    def outcome(self, trial: Trial) -> Outcome:
        """Run a trial for its measures; what it raises is what came of it."""
        began = time.perf_counter()
        measured: tuple[Any, ...] = ()
        returns: KeptReturns | None = None
        status, said = DONE, ""
        try:
            result = self._measured_result(trial)
            measured = self.measures(result)
            if self.keeps_returns and trial.n_times is None:
                returns = kept_returns(result)
        except Exception as error:
            status = PRUNED if _is_pruned(error) else FAILED
            said = f"{type(error).__name__}: {error}"
        took = time.perf_counter() - began
        return Outcome(trial.key, status, measured, said, took, returns)

    def outcomes(self, trials: Sequence[Trial]) -> list[Outcome]:
        """Run trials one after the other."""
        return [self.outcome(trial) for trial in trials]

    def __reduce__(self) -> tuple[Any, ...]:
        return Runner, (self.recipe, self.data, self.measures, self.keeps_returns)


def _is_pruned(error: BaseException | None) -> bool:
    """Tell whether a strategy or a function raised Optuna's TrialPruned."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:  # an error may be its own cause
        if type(error).__name__ == "TrialPruned":
            return True
        seen.add(id(error))
        error = error.__cause__
    return False
