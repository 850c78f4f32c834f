"""A batch of trials on its way to the end: stage by stage, at last over all data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ml4t.backtest.sweep.driver import Driver
from ml4t.backtest.sweep.journal import Journal, NoJournal
from ml4t.backtest.sweep.shown_progress import NotShown, ShownProgress
from ml4t.backtest.sweep.space import Parameters, Space
from ml4t.backtest.sweep.trial import Outcome, Runner, Trial
from ml4t.backtest.sweep.workers.chosen import Crew


class Staged:
    """Brings batches of trials to their end.

    Parameters
    ----------
    space : Space
        It says after each stage which trials end there.
    ends : sequence of int
        The number of timestamps of each stage; none where trials run over all data at once.
    runner : Runner
    crew : Crew
    rows : Journal or NoJournal
    seen : ShownProgress or NotShown
    """

    def __init__(
        self,
        space: Space,
        ends: Sequence[int],
        runner: Runner,
        crew: Crew,
        rows: Journal | NoJournal,
        seen: ShownProgress | NotShown,
    ) -> None:
        self._space = space
        self._ends = ends
        self._rows = rows
        self._seen = seen
        # One for each stage, as each has found out how long its own runs take. No stage is a trial that is done.
        self._of_stage = {end: Driver(runner, crew, rows, NotShown()) for end in ends}
        self._of_all = Driver(runner, crew, rows, seen)

    def outcomes(
        self, begin: int, batch: Sequence[Parameters]
    ) -> Iterator[tuple[list[int], list[Outcome]]]:
        """Yield what comes of the trials, with their numbers, some at a time and in any order.

        Parameters
        ----------
        begin : int
            The number of the first trial.
        batch : sequence of dict
        """
        left = dict(enumerate(batch, begin))
        spent: defaultdict[int, float] = defaultdict(float)
        for end in self._ends:
            reached: dict[int, Outcome] = {}
            for numbers, outcomes in self._run(self._of_stage[end], left, end):
                reached.update(zip(numbers, outcomes, strict=True))
            for number, outcome in reached.items():
                spent[number] += outcome.seconds
            for number, outcome in self._space.ended(end, reached).items():
                del left[number]
                ended = outcome._replace(seconds=spent[number])
                self._seen.add([ended], are_new=False)
                yield [number], [ended]
        for numbers, outcomes in self._run(self._of_all, left):
            if spent:
                outcomes = [
                    one._replace(seconds=spent[number] + one.seconds)
                    for number, one in zip(numbers, outcomes, strict=True)
                ]
            yield numbers, outcomes

    def _run(
        self, driver: Driver, parameters: Mapping[int, Parameters], end: int | None = None
    ) -> Iterator[tuple[list[int], list[Outcome]]]:
        places: dict[Any, list[int]] = {}  # equal parameters are one trial
        for number, one in parameters.items():
            places.setdefault(self._rows.key(one, end), []).append(number)
        trials = [Trial(key, parameters[at[0]], end) for key, at in places.items()]
        for outcomes in driver.outcomes(trials):
            numbers = [number for one in outcomes for number in places[one.key]]
            if len(numbers) > len(outcomes):
                outcomes = [one for one in outcomes for _ in places[one.key]]
            yield numbers, outcomes
