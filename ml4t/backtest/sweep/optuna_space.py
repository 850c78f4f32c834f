"""Parameters that an Optuna study asks for, and is told the worth of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ml4t.backtest.sweep.errors import SweepError
from ml4t.backtest.sweep.measures import NO_NUMBERS
from ml4t.backtest.sweep.pruning import pruned
from ml4t.backtest.sweep.space import Between, Parameters, Space, by_name, distribution, plain
from ml4t.backtest.sweep.stages import checked_stages
from ml4t.backtest.sweep.trial import DONE, PRUNED, Outcome

AT_A_TIME = 10
CHOICES = (int, float, str, bool, type(None))
"""What Optuna keeps as it is among several values."""
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
STOPS = "Study.stop"
"""What the error of a sampler names that ends a loop which is none of Optuna's own."""


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
        self._labelled: dict[str, dict[str, Any]] = {}
        self._distributions = {name: self._distribution(name, one) for name, one in values.items()}
        self._open: dict[int, Any] = {}
        self._has_all = False
        self._places: set[Any] = set()
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
        """Ask for some trials, and for the next when these have been told, until the sampler has tried all there are."""
        self._has_all = False
        self._places.clear()
        begin = 0
        while begin < self.n and not self._has_all:
            asked = self._asked(min(self.at_a_time, self.n - begin))
            self._open = dict(enumerate(asked, begin))
            begin += len(asked)
            if asked:
                yield [self._parameters(trial) for trial in asked]

    def _asked(self, count: int) -> list[Any]:
        """Ask for so many trials; for fewer where a sampler that tries all there are begins to ask again."""
        asked: list[Any] = []
        for _ in range(count):
            trial = self._ask()
            place = self._place_among_all(trial)
            if place is not None and place in self._places:
                self._has_all = True
                self._tell(trial, state=self._optuna.trial.TrialState.FAIL)  # none is left running
                break
            self._places.add(place)
            asked.append(trial)
        return asked

    def _ask(self) -> Any:
        try:
            return self.study.ask(self._distributions)
        except ValueError as error:
            raise SweepError(
                f"the study cannot be asked: {str(error).rstrip('.')}; what is queued, or a grid of its sampler, has to be of "
                "the values, and a study that was asked before takes the same values in the same order: give these, or "
                "make it anew"
            ) from error

    def _place_among_all(self, trial: Any) -> Any:
        """Return which of all there are a trial is, where the sampler tries each of them once."""
        samplers, sampler = self._optuna.samplers, self.study.sampler
        is_grid = isinstance(sampler, samplers.GridSampler)
        if not is_grid and not isinstance(sampler, samplers.BruteForceSampler):
            return None
        if getattr(sampler, "_avoid_premature_stop", False):  # rather twice than not at all
            return None
        known = self.study.get_trials(deepcopy=False)[trial.number].system_attrs
        if "fixed_params" in known:  # the user's own
            return None
        return known.get("grid_id") if is_grid else tuple(trial.params.items())

    def _tell(self, trial: Any, *values: Any, **state: Any) -> None:
        """Tell the study of a trial, and note where its sampler then says that it has tried all there are."""
        try:
            self.study.tell(trial, *values, **state)
        except RuntimeError as error:  # the trial has been told by then
            if STOPS not in str(error):
                raise
            self._has_all = True

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
                self._tell(trial, values)
            else:
                pruned = outcome.status == PRUNED
                self._tell(trial, state=states.PRUNED if pruned else states.FAIL)
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
        return {name: self._value(name, trial.params[name]) for name in self.names}

    def _value(self, name: str, shown: Any) -> Any:
        labelled = self._labelled.get(name)
        return labelled.get(shown, shown) if labelled else plain(shown)

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
        shown = _shown(values)
        pairs = zip(shown, values, strict=True)
        self._labelled[name] = {label: value for label, value in pairs if label is not value}
        return made.CategoricalDistribution(shown)

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

    Values of a sequence that are numbers, texts, bool or None are those of the study (``study.best_params``,
    ``study.enqueue_trial``); of any other the study has the text that ``repr`` shows of it. A study keeps the values of
    a parameter as they were first given, and in their order.

    A sampler that tries all there are, as Optuna's grid does, may end the sweep before ``n``.

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


def _shown(values: Sequence[Any]) -> list[Any]:
    """Return what Optuna is given for values: themselves where it can keep them, else the text that Python shows.

    Optuna takes 1 for True and for 1.0: where both are among the values, they are texts, too.
    """
    kept = [type(one) in CHOICES for one in values]
    kinds: dict[Any, set[type]] = {}
    for one, is_kept in zip(values, kept, strict=True):
        if is_kept:
            kinds.setdefault(one, set()).add(type(one))
    texts = {one for one in kinds if isinstance(one, str)}
    told: Counter[str] = Counter()
    shown = []
    for one, is_kept in zip(values, kept, strict=True):
        if is_kept and len(kinds[one]) == 1:
            shown.append(one)
            continue
        label = ADDRESS.sub("", repr(one))  # another in each process
        told[label] += 1
        while label in texts or label in shown:
            label = f"{label} ({told[label]})"
        shown.append(label)
    return shown


def _imported() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise ImportError(
            "from_optuna needs Optuna; install it with: pip install 'ml4t-backtest[sweep]'"
        ) from error
    return optuna
