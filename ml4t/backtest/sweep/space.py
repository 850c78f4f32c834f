"""Which parameters are tried: every combination of a grid, or draws at random."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml4t.backtest.sweep.errors import SweepError

Parameters = dict[str, Any]


class Space(ABC):
    """The parameters of trials, in order.

    Attributes
    ----------
    names : tuple of str
    stages : tuple of float
        Fractions of the timestamps over which a trial runs before it runs over all data.
    """

    names: tuple[str, ...]
    stages: tuple[float, ...] = ()

    @abstractmethod
    def __len__(self) -> int:
        """Trials."""

    @abstractmethod
    def batches(self) -> Iterator[list[Parameters]]:
        """Yield trials that do not depend on one another; what comes of them is told before the next."""

    def check_measures(self, measures: Mapping[str, Any]) -> None:  # noqa: B027
        """Refuse measures without those that the space is told of."""

    def objective(self, measures: Sequence[str]) -> str:
        """Return the measure whose best is said while a sweep goes on."""
        return "sharpe" if "sharpe" in measures else measures[0]

    def ended(self, n_times: int, reached: Mapping[int, Any]) -> Mapping[int, Any]:
        """Take what came of a stage, and return what became of the trials that end there.

        Parameters
        ----------
        n_times : int
            Timestamps of the stage.
        reached : mapping of int to Outcome
            By the number of the trial, those of the batch that have not ended before.
        """
        return {}

    def tell(self, begin: int, outcomes: Any) -> None:  # noqa: B027 - most spaces do not want to know
        """Take what came of the last batch.

        Parameters
        ----------
        begin : int
            The number of its first trial.
        outcomes : Outcomes
        """


class Grid(Space):
    """Every combination, the last parameter changing first; made by :func:`grid`."""

    def __init__(self, values: Mapping[str, Iterable[Any]]) -> None:
        self.values = {name: _listed(name, given) for name, given in values.items()}
        self.names = tuple(self.values)
        _check_not_empty(self.names)

    def __len__(self) -> int:
        return math.prod(map(len, self.values.values()))

    def batches(self) -> Iterator[list[Parameters]]:
        """Yield all of them."""
        each = itertools.product(*self.values.values())
        yield [dict(zip(self.names, values, strict=True)) for values in each]

    def __repr__(self) -> str:
        return f"grid({', '.join(f'{name}={values}' for name, values in self.values.items())})"


@dataclass(frozen=True)
class Between:
    """Numbers of an interval; made by :func:`between`."""

    low: float
    high: float
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether they are whole numbers: both ends are."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def drawn(self, generator: np.random.Generator) -> float:
        """Return one of them."""
        low, high = float(self.low), float(self.high) + self.whole
        if not self.log:
            value = generator.uniform(low, high)
        else:
            value = math.exp(generator.uniform(math.log(low), math.log(high)))
        return min(int(value), int(self.high)) if self.whole else min(value, float(self.high))


class Random(Space):
    """Draws, each parameter on its own; made by :func:`random`."""

    def __init__(self, n: int, values: Mapping[str, Any], seed: int) -> None:
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise SweepError(f"n must be a positive number of draws, was {n!r}")
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
            raise SweepError(f"seed must be a whole number, 0 or above, was {seed!r}")
        self.n, self.seed = int(n), int(seed)
        self.values = {name: distribution(name, given) for name, given in values.items()}
        self.names = tuple(self.values)
        _check_not_empty(self.names)

    def __len__(self) -> int:
        return self.n

    def batches(self) -> Iterator[list[Parameters]]:
        """Yield all of them."""
        generator = np.random.default_rng(self.seed)
        yield [
            {name: _draw(given, generator) for name, given in self.values.items()}
            for _ in range(self.n)
        ]

    def __repr__(self) -> str:
        return f"random({self.n}, seed={self.seed}, {', '.join(self.names)})"


def grid(values: Mapping[str, Iterable[Any]] | None = None, /, **named: Iterable[Any]) -> Grid:
    """Return every combination of some values.

    Parameters
    ----------
    values, named : iterable of values, by the name of the parameter
        Names that are no names of Python are given as a mapping.

    Raises
    ------
    SweepError
        If there is no parameter, or one has no value.

    Examples
    --------
    >>> len(grid(stop=[0.02, 0.05], target=[0.05, 0.1, 0.2]))
    6
    """
    return Grid(by_name(values, named))


def random(
    n: int, values: Mapping[str, Any] | None = None, /, *, seed: int, **named: Any
) -> Random:
    """Return draws at random, the same for the same seed.

    Parameters
    ----------
    n : int
        Draws.
    values, named : by the name of the parameter
        A sequence, one of which is taken, :func:`between`, or a distribution of SciPy.
    seed : int

    Raises
    ------
    SweepError
        If there is no parameter, one has no value, or n is no positive number.

    Examples
    --------
    >>> space = random(100, seed=1, stop=between(0.01, 0.1), lookback=between(5, 250, log=True))
    """
    return Random(n, by_name(values, named), seed)


def between(low: float, high: float, *, log: bool = False) -> Between:
    """Return the numbers from ``low`` to ``high``: whole ones where both ends are.

    Parameters
    ----------
    low, high : int or float
        Both included.
    log : bool
        Draw their logarithms evenly, for sizes that differ by factors.

    Raises
    ------
    SweepError
        If there is no number between them, or a logarithm is asked of what has none.
    """
    if not (_is_finite(low) and _is_finite(high) and low < high):
        raise SweepError(f"between needs two finite numbers, low below high, had {low!r}, {high!r}")
    if log and not low > 0:
        raise SweepError(f"between(..., log=True) needs numbers above 0, had {low!r}")
    return Between(plain(low), plain(high), log)


def plain(value: Any) -> Any:
    """Return a scalar of NumPy as one of Python, anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def _is_finite(number: Any) -> bool:
    try:
        return math.isfinite(number)
    except (TypeError, ValueError, OverflowError):
        return False


def by_name(values: Any, named: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is given of each parameter, by its name."""
    if values is not None and not isinstance(values, Mapping):
        raise SweepError(f"parameters are given by name, or as a mapping of names, were {values!r}")
    given = {**(values or {}), **named}
    for name in given:
        if not isinstance(name, str) or not name:
            raise SweepError(f"the name of a parameter must be text, was {name!r}")
    return given


def _listed(name: str, given: Any) -> list[Any]:
    # Sets have another order in another process, and the table is in the order of the space.
    unordered = isinstance(given, str | bytes | set | frozenset | Mapping)
    if unordered or not isinstance(given, Iterable):
        raise SweepError(f"{name} must be the values to try, a list say, was {given!r}")
    values = [plain(value) for value in given]
    if not values:
        raise SweepError(f"{name} has no value to try")
    return values


def distribution(name: str, given: Any) -> Any:
    """Return what a parameter is drawn from: values as a list."""
    if isinstance(given, Between) or hasattr(given, "rvs"):
        return given
    return _listed(name, given)


def _draw(given: Any, generator: np.random.Generator) -> Any:
    if isinstance(given, Between):
        return given.drawn(generator)
    if hasattr(given, "rvs"):
        return plain(given.rvs(random_state=generator))
    return given[int(generator.integers(len(given)))]


def _check_not_empty(names: tuple[str, ...]) -> None:
    if not names:
        raise SweepError("the space is empty: give at least one parameter with its values")
