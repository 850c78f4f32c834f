"""How a gate decides: from rounds of fours to pass, fail, or too noisy to tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.harness import Fours
from benchmarks.ratios import Interval, overhead

ROUNDS = 8
FOURS_A_ROUND = 120
SECONDS_A_GATE = 60.0
WIDEST = 0.01
FARTHEST_FROM_ZERO = 0.005


@dataclass(frozen=True)
class Verdict:
    """What a gate measured and what follows.

    Attributes
    ----------
    overhead : Interval
        Of b over a.
    itself : Interval
        Of a over a: what this machine calls zero now.
    bound : float
    n_fours, n_rounds : int
    nanoseconds : float
        Median of a.
    """

    overhead: Interval
    itself: Interval
    bound: float
    n_fours: int
    n_rounds: int
    nanoseconds: float

    @property
    def word(self) -> str:
        """``pass``, ``fail`` or ``too noisy``."""
        if is_noisy(self.itself):
            return "too noisy"
        return "pass" if self.overhead.high < self.bound else "fail"


def is_noisy(itself: Interval) -> bool:
    """Return whether a machine that measures a thing against itself so cannot measure a difference."""
    return (
        itself.width > WIDEST
        or itself.low > FARTHEST_FROM_ZERO
        or itself.high < -FARTHEST_FROM_ZERO
    )


class Measurement:
    """Rounds of a gate, until the machine is quiet enough to tell or the time is up.

    More fours are taken for the sake of the noise only, which is judged by equal things: whether b looks
    good or bad has no say in when to stop.

    Parameters
    ----------
    bound : float
        Largest overhead allowed, as a fraction.
    measure_round : callable
        Takes some fours in a fresh process.
    n_rounds : int
        Rounds at least, whatever they take.
    seconds : float
        No round is begun after so many have been spent in rounds, the first ``n_rounds`` aside.
    clock : callable
    """

    def __init__(
        self,
        bound: float,
        measure_round: Callable[[], Fours],
        *,
        n_rounds: int = ROUNDS,
        seconds: float = SECONDS_A_GATE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bound = bound
        self._measure_round = measure_round
        self._n_rounds = n_rounds
        self._seconds = seconds
        self._clock = clock
        self._rounds: list[Fours] = []
        self._spent = self._longest = 0.0

    def take(self) -> None:
        """Measure one round more."""
        begun = self._clock()
        self._rounds.append(self._measure_round())
        took = self._clock() - begun
        self._spent += took
        self._longest = max(self._longest, took)

    def is_over(self) -> bool:
        """Return whether the rounds tell, or no other has time."""
        if len(self._rounds) < self._n_rounds:
            return False
        is_late = self._spent + self._longest > self._seconds
        return is_late or not is_noisy(self.verdict().itself)

    def verdict(self) -> Verdict:
        """Return what the rounds so far say."""
        return _verdict(self._bound, self._rounds)


def in_turn(measurements: Iterable[Measurement]) -> None:
    """Take rounds of each in turn, until all are over.

    A machine has slow minutes, and what rules cost is not the same in them: rounds of one gate lie as far
    apart as the others make them.
    """
    left = list(measurements)
    while left:
        for measurement in left:
            measurement.take()
        left = [one for one in left if not one.is_over()]


def _verdict(bound: float, rounds: list[Fours]) -> Verdict:
    compared = np.concatenate([fours.compared for fours in rounds])
    itself = np.concatenate([fours.itself for fours in rounds])
    return Verdict(
        overhead(compared),
        overhead(itself),
        bound,
        len(compared),
        len(rounds),
        float(np.median(compared[:, [0, 3]])),
    )
