"""Ratios of two timings, and how sure we are of them.

Everything here is arithmetic on nanoseconds that were measured elsewhere (:mod:`benchmarks.harness`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 2_000
_RESAMPLED_AT_A_TIME = 250


class Interval(NamedTuple):
    """A relative overhead with its bootstrap interval: 0.02 means two percent more time."""

    estimate: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """Distance of the two ends."""
        return self.high - self.low


def pair_ratio(pairs: np.ndarray) -> float:
    """Return the median of b/a.

    Parameters
    ----------
    pairs : int64 array, shape (n, 2)
        Nanoseconds of a and b, run one right after the other.
    """
    pairs = _checked(pairs, 2)
    return float(np.median(pairs[:, 1] / pairs[:, 0]))


def pair_ratio_interval(pairs: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Return the ends of the bootstrap interval of :func:`pair_ratio`."""
    pairs = _checked(pairs, 2)
    low, high = _bootstrap_interval(np.log(pairs[:, 1] / pairs[:, 0]), seed)
    return float(np.exp(low)), float(np.exp(high))


def four_log_ratios(fours: np.ndarray) -> np.ndarray:
    """Return ln(B1·B2/(A1·A2))/2 of every four.

    Whatever changes steadily within a four (clock frequency, heat, a neighbour waking up) slows A1 and
    A2 together as much as B1 and B2, and cancels.

    Parameters
    ----------
    fours : int64 array, shape (n, 4)
        Nanoseconds in the order of running: A1, B1, B2, A2.

    Returns
    -------
    float64 array, shape (n,)
    """
    times = np.log(_checked(fours, 4))
    return (times[:, 1] + times[:, 2] - times[:, 0] - times[:, 3]) / 2


def overhead(fours: np.ndarray, seed: int = 0) -> Interval:
    """Return by how much B is slower than A: the median over fours and its bootstrap interval.

    Parameters
    ----------
    fours : int64 array, shape (n, 4)
        Nanoseconds in the order of running: A1, B1, B2, A2.
    seed : int
        Of the bootstrap; the same fours give the same interval.

    Returns
    -------
    Interval
        As a fraction of A's time.
    """
    values = four_log_ratios(fours)
    low, high = _bootstrap_interval(values, seed)
    return Interval(*(float(np.expm1(value)) for value in (np.median(values), low, high)))


def _bootstrap_interval(values: np.ndarray, seed: int) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(_bootstrap_medians(values, seed), (tail, 1 - tail))
    return low, high


def _bootstrap_medians(values: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    blocks = [
        np.median(
            values[rng.integers(len(values), size=(_RESAMPLED_AT_A_TIME, len(values)))], axis=1
        )
        for _ in range(RESAMPLES // _RESAMPLED_AT_A_TIME)
    ]
    return np.concatenate(blocks)


def _checked(times: np.ndarray, columns: int) -> np.ndarray:
    times = np.asarray(times)
    if times.ndim != 2 or times.shape[1] != columns or len(times) == 0:
        raise ValueError(f"timings must have shape (n, {columns}) with n > 0, had {times.shape}")
    if not (times > 0).all():
        raise ValueError(
            f"{int((times <= 0).sum())} timings are not positive: the clock is too coarse"
        )
    return times
