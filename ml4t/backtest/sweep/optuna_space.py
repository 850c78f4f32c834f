"""Parameters that an Optuna study asks for, and is told the worth of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ml4t.backtest.sweep.errors import SweepError
from ml4t.backtest.sweep.measures import NO_NUMBERS
from ml4t.backtest.sweep.pruning import pruned
from ml4t.backtest.sweep.space import Between, Parameters, Space, by_name, distribution, plain
from ml4t.backtest.sweep.stages import checked_stages
from ml4t.backtest.sweep.trial import DONE, PRUNED, Outcome

AT_A_TIME = 10


class Asked(Space):
    """Trials of a study, some at a time; made by :func:`from_optuna`."""

    def __init__(
        self,
        study: Any,
        n: int,
        values: Mapping[str, Any],
        objectives: Sequence[str],
        at_a_time: int,
        stages: Any = (),
    ) -> None:
        self._optuna = _imported()
        for name, number in (("n", n), ("at_a_time", at_a_time)):
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                raise SweepError(f"{name} must be a positive number of trials, was {number!r}")
        if not values:
            raise SweepError("the space is empty: give at least one parameter with its values")
        if len(objectives) != len(study.directions):
            raise SweepError(
                f"the study has {len(study.directions)} directions, and {len(objectives)} objectives are given: "
                f"{', '.join(objectives)}"
            )
        self.stages = checked_stages(stages)
        if self.stages and len(objectives) > 1:
            raise SweepError(
                f"Optuna prunes by one objective alone, and there are {len(objectives)}: leave out stages"
            )
        self.study, self.n, self.at_a_time = study, n, at_a_time
        self.objectives = tuple(objectives)
        self.names = tuple(values)
        self._choices: dict[str, list[Any]] = {}
        self._distributions = {name: self._distribution(name, one) for name, one in values.items()}
        self._open: dict[int, Any] = {}
        self._measures: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.n

    def check_measures(self, measures: Mapping[str, Any]) -> None:
        """Refuse measures without the objectives, and objectives that are no numbers."""
        for name in self.objectives:
            if name not in measures:
                raise SweepError(f"the objective {name} is not among the measures: add it there")
            if measures[name] in NO_NUMBERS:
                raise SweepError(
                    f"the objective {name} must be a number, {measures[name]} is none: name another measure"
                )
        self._measures = tuple(measures)

    def objective(self, measures: Sequence[str]) -> str:
        """Return the first objective."""
        return self.objectives[0]

    def batches(self) -> Iterator[list[Parameters]]:
        """Ask for some trials, and for the next when these have been told."""
        for begin in range(0, self.n, self.at_a_time):
            count = min(self.at_a_time, self.n - begin)
            self._open = {
                begin + place: self.study.ask(self._distributions) for place in range(count)
            }
            yield [self._parameters(trial) for trial in self._open.values()]

    def ended(self, n_times: int, reached: Mapping[int, Outcome]) -> dict[int, Outcome]:
        """Report the objective of a stage to the study, and return the trials that its pruner ends there."""
        found = {number: self._number_found(outcome) for number, outcome in reached.items()}
        values = {number: value for number, value in found.items() if value is not None}
        return pruned(self._open, reached, values, self.objectives[0], n_times)

    def tell(self, begin: int, outcomes: Any) -> None:
        """Tell the study what came of each trial, in the order in which it asked."""
        states = self._optuna.trial.TrialState
        wrong = []
        for number, trial in self._open.items():
            outcome = outcomes.of(number)
            found = self._found(outcome)
            bad = [item for item in found.items() if not isinstance(item[1], int | float | None)]
            wrong += bad
            values = None if bad else self._values([*found.values()])
            if values is not None:
                self.study.tell(trial, values)
            else:
                pruned = outcome.status == PRUNED
                self.study.tell(trial, state=states.PRUNED if pruned else states.FAIL)
        if wrong:  # once all have been told: none is left running
            name, value = wrong[0]
            raise SweepError(
                f"the objective {name} must be a number, was {value!r}: name another measure"
            )

    def _found(self, outcome: Outcome) -> dict[str, Any]:
        """Return the objectives of a trial; none of one that is not done."""
        if outcome.status != DONE:
            return {}
        measured = dict(zip(self._measures, outcome.measures, strict=True))
        return {name: measured[name] for name in self.objectives}

    def _number_found(self, outcome: Outcome) -> float | None:
        """Return the objective of a stage; none of one that failed: the run over all data says what it is."""
        values = [*self._found(outcome).values()]
        if not all(isinstance(value, int | float) for value in values):
            return None
        known = self._values(values)
        return known[0] if known else None

    def _values(self, values: Sequence[Any]) -> list[float] | None:
        # One that has no value, as the Sharpe ratio of no trade, says nothing of its parameters.
        if not values or any(value is None or value != value for value in values):
            return None
        return [float(value) for value in values]

    def _parameters(self, trial: Any) -> Parameters:
        return {
            name: self._choices[name][value] if name in self._choices else plain(value)
            for name, value in ((name, trial.params[name]) for name in self.names)
        }

    def _distribution(self, name: str, given: Any) -> Any:
        made = self._optuna.distributions
        if isinstance(given, made.BaseDistribution):
            return given
        if isinstance(given, Between):
            kind = made.IntDistribution if given.whole else made.FloatDistribution
            return kind(given.low, given.high, log=given.log)
        values = distribution(name, given)
        if not isinstance(values, list):
            raise SweepError(f"{name} must be between(...), values, or a distribution of Optuna")
        # Numbers in place of the values, of which Optuna keeps no objects.
        self._choices[name] = values
        return made.CategoricalDistribution(list(range(len(values))))

    def __repr__(self) -> str:
        return f"from_optuna({self.n} trials, {', '.join(self.names)})"


def from_optuna(
    study: Any,
    n: int,
    values: Mapping[str, Any] | None = None,
    /,
    *,
    objectives: str | Sequence[str] = "sharpe",
    at_a_time: int = AT_A_TIME,
    stages: Sequence[float] = (),
    **named: Any,
) -> Asked:
    """Return trials that an Optuna study asks for.

    Parameters
    ----------
    study : optuna.Study
        Its sampler chooses the parameters; give it a seed to have the same again. With a journal, make it
        anew for the call that goes on: it asks for the same trials, and what is in the journal is not run.
    n : int
        Trials.
    values, named : by the name of the parameter
        A sequence, one of which is chosen, :func:`between`, or a distribution of Optuna.
    objectives : str or sequence of str
        Measures, one for each direction of the study.
    at_a_time : int
        Trials it asks for before it is told what came of them. More of them keep more workers busy, and tell the
        sampler later; the table does not depend on the workers.
    stages : sequence of float, shape (n_stages,)
        Fractions of the timestamps, rising, each above 0 and below 1. A trial runs over the first of them alone, is
        reported to the study by its objective so far, and ends as pruned where the study's pruner says so; the others
        go on to the next, and at last run over all data. Of one objective, and over market data or a table alone.

    Raises
    ------
    SweepError
        If there is no parameter, objectives and directions differ in number, or stages are none that a study can prune
        at.
    ImportError
        If Optuna is not installed.

    Notes
    -----
    A strategy or function that raises ``optuna.TrialPruned`` ends its trial as pruned. A trial that failed, or whose
    objective has no value, is told as failed.

    A trial that is pruned at a stage has no measures in the table, which are those of whole runs; its ``error`` says what
    it had reached. The steps that a pruner knows are timestamps: ``n_warmup_steps=250`` prunes none before 250 of them.
    All trials that were asked for together are reported before the pruner is asked about the first. A trial that fails at
    a stage, or whose objective has no value there, is not reported and goes on.
    """
    given = (objectives,) if isinstance(objectives, str) else objectives
    if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
        raise SweepError(
            f"objectives must be the name of a measure, or several, were {objectives!r}"
        )
    if not hasattr(study, "ask") or not hasattr(study, "directions"):
        raise SweepError(f"study must be an Optuna study, was {type(study).__name__}")
    return Asked(study, n, by_name(values, named), tuple(given), at_a_time, stages)


def _imported() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise ImportError(
            "from_optuna needs Optuna; install it with: pip install 'ml4t-backtest[sweep]'"
        ) from error
    return optuna
