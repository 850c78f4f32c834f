"""The value known as of a time, over all bars in one pass."""

from libc.stdint cimport int32_t, int64_t

import numpy as np


def as_of_rows(
    const int64_t[::1] times, const int64_t[::1] offsets, const int32_t[::1] assets,
    const int64_t[::1] published, const int64_t[::1] own_times, const int32_t[::1] value_assets,
    Py_ssize_t n_assets,
):
    """Return for each bar the row of a table of values that is known at it, -1 where none is.

    Known at a bar is the value with the latest time of its own among those published up to the bar;
    of several with that time, the one published last.

    Parameters
    ----------
    times : shape (n_times,), increasing, nanoseconds UTC
    offsets : shape (n_times + 1,); bars of time t are offsets[t]..offsets[t + 1]
    assets : shape (n_bars,), asset codes of the bars
    published : shape (n_values,), not decreasing, nanoseconds UTC
    own_times : shape (n_values,), the time each value speaks of
    value_assets : shape (n_values,), asset codes of the values
    n_assets : int
        Codes are below it.

    Returns
    -------
    int64 array, shape (n_bars,)
    """
    result = np.empty(assets.shape[0], np.int64)
    cdef int64_t[::1] row_of = result
    cdef int64_t[::1] latest = np.full(n_assets, -1, np.int64)
    cdef Py_ssize_t t
    cdef Py_ssize_t value = 0
    cdef Py_ssize_t row
    cdef int64_t known
    with nogil:
        for t in range(times.shape[0]):
            while value < published.shape[0] and published[value] <= times[t]:
                known = latest[value_assets[value]]
                if known < 0 or own_times[value] >= own_times[known]:
                    latest[value_assets[value]] = value
                value += 1
            for row in range(offsets[t], offsets[t + 1]):
                row_of[row] = latest[assets[row]]
    return result


def repeats(
    const int64_t[::1] published, const int64_t[::1] own_times, const int32_t[::1] assets,
    Py_ssize_t n_assets,
):
    """Mark the rows that repeat (published, own time) of an asset's row before; rows stand in that order."""
    marks = np.zeros(published.shape[0], np.bool_)
    cdef unsigned char[::1] mark = marks.view(np.uint8)
    cdef int64_t[::1] latest = np.full(n_assets, -1, np.int64)
    cdef Py_ssize_t i
    cdef int64_t before
    with nogil:
        for i in range(published.shape[0]):
            before = latest[assets[i]]
            if before >= 0 and published[i] == published[before] and own_times[i] == own_times[before]:
                mark[i] = 1
            latest[assets[i]] = i
    return marks


def take_known(const double[::1] values, const int64_t[::1] rows):
    """Return ``values[rows]``, NaN where the row is -1."""
    result = np.empty(rows.shape[0], np.float64)
    cdef double[::1] out = result
    cdef double unknown = float("nan")
    cdef Py_ssize_t i
    with nogil:
        for i in range(rows.shape[0]):
            out[i] = unknown if rows[i] < 0 else values[rows[i]]
    return result
