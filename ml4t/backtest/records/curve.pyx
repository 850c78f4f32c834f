"""Leverage and drawdown of an equity curve (semantics section 10); minute curves have millions of points."""

cimport cython
from libc.stdint cimport int64_t

import numpy as np


@cython.cdivision(True)
def leverage_and_drawdown(
    const double[::1] gross, const double[::1] equity, double initial_cash
):
    """Return gross exposure over equity, NaN where equity is not positive, and equity/peak - 1.

    Parameters
    ----------
    gross, equity : float64 array, shape (n_times,), currency
    initial_cash : float, above 0
        The first peak.
    """
    cdef Py_ssize_t n = equity.shape[0]
    cdef Py_ssize_t t
    cdef double peak = initial_cash
    cdef double before = float("nan")
    cdef double since_peak = 0.0
    if gross.shape[0] != n:
        raise ValueError(f"gross exposure and equity must have one length, had {gross.shape[0]} and {n}")
    made = np.empty((2, n))
    cdef double[::1] leverage = made[0]
    cdef double[::1] drawdown = made[1]
    cdef double nan = float("nan")
    with nogil:
        for t in range(n):
            # A flat account, as most are at most points, stands where it stood: no division.
            if equity[t] != before:
                before = equity[t]
                peak = max(peak, before)
                since_peak = before / peak - 1.0
            drawdown[t] = since_peak
            if not before > 0.0:
                leverage[t] = nan
            elif gross[t] == 0.0:
                leverage[t] = 0.0
            else:
                leverage[t] = gross[t] / before
    return made[0], made[1]


def underwater(const int64_t[::1] timestamps, const double[::1] equity, double initial_cash):
    """Return the largest drawdown, 0 or below, and the longest time from a peak to its recovery, nanoseconds.

    A curve that starts or ends under water is measured from its first, or to its last, timestamp. Of each
    stretch only the lowest point is divided by its peak: no other can have fallen further.

    Parameters
    ----------
    timestamps : int64 array, shape (n_times,), nanoseconds
    equity : float64 array, shape (n_times,), currency
    initial_cash : float, above 0
    """
    cdef Py_ssize_t n = equity.shape[0]
    cdef Py_ssize_t t
    cdef Stretch stretch = Stretch(-1, initial_cash, initial_cash, 0.0, 0)
    if timestamps.shape[0] != n:
        raise ValueError(f"timestamps and equity must have one length, had {timestamps.shape[0]} and {n}")
    with nogil:
        for t in range(n):
            if equity[t] >= stretch.peak:
                if t - stretch.begin > 1:
                    end_stretch(&stretch, &timestamps[0], t)
                stretch.begin = t
                stretch.peak = stretch.lowest = equity[t]
            elif equity[t] < stretch.lowest:
                stretch.lowest = equity[t]
        if n - stretch.begin > 1:
            end_stretch(&stretch, &timestamps[0], n - 1)
    return stretch.deepest, stretch.longest


# A stretch under water: the place of its peak (-1: the cash before the first timestamp), what the peak
# was, and the lowest point since; the largest drawdown and the longest time of all so far.
cdef struct Stretch:
    Py_ssize_t begin
    double peak
    double lowest
    double deepest
    int64_t longest


@cython.cdivision(True)
cdef void end_stretch(Stretch* stretch, const int64_t* timestamps, Py_ssize_t t) noexcept nogil:
    stretch.deepest = min(stretch.deepest, stretch.lowest / stretch.peak - 1.0)
    stretch.longest = max(stretch.longest, timestamps[t] - timestamps[max(stretch.begin, 0)])
