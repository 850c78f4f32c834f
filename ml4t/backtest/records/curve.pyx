"""Leverage and drawdown of an equity curve (semantics section 10); minute curves have millions of points."""

cimport cython

import numpy as np


@cython.cdivision(True)
def leverage(const double[::1] gross, const double[::1] equity):
    """Return gross exposure over equity; NaN where equity is not positive.

    Parameters
    ----------
    gross, equity : float64 array, shape (n_times,), currency
    """
    cdef Py_ssize_t n = equity.shape[0]
    cdef Py_ssize_t t
    if gross.shape[0] != n:
        raise ValueError(f"gross exposure and equity must have one length, had {gross.shape[0]} and {n}")
    made = np.empty(n)
    cdef double[::1] out = made
    cdef double nan = float("nan")
    with nogil:
        for t in range(n):
            out[t] = gross[t] / equity[t] if equity[t] > 0.0 else nan
    return made


@cython.cdivision(True)
def drawdown(const double[::1] equity, double initial_cash):
    """Return equity/peak - 1, the peak counted from the initial cash on.

    Parameters
    ----------
    equity : float64 array, shape (n_times,), currency
    initial_cash : float, above 0
    """
    cdef Py_ssize_t n = equity.shape[0]
    cdef Py_ssize_t t
    cdef double peak = initial_cash
    made = np.empty(n)
    cdef double[::1] out = made
    with nogil:
        for t in range(n):
            if equity[t] > peak:
                peak = equity[t]
            out[t] = equity[t] / peak - 1.0
    return made
