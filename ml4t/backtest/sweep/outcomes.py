"""What came of all trials, in the memory of a few numbers each, which is there from the beginning."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import Any

import numpy as np

from ml4t.backtest.sweep.kept_returns import KeptReturns
from ml4t.backtest.sweep.trial import DONE, FAILED, NOT_RUN, PRUNED, Outcome

STATUSES = (NOT_RUN, DONE, FAILED, PRUNED)
CODES = {status: code for code, status in enumerate(STATUSES)}
MISSING, FLOAT, INTEGER, OTHER = range(4)
MOST_EXACT = 2**53
"""Integers up to it are doubles, too."""


class Outcomes:
    """The outcomes of trials, by number.

    Parameters
    ----------
    n : int
        Trials.
    measures : sequence of str
    """

    def __init__(self, n: int, measures: Sequence[str]) -> None:
        self.n = n
        self.n_done = 0
        self._measures = {name: place for place, name in enumerate(measures)}
        self._values = np.full((len(measures), n), np.nan)
        self._kinds = np.full((len(measures), n), MISSING, np.int8)
        self._others: dict[tuple[int, int], Any] = {}
        self._status = np.zeros(n, np.int8)
        self._errors: dict[int, str] = {}
        self._seconds = np.full(n, np.nan)
        self._returns: dict[int, KeptReturns] = {}
        self._sessions: dict[bytes, bytes] = {}

    def put(self, numbers: Sequence[int], outcomes: Sequence[Outcome]) -> None:
        """Take in what came of trials: columns at a time, as one by one they would cost what a hundred bars do."""
        self.n_done += len(numbers)
        self._status[numbers] = [CODES[one.status] for one in outcomes]
        self._seconds[numbers] = [one.seconds for one in outcomes]
        for number, one in zip(numbers, outcomes, strict=True):
            if one.error:
                self._errors[number] = one.error
            if one.returns is not None:
                self._keep_returns(number, one.returns)
        measured = [one.measures for one in outcomes]
        if not all(measured):  # what failed has none
            numbers, measured = [*compress(numbers, measured)], [*filter(None, measured)]
        for place, values in enumerate(zip(*measured, strict=True)):
            self._put_measure(place, numbers, values)

    def _put_measure(self, place: int, numbers: Sequence[int], values: Sequence[Any]) -> None:
        kind = _kind_of_all(values)
        if kind in (FLOAT, INTEGER):  # nearly always
            self._kinds[place, numbers] = kind
            self._values[place, numbers] = values
            return
        for number, value in zip(numbers, values, strict=True):
            kind = _kind(value)
            self._kinds[place, number] = kind
            if kind == OTHER:
                self._others[place, number] = value
            elif kind != MISSING:
                self._values[place, number] = value

    def _keep_returns(self, number: int, returns: KeptReturns) -> None:
        own = returns.sessions  # one object for all that have the same
        self._returns[number] = returns._replace(sessions=self._sessions.setdefault(own, own))

    def status(self) -> list[str]:
        """Return the status of each trial."""
        return [STATUSES[code] for code in self._status]

    def errors(self) -> list[str]:
        """Return the error of each trial, empty where there is none."""
        return [self._errors.get(number, "") for number in range(self.n)]

    def seconds(self) -> np.ndarray:
        """Return how long each trial took."""
        return self._seconds.copy()

    def returns(self) -> dict[int, KeptReturns]:
        """Return the returns that were kept, by the number of the trial, in order."""
        return dict(sorted(self._returns.items()))

    def values(self, measure: str) -> list[Any]:
        """Return a measure of each trial; None where it was not measured."""
        place = self._measures[measure]
        return [self._value(place, number) for number in range(self.n)]

    def of(self, number: int) -> Outcome:
        """Return what came of a trial."""
        status = STATUSES[self._status[number]]
        measured = range(len(self._measures)) if status == DONE else ()
        return Outcome(
            number,
            status,
            tuple(self._value(place, number) for place in measured),
            self._errors.get(number, ""),
            float(self._seconds[number]),
            self._returns.get(number),
        )

    def _value(self, place: int, number: int) -> Any:
        kind = self._kinds[place, number]
        if kind == MISSING:
            return None
        if kind == OTHER:
            return self._others[place, number]
        value = float(self._values[place, number])
        return int(value) if kind == INTEGER else value


def _kind_of_all(values: Sequence[Any]) -> int:
    """Return the kind of numbers that are all of one; OTHER where they are not."""
    types = {*map(type, values)}
    if types == {float}:
        return FLOAT
    is_exact = types == {int} and min(values) >= -MOST_EXACT and max(values) <= MOST_EXACT
    return INTEGER if is_exact else OTHER


def _kind(value: Any) -> int:
    if value is None:
        return MISSING
    if type(value) is float:
        return FLOAT
    return INTEGER if type(value) is int and -MOST_EXACT <= value <= MOST_EXACT else OTHER
