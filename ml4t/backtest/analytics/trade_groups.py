"""What round trips are grouped by: names, times on the clock of the prices, quantiles and regimes."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ml4t.backtest.analytics.errors import AnalysisError
from ml4t.backtest.records.shown_times import ShownTimes

OPEN = "open"
"""The group of positions still open, where groups are made by what ends a trade."""
MOST_REGIMES = 50


class Groups(NamedTuple):
    """Which group each round trip belongs to.

    Attributes
    ----------
    codes : int array, shape (n,)
        The place of its label; -1 where it has none.
    labels : sequence
    by_pnl : bool
        Whether groups have no order of their own: those that earned most come first.
    """

    codes: np.ndarray
    labels: Sequence[Hashable]
    by_pnl: bool = False


def by_name(column: pd.Series) -> Groups:
    """Group by a column of names."""
    return Groups(column.cat.codes.to_numpy(np.int64), column.cat.categories.tolist(), True)


def by_exit(trips: pd.DataFrame, name: str) -> Groups:
    """Group by a column of names that a trade has when it ends; positions still open are one group."""
    codes, labels, _ = by_name(trips[name])
    return Groups(np.where(trips["is_open"], len(labels), codes), [*labels, OPEN], True)


def by_rule(trips: pd.DataFrame) -> Groups:
    """Group by the rule that ended a trade, by the reason where none did, as ``exits_by_rule`` counts."""
    rule, reason = by_name(trips["rule"]), by_name(trips["reason"])
    labels = list(dict.fromkeys([*rule.labels, *reason.labels, OPEN]))
    place = {label: number for number, label in enumerate(labels)}
    of_reason = np.array([*(place[label] for label in reason.labels), -1])[reason.codes]
    codes = np.where(rule.codes >= 0, rule.codes, of_reason)
    return Groups(np.where(trips["is_open"], place[OPEN], codes), labels, True)


def by_time(trips: pd.DataFrame, column: str, unit: str, shown: ShownTimes) -> Groups:
    """Group by the year, month, weekday or hour of a time; positions still open have no exit."""
    instants = pd.DatetimeIndex(trips[column])
    missing = np.asarray(instants.isna())
    times = shown.naive.shown(instants.fillna(pd.Timestamp(0, tz="UTC")))
    numbers, label = UNITS[unit]
    found, codes = np.unique(np.asarray(numbers(times))[~missing], return_inverse=True)
    labels: list[Hashable] = [label(int(number)) for number in found]
    placed = np.full(len(trips), len(labels), np.int64)
    placed[~missing] = codes
    return Groups(placed, [*labels, OPEN] if missing.any() else labels)


UNITS: Mapping[str, tuple[Callable[[pd.DatetimeIndex], Any], Callable[[int], Hashable]]] = {
    "year": (lambda times: times.year, lambda number: number),
    "month": (
        lambda times: times.year * 12 + times.month - 1,
        lambda number: f"{number // 12}-{number % 12 + 1:02}",
    ),
    "weekday": (lambda times: times.day_of_week, lambda number: calendar.day_name[number]),
    "hour": (lambda times: times.hour, lambda number: number),
}
WHEN = {"year": "exit", "month": "exit", "weekday": "entry", "hour": "entry"}
"""Which of its times a unit alone means: money is made when a trade ends, the hour is that of an entry."""
NAMES = ("rule", "exit_type", "reason", "asset", "side")
KEYS = (*NAMES, *UNITS, *(f"{when}_{unit}" for when in ("entry", "exit") for unit in UNITS))
"""What round trips can be grouped by, beside columns of their entry."""


def by_key(trips: pd.DataFrame, key: str, shown: ShownTimes) -> Groups:
    """Group by one of :data:`KEYS`."""
    if key == "rule":
        return by_rule(trips)
    if key in ("exit_type", "reason"):
        return by_exit(trips, key)
    if key in NAMES:
        return by_name(trips[key])
    when, _, unit = key.rpartition("_")
    return by_time(trips, f"{when or WHEN[unit]}_time", unit, shown)


def by_quantile(values: np.ndarray, n: int) -> Groups:
    """Group by quantile of a column, 1 the lowest: as many round trips in each as ties allow.

    Equal values are never parted, so a column of few values has fewer groups. NaN belongs to none.
    """
    known = ~np.isnan(values)
    ordered = np.sort(values[known])
    count = len(ordered)
    # In whole numbers: 0.6 of ten is not a little more than six.
    last = -(-np.arange(1, n) * count // n) - 1 if count else np.empty(0, np.int64)
    edges = np.unique(ordered[last[last >= 0]])
    edges = edges[edges < ordered[-1]] if count else edges
    codes = np.where(known, np.searchsorted(edges, values, "left"), -1)
    return Groups(codes, range(1, len(edges) + 2))


def by_value(values: np.ndarray, name: str) -> Groups:
    """Group by value, one regime each.

    Raises
    ------
    AnalysisError
        If there are more than 50 of them.
    """
    known = ~np.isnan(values)
    found, codes = np.unique(values[known], return_inverse=True)
    if len(found) > MOST_REGIMES:
        raise AnalysisError(
            f"{name} has {len(found):,} values, too many for a regime each: give edges=[...], or use by_quantile"
        )
    placed = np.full(len(values), -1)
    placed[known] = codes
    return Groups(placed, [int(one) if one == int(one) else float(one) for one in found])


def by_edges(values: np.ndarray, edges: np.ndarray, labels: Sequence[Hashable] | None) -> Groups:
    """Group by the range a value lies in; a value at an edge belongs to the range above it."""
    codes = np.where(np.isnan(values), -1, np.searchsorted(edges, values, "right"))
    if labels is not None:
        return Groups(codes, list(labels))
    text = [f"{edge:.12g}" for edge in edges]
    between = [f"{low} to {high}" for low, high in pairwise(text)]
    return Groups(codes, [f"below {text[0]}", *between, f"{text[-1]} and above"])


def combined(groups: Sequence[Groups], pnl: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Number the combinations of groups that occur, in their order.

    Parameters
    ----------
    groups : sequence of Groups
    pnl : float64 array, shape (n,), currency

    Returns
    -------
    codes : int array, shape (n,)
        The combination of each round trip.
    parts : list of int array, shape (n_combinations,)
        The code of each combination in each of the groups; -1 for none.
    """
    ranks = [_ranks(one, pnl) for one in groups]
    key = np.zeros(len(pnl), np.int64)
    for one, rank in zip(groups, ranks, strict=True):
        key = key * len(rank) + rank[one.codes]
        # Numbered anew, so that many keys do not overflow.
        key = np.unique(key, return_inverse=True)[1].astype(np.int64)
    _, first, codes = np.unique(key, return_index=True, return_inverse=True)
    return codes, [one.codes[first] for one in groups]


def _ranks(groups: Groups, pnl: np.ndarray) -> np.ndarray:
    """Return the rank of each label, and as the last element that of none: it comes last."""
    n = len(groups.labels)
    rank = np.arange(n + 1)
    if groups.by_pnl:
        sums = np.bincount(groups.codes + 1, pnl, minlength=n + 1)[1:]
        is_open = np.array([label == OPEN for label in groups.labels], bool)
        rank[np.lexsort((-sums, is_open))] = np.arange(n)
    return rank
