"""What the best of many trials is worth: the deflated Sharpe ratio, and how often the choice of the best fails."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain, combinations, islice
from statistics import NormalDist
from typing import Any, Self, overload

import numpy as np
import pandas as pd

from ml4t.backtest.analytics.sharpe_inference import probabilistic_sharpe

EULER_GAMMA = 0.5772156649015329
NORMAL = NormalDist()
GROUPS = 16
MOST_GROUPS = 20
"""Their halves are 184,756 combinations."""
CELLS_AT_A_TIME = 2_000_000
NO_DEVIATION = 1e-12
"""Beside the largest return: what rounding leaves of returns that are all the same."""


class _Probability(float):
    """A float, with what it was made of as attributes."""

    @classmethod
    def _made(cls, probability: float, **facts: Any) -> Self:
        """Return a probability with what it was made of."""
        made = cls(probability)
        made.__dict__.update(facts)
        return made


class DeflatedSharpe(_Probability):
    """The probability that the Sharpe ratio behind the best of many trials is above what luck alone gives the best.

    A float, with what it was made of.

    Attributes
    ----------
    sharpe, benchmark : float
        Sharpe ratio of the trial, and the one that the best of so many is expected to show without any skill; both
        annual where ``periods_per_year`` was given, else of one return.
    n : int
        Returns.
    trials : float
    variance : float
        Of the Sharpe ratios of the trials, in the unit of ``sharpe``.
    skewness, kurtosis : float
        Of the returns; 0 and 3 where they are normal.
    trial : object
        Which one it was, where returns of all were given; else None.
    """

    sharpe: float
    benchmark: float
    n: int
    trials: float
    variance: float
    skewness: float
    kurtosis: float
    trial: Any

    def __repr__(self) -> str:
        return (
            f"DeflatedSharpe({float(self):.4f}: {self.sharpe:.4g}, where luck gives the best of {self.trials:g} "
            f"{self.benchmark:.4g})"
        )


class BacktestOverfitting(_Probability):
    """The probability that the trial that was best in one half of the time is not above the middle of all in the other.

    A float, with what it was made of; a value for each combination of groups.

    Attributes
    ----------
    logits : float64 array, shape (n_combinations,)
        ln(w/(1 - w)), w the rank in the other half over the number of trials plus one: 0 is the middle.
    in_sample, out_of_sample : float64 array, shape (n_combinations,)
        Sharpe ratio of one return of the trial that was chosen, where it was chosen and in the other half.
    chosen : array, shape (n_combinations,)
        The trial that was chosen.
    groups, trials, n : int
        Groups of sessions, trials, sessions.
    """

    logits: np.ndarray
    in_sample: np.ndarray
    out_of_sample: np.ndarray
    chosen: np.ndarray
    groups: int
    trials: int
    n: int

    @property
    def probability_of_loss(self) -> float:
        """How often the trial that was chosen lost in the other half."""
        return float(np.mean(self.out_of_sample < 0.0))

    def __repr__(self) -> str:
        return (
            f"BacktestOverfitting({float(self):.4f}: {self.trials:,} trials, {len(self.logits):,} combinations of "
            f"{self.groups} groups)"
        )


def best_of_luck(trials: float, variance: float) -> float:
    """Return the Sharpe ratio that the best of so many trials is expected to show where all are worth nothing.

    Parameters
    ----------
    trials : float
        Independent ones, 1 or more.
    variance : float
        Of their Sharpe ratios.

    Returns
    -------
    float
        In the unit of the square root of ``variance``; 0 of a single trial, which nobody has chosen.

    Notes
    -----
    sqrt(V)((1 - g) Z(1 - 1/N) + g Z(1 - 1/(N e))), g the constant of Euler and Mascheroni, Z the quantile of the normal
    distribution: Bailey and López de Prado, *The Deflated Sharpe Ratio*, Journal of Portfolio Management 40 (2014).
    """
    _check_trials(trials)
    _check_number("variance", variance, least=0.0)
    if trials == 1:
        return 0.0
    quantile = NORMAL.inv_cdf
    largest = (1.0 - EULER_GAMMA) * quantile(1.0 - 1.0 / trials) + EULER_GAMMA * quantile(
        1.0 - 1.0 / (trials * math.e)
    )
    return max(0.0, math.sqrt(variance) * largest)


@overload
def deflated_sharpe(
    sharpe: float,
    n: int,
    *,
    trials: float,
    variance: float,
    skewness: float = ...,
    kurtosis: float = ...,
    periods_per_year: float | None = ...,
) -> DeflatedSharpe: ...


@overload
def deflated_sharpe(
    sharpe: Any,
    *,
    trial: Any = ...,
    trials: float | None = ...,
    periods_per_year: float | None = ...,
) -> DeflatedSharpe: ...


def deflated_sharpe(
    sharpe: Any,
    n: int | None = None,
    *,
    trials: float | None = None,
    variance: float | None = None,
    skewness: float | None = None,
    kurtosis: float | None = None,
    trial: Any = None,
    periods_per_year: float | None = None,
) -> DeflatedSharpe:
    """Return the probability that a Sharpe ratio is more than the luck of the best of many trials.

    Parameters
    ----------
    sharpe : float, or returns of all trials
        The Sharpe ratio of the best. Or a frame with a column of returns for each trial, or a
        :class:`~ml4t.backtest.sweep.SweepResult` that kept them: all the rest is taken from there.
    n : int, optional
        Returns it was made of.
    trials : float, optional
        How many were tried. Of returns it is the number of columns, of a sweep that of the trials that were done or pruned;
        give fewer where many of them are nearly the same.
    variance : float, optional
        Of the Sharpe ratios of all trials.
    skewness, kurtosis : float, optional
        Of the returns of the best; 0 and 3 where they are normal, which is the default.
    trial : optional
        The column that was chosen, where it was not the highest Sharpe ratio.
    periods_per_year : float, optional
        Returns in a year, where ``sharpe`` and ``variance`` are annual. Of returns it makes those of the answer
        annual, and changes no probability.

    Returns
    -------
    DeflatedSharpe
        A float from 0 to 1. It holds ``benchmark``, what the best of so many shows without any skill.

    Raises
    ------
    ValueError
        If something is missing, there is more than there may be, or no distribution has such moments.

    Notes
    -----
    Z((SR - SR0) sqrt(n - 1)/sqrt(1 - g3 SR + (g4 - 1)/4 SR²)), all of one return, g3 the skewness, g4 the kurtosis, SR0
    from :func:`best_of_luck`: Bailey and López de Prado (2014). Trials that fail, and runs of other sweeps that
    nobody has counted, are not seen: the answer is as honest as the number of trials.

    Examples
    --------
    >>> round(deflated_sharpe(2.5, 1250, trials=100, variance=0.5, skewness=-3, kurtosis=10, periods_per_year=250), 4)
    0.9004
    """
    year = 1.0 if periods_per_year is None else periods_per_year
    _check_number("periods_per_year", year, above=0.0)
    if not isinstance(sharpe, int | float | np.number) or isinstance(sharpe, bool):
        _refuse_beside_returns(n=n, variance=variance, skewness=skewness, kurtosis=kurtosis)
        tried = _n_tried(sharpe) if trials is None else trials
        return _of_returns(trial_returns(sharpe), trial, tried, year)
    if n is None or trials is None or variance is None:
        raise ValueError(
            "deflated_sharpe of a number needs n, the number of its returns, and trials and variance of their Sharpe "
            "ratios; or give the returns of all trials in its place"
        )
    if trial is not None:
        raise ValueError(
            "trial names a column of returns; a Sharpe ratio was given: leave trial out"
        )
    _check_number("sharpe", sharpe)
    return _deflated(
        float(sharpe) / math.sqrt(year),
        n,
        trials,
        variance / year,
        0.0 if skewness is None else skewness,
        3.0 if kurtosis is None else kurtosis,
        None,
        year,
    )


def probability_of_backtest_overfitting(returns: Any, groups: int = GROUPS) -> BacktestOverfitting:
    """Return how often the best of one half of the time is not above the middle of all trials in the other half.

    Parameters
    ----------
    returns : frame of returns, or SweepResult that kept them
        A row for each session, a column for each trial.
    groups : int, even
        Consecutive sessions of about the same number. Each half of the groups is one where the best is chosen.

    Returns
    -------
    BacktestOverfitting
        A float from 0 to 1. Where the choice says nothing it is about one half, of an odd number of trials somewhat more:
        one of them is the middle, which counts (two thirds of three).

    Raises
    ------
    ValueError
        If there are fewer than two trials, returns are missing, or groups are odd, fewer than two, more than 20 or too
        many for the sessions.

    Notes
    -----
    Combinatorially symmetric cross-validation: Bailey, Borwein, López de Prado and Zhu, *The Probability of Backtest
    Overfitting*, Journal of Computational Finance 20 (2017). The measure is the Sharpe ratio; trials of equal ones share
    the middle of their ranks. Time grows with the number of combinations, C(16, 8) = 12,870, times that of trials.
    """
    table = trial_returns(returns)
    _check_groups(groups, table)
    values = table.to_numpy(np.float64)
    if values.shape[1] < 2:
        raise ValueError("there is one trial: nothing was chosen, so that no choice can fail")
    sums = _GroupSums(values, groups)
    logits, inside, outside, chosen = [], [], [], []
    for taken in _halves(groups, values.shape[1]):
        here, there = sums.sharpes(taken), sums.sharpes(~taken)
        best = here.argmax(axis=1)
        rows = np.arange(len(best))
        own = there[rows, best]
        below = (there < own[:, None]).sum(axis=1)
        ties = (there == own[:, None]).sum(axis=1)
        rank = (below + (ties + 1) / 2.0) / (values.shape[1] + 1.0)
        logits.append(np.log(rank / (1.0 - rank)))
        inside.append(here[rows, best])
        outside.append(own)
        chosen.append(best)
    all_logits = np.concatenate(logits)
    return BacktestOverfitting._made(
        float(np.mean(all_logits <= 0.0)),
        logits=all_logits,
        in_sample=np.concatenate(inside),
        out_of_sample=np.concatenate(outside),
        chosen=np.asarray(table.columns)[np.concatenate(chosen)],
        groups=groups,
        trials=values.shape[1],
        n=len(values),
    )


# ---- what is given ---------------------------------------------------------------------------------


def _n_tried(given: Any) -> float | None:
    """Return how many trials a sweep has tried, those included that were pruned and have no returns; None of a frame."""
    return given.n_tried if callable(getattr(given, "tried_returns", None)) else None


def trial_returns(given: Any) -> pd.DataFrame:
    """Return the returns of all trials as a frame of finite numbers.

    Parameters
    ----------
    given : DataFrame, array of shape (n_sessions, n_trials), or what has ``tried_returns()``

    Raises
    ------
    ValueError
        If it is nothing of the kind, or a return is missing.
    """
    if callable(getattr(given, "tried_returns", None)):
        given = given.tried_returns()
    if isinstance(given, np.ndarray) and given.ndim == 2:
        given = pd.DataFrame(given)
    if not isinstance(given, pd.DataFrame):
        raise ValueError(
            "give a frame with a column of returns for each trial, as read_returns(journal) returns it, or the result of a "
            f"sweep that kept them; was {type(given).__name__}"
        )
    if given.shape[1] == 0 or len(given) < 2:
        raise ValueError(
            f"there are {given.shape[1]:,} trials of {len(given):,} returns: at least one trial of two is needed"
        )
    try:
        values = given.to_numpy(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"returns must be numbers: {error}") from error
    missing = ~np.isfinite(values)
    if missing.any():
        row, column = np.argwhere(missing)[0]
        raise ValueError(
            f"{np.count_nonzero(missing):,} returns are missing or not finite, the first of trial "
            f"{_name(given.columns, column)!r} at {given.index[row]}: leave such trials out, or the sessions that not all have"
        )
    return given


def _name(names: pd.Index, place: int) -> Any:
    name = names[place]
    return name.item() if isinstance(name, np.generic) else name


def _of_returns(
    table: pd.DataFrame, trial: Any, trials: float | None, year: float
) -> DeflatedSharpe:
    values = table.to_numpy(np.float64)
    sharpes = _sharpes(values, table.columns)
    if len(sharpes) == 1 and trials is not None and trials > 1:
        raise ValueError(
            f"one of {trials:,g} trials has returns: how much the Sharpe ratios of all differ is not to be seen from it; give "
            "its Sharpe ratio as a number, with n, trials and their variance"
        )
    if trial is None:
        place = int(np.argmax(sharpes))
    elif trial in table.columns:
        place = int(np.flatnonzero(table.columns == trial)[0])
    else:
        raise ValueError(
            f"there is no trial {trial!r} among the {len(sharpes):,} that have returns"
        )
    centred = values[:, place] - values[:, place].mean()
    second = np.mean(centred**2)
    flat = sharpes[place] == 0.0 and second <= (NO_DEVIATION * np.abs(values[:, place]).max()) ** 2
    return _deflated(
        float(sharpes[place]),
        len(values),
        len(sharpes) if trials is None else trials,
        float(np.var(sharpes, ddof=1)) if len(sharpes) > 1 else 0.0,
        0.0 if flat else float(np.mean(centred**3) / second**1.5),
        3.0 if flat else float(np.mean(centred**4) / second**2),
        _name(table.columns, place),
        year,
    )


def _deflated(
    sharpe: float,
    n: int,
    trials: float,
    variance: float,
    skewness: float,
    kurtosis: float,
    trial: Any,
    year: float,
) -> DeflatedSharpe:
    """Return it of numbers of one return; what it holds is by year."""
    _check_number("n", n, least=2)
    _check_number("skewness", skewness)
    _check_number("kurtosis", kurtosis)
    if kurtosis < (1.0 + skewness**2) * (1.0 - NO_DEVIATION):
        raise ValueError(
            f"kurtosis must be at least 1 + skewness², as that of every distribution is; were {kurtosis:g} and "
            f"{skewness:g}: it is 3 for normal returns, not 0"
        )
    benchmark = best_of_luck(trials, variance)
    return DeflatedSharpe._made(
        probabilistic_sharpe(sharpe, n, skewness, kurtosis, benchmark),
        sharpe=sharpe * math.sqrt(year),
        benchmark=benchmark * math.sqrt(year),
        n=int(n),
        trials=trials,
        variance=variance * year,
        skewness=skewness,
        kurtosis=kurtosis,
        trial=trial,
    )


def _sharpes(values: np.ndarray, names: pd.Index) -> np.ndarray:
    """Return the Sharpe ratio of each trial; 0 of one that never earned nor lost."""
    means, deviations = values.mean(axis=0), values.std(axis=0, ddof=1)
    none = deviations <= NO_DEVIATION * np.abs(values).max(axis=0)
    risen = none & (np.abs(values).max(axis=0) > 0.0)
    if risen.any():
        raise ValueError(
            f"the returns of trial {_name(names, int(np.argmax(risen)))!r} are all the same: it has no Sharpe ratio; leave it out"
        )
    return np.divide(means, deviations, out=np.zeros(len(means)), where=~none)


class _GroupSums:
    """Sums over groups of sessions, of which the Sharpe ratios of any union are made."""

    def __init__(self, values: np.ndarray, groups: int) -> None:
        pieces = np.array_split(np.arange(len(values)), groups)
        begins = [piece[0] for piece in pieces]
        self._means = values.mean(axis=0)
        centred = values - self._means  # squares of small differences, not differences of squares
        self._n = np.array([len(piece) for piece in pieces], np.float64)
        self._sums = np.add.reduceat(centred, begins, axis=0)
        self._squares = np.add.reduceat(centred**2, begins, axis=0)
        self._least = (NO_DEVIATION * np.abs(values).max(axis=0)) ** 2

    def sharpes(self, taken: np.ndarray) -> np.ndarray:
        """Return those of each union of groups: shape (n_unions, n_trials)."""
        weights = taken.astype(np.float64)
        n = (weights @ self._n)[:, None]
        means = weights @ self._sums / n
        variance = (weights @ self._squares - n * means**2) / (n - 1.0)
        mean = means + self._means
        flat = variance <= self._least
        # Without deviation: nothing where nothing was earned, else beyond all that have one.
        ratio = np.where(np.abs(mean) > np.sqrt(self._least), np.copysign(np.inf, mean), 0.0)
        np.divide(mean, np.sqrt(np.where(flat, 1.0, variance)), out=ratio, where=~flat)
        return ratio


def _halves(groups: int, n_trials: int) -> Iterator[np.ndarray]:
    """Yield every half of the groups, as marks of shape (some, groups)."""
    each = combinations(range(groups), groups // 2)
    at_a_time = max(1, CELLS_AT_A_TIME // n_trials)
    while some := list(islice(each, at_a_time)):
        taken = np.zeros((len(some), groups), bool)
        places = np.fromiter(chain.from_iterable(some), np.intp, len(some) * (groups // 2))
        taken[np.arange(len(some)).repeat(groups // 2), places] = True
        yield taken


# ---- checks ----------------------------------------------------------------------------------------


def _check_groups(groups: Any, table: pd.DataFrame) -> None:
    is_whole = isinstance(groups, int | np.integer) and not isinstance(groups, bool)
    if not is_whole or groups % 2 or not 2 <= groups <= MOST_GROUPS:
        raise ValueError(
            f"groups must be an even number from 2 to {MOST_GROUPS}, so that they have halves; was {groups!r}"
        )
    if len(table) < 2 * groups:
        raise ValueError(
            f"{len(table):,} sessions are too few for {groups} groups of at least two; give fewer groups"
        )


def _check_trials(trials: Any) -> None:
    _check_number("trials", trials, least=1)


def _check_number(
    name: str, value: Any, *, least: float | None = None, above: float | None = None
) -> None:
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    wanted = "a finite number"
    wanted += f" of at least {least:g}" if least is not None else ""
    wanted += f" above {above:g}" if above is not None else ""
    if (
        not is_number
        or not math.isfinite(value)
        or (least is not None and value < least)
        or (above is not None and value <= above)
    ):
        raise ValueError(f"{name} must be {wanted}, was {value!r}")


def _refuse_beside_returns(**given: Any) -> None:
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"{name} is taken from the returns of the trials: leave it out")
