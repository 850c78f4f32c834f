"""How a gate decides: from rounds of fours to pass, fail, or too noisy to tell."""

from __future__ import annotations

import time
from collections.abc import Callable
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


def decide(
    bound: float,
    measure_round: Callable[[], Fours],
    *,
    n_rounds: int = ROUNDS,
    seconds: float = SECONDS_A_GATE,
    clock: Callable[[], float] = time.monotonic,
) -> Verdict:
    """Measure rounds until the machine is quiet enough to tell, or the time is up.

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
        No round is begun that would end later, the first ``n_rounds`` aside.
    clock : callable
    """
    rounds: list[Fours] = []
    begun = clock()
    while True:
        round_begun = clock()
        rounds.append(measure_round())
        now = clock()
        if len(rounds) < n_rounds:
            continue
        verdict = _verdict(bound, rounds)
        if not is_noisy(verdict.itself) or now - begun + (now - round_begun) > seconds:
            return verdict


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
