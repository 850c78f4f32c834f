"""What came of trials on its way: from a worker into columns, and out of them again as it was."""

import math
import pickle

import pytest
from unit.sweep.studied import dips, market

from ml4t.backtest.sweep.driver import Driver
from ml4t.backtest.sweep.journal import NoJournal
from ml4t.backtest.sweep.kept_returns import KeptReturns
from ml4t.backtest.sweep.measures import Measures
from ml4t.backtest.sweep.outcomes import MOST_EXACT, Outcomes
from ml4t.backtest.sweep.shown_progress import NotShown
from ml4t.backtest.sweep.template import Recipe
from ml4t.backtest.sweep.trial import DONE, FAILED, NOT_RUN, PRUNED, Outcome, Runner, Trial
from ml4t.backtest.sweep.workers.task import packed, run_trials, sent, unpacked

MEASURED = [(1.5, 3, "a"), (None, MOST_EXACT + 1, True), (-0.0, -2, None), (math.inf, 0, 7)]


def kept(outcomes, numbers):
    made = Outcomes(6, ("x", "y", "z"))
    made.put(numbers, outcomes)
    return made


@pytest.mark.parametrize("n", [1, 2, 4])
def test_measures_of_any_kind_come_out_as_they_were(n):
    numbers = [5, 0, 3, 2][:n]
    outcomes = [Outcome(k, DONE, MEASURED[k], "", 0.5 + k) for k in range(n)]
    made = kept(outcomes, numbers)
    for number, one in zip(numbers, outcomes, strict=True):
        out = made.of(number)
        assert out == one._replace(key=number)
        assert [*map(type, out.measures)] == [*map(type, one.measures)]
    assert made.n_done == n
    assert made.values("x")[1] is None
    assert made.status()[1] == NOT_RUN


def test_what_failed_among_others_has_no_measures_and_leaves_theirs_in_place():
    outcomes = [
        Outcome("a", FAILED, (), "E: no", 0.1),
        Outcome("b", DONE, (1.0, 2, 3.0), "", 0.2, KeptReturns(b"days", b"values")),
        Outcome("c", PRUNED, (), "P: late", 0.3),
        Outcome("d", DONE, (4.0, 5, 6.0), "", 0.4, KeptReturns(b"days", b"others")),
    ]
    made = kept(outcomes, [0, 1, 2, 3])
    assert made.values("x") == [None, 1.0, None, 4.0, None, None]
    assert made.values("y") == [None, 2, None, 5, None, None]
    assert made.status()[:4] == [FAILED, DONE, PRUNED, DONE]
    assert made.errors()[:4] == ["E: no", "", "P: late", ""]
    assert [*made.returns()] == [1, 3]
    assert made.returns()[1].sessions is made.returns()[3].sessions


def test_trials_come_back_from_a_worker_as_they_would_from_here():
    runner = Runner(Recipe(dips), market(), Measures())
    trials = [Trial(name, {"fall": fall}) for name, fall in (("a", 0.001), ("b", "?"), ("c", 0.01))]
    columns = pickle.loads(pickle.dumps(run_trials(sent(runner), packed(trials))))
    there, here = unpacked(trials, columns), runner.outcomes(trials)
    assert [one._replace(seconds=0.0) for one in there] == [
        one._replace(seconds=0.0) for one in here
    ]
    assert [one.status for one in there] == [DONE, FAILED, DONE]


class TwoAtATime:
    """A crew of two who note what they are given; each run lasts so long."""

    n = 2

    def __init__(self, seconds):
        self.sizes = []
        self.seconds = seconds

    def wants_another(self, seconds):
        return False

    def suited(self, seconds, n):
        return self

    def outcomes(self, batches):
        for batch in batches:
            self.sizes.append(len(batch))
            yield [Outcome(one.key, DONE, (), "", self.seconds) for one in batch]


def test_batches_are_of_what_is_left_and_none_is_too_short_to_be_handed_out():
    runner = Runner(Recipe(dips), market(), Measures())
    crew = TwoAtATime(seconds=0.0001)
    trials = [Trial(number, {"fall": 0.01}) for number in range(1_001)]  # the first runs here
    outcomes = Driver(runner, crew, NoJournal(), NotShown()).outcomes(trials)
    assert sorted(one.key for some in outcomes for one in some) == [*range(1_001)]
    assert sum(crew.sizes) == 1_000
    assert crew.sizes[0] == 250  # not the one that was claimed with the first
    assert min(crew.sizes) >= 20  # two milliseconds
    assert len(crew.sizes) <= 14
