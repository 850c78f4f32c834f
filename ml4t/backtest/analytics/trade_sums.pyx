"""Sums over the round trips of a run, and how they ended: of the sixty of a short run NumPy's calls would be the most."""

from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.analytics.pairwise_sum cimport ITSELF, pairwise_sum

import numpy as np


def profit_sums(const double[::1] net_pnl not None):
    """Return how many trades won, their sum, how many lost, their sum, and the sum of all.

    Parameters
    ----------
    net_pnl : float64 array, shape (n_trades,), currency
        One of 0 neither won nor lost.

    Returns
    -------
    tuple of (int, float, int, float, float)
        Sums have the rounding of NumPy's.
    """
    cdef Py_ssize_t n = net_pnl.shape[0]
    cdef Py_ssize_t i
    cdef Py_ssize_t n_won = 0
    cdef Py_ssize_t n_lost = 0
    cdef double won
    cdef double lost
    cdef double[::1] some
    if n == 0:
        return 0, 0.0, 0, 0.0, 0.0
    some = np.empty(n)
    for i in range(n):
        if net_pnl[i] > 0.0:
            some[n_won] = net_pnl[i]
            n_won += 1
    won = pairwise_sum(&some[0], n_won, ITSELF, 0.0)
    for i in range(n):
        if net_pnl[i] < 0.0:
            some[n_lost] = net_pnl[i]
            n_lost += 1
    lost = pairwise_sum(&some[0], n_lost, ITSELF, 0.0)
    return n_won, won, n_lost, lost, pairwise_sum(&net_pnl[0], n, ITSELF, 0.0)


def counted_exits(
    const int32_t[:] rule not None, const int32_t[:] reason not None, Py_ssize_t n_rules, Py_ssize_t n_reasons
):
    """Count trades by the code of their rule, and those without by the code of their reason.

    Parameters
    ----------
    rule, reason : int32 array, shape (n_trades,)
        -1 is none.
    n_rules, n_reasons : int
        How many of each have a name; a code beyond is not counted.

    Returns
    -------
    list of int, of length n_rules + 1 + n_reasons
        Of each rule, of neither rule nor reason, of each reason.
    """
    cdef Py_ssize_t i
    if rule.shape[0] != reason.shape[0]:
        raise ValueError(f"rule and reason must have one length, had {rule.shape[0]} and {reason.shape[0]}")
    if n_rules < 0 or n_reasons < 0:
        raise ValueError(f"numbers of names must not be negative, were {n_rules} and {n_reasons}")
    made = np.zeros(n_rules + 1 + n_reasons, np.int64)
    cdef int64_t[::1] count = made
    for i in range(rule.shape[0]):
        if 0 <= rule[i] < n_rules:
            count[rule[i]] += 1
        elif rule[i] < 0 and -1 <= reason[i] < n_reasons:
            count[n_rules + 1 + reason[i]] += 1
    return made.tolist()
