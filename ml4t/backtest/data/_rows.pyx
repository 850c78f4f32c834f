"""Passes over the rows of tables: their order, the row before, the value known as of a time."""

from libc.stdint cimport int32_t, int64_t

import numpy as np


def is_ordered(const int64_t[::1] times, const int32_t[::1] assets):
    """Tell whether rows stand in strictly increasing (time, asset) order."""
    cdef Py_ssize_t i
    cdef bint ordered = True
    with nogil:
        for i in range(1, times.shape[0]):
            if times[i] < times[i - 1] or (times[i] == times[i - 1] and assets[i] <= assets[i - 1]):
                ordered = False
                break
    return ordered


def runs_backwards(const int64_t[::1] times, const int32_t[::1] assets, Py_ssize_t n_assets):
    """Mark the rows whose time is before that of an earlier row of the same asset."""
    marks = np.zeros(times.shape[0], np.bool_)
    cdef unsigned char[::1] mark = marks.view(np.uint8)
    cdef int64_t[::1] latest = np.full(n_assets, np.iinfo(np.int64).min, np.int64)
    cdef Py_ssize_t i
    with nogil:
        for i in range(times.shape[0]):
            if times[i] < latest[assets[i]]:
                mark[i] = 1
            else:
                latest[assets[i]] = times[i]
    return marks


def previous_rows(const int32_t[::1] assets, Py_ssize_t n_assets):
    """Return for each row the row before it of the same asset, -1 where there is none."""
    result = np.empty(assets.shape[0], np.int64)
    cdef int64_t[::1] previous = result
    cdef int64_t[::1] latest = np.full(n_assets, -1, np.int64)
    cdef Py_ssize_t i
    with nogil:
        for i in range(assets.shape[0]):
            previous[i] = latest[assets[i]]
            latest[assets[i]] = i
    return result


def sort_by_rank(const int64_t[::1] ranks, const int64_t[::1] order, Py_ssize_t n_ranks):
    """Sort ``order`` (positions of rows) by the rank of its rows, ties as they stand: a counting sort."""
    result = np.empty(order.shape[0], np.int64)
    cdef int64_t[::1] sorted_ = result
    cdef int64_t[::1] place = np.zeros(n_ranks + 1, np.int64)
    cdef Py_ssize_t i
    cdef int64_t rank
    with nogil:
        for i in range(order.shape[0]):
            place[ranks[order[i]] + 1] += 1
        for i in range(n_ranks):
            place[i + 1] += place[i]
        for i in range(order.shape[0]):
            rank = ranks[order[i]]
            sorted_[place[rank]] = order[i]
            place[rank] += 1
    return result


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


def held_rows(
    const int64_t[::1] offsets, Py_ssize_t first_t, const int32_t[::1] assets, unsigned char[::1] held,
    const int64_t[::1] change_t, const int32_t[::1] change_asset, const unsigned char[::1] change_held,
):
    """Mark the rows at whose timestamp, when it is over, their asset is held.

    Parameters
    ----------
    offsets, assets : as in market data
    first_t : int
        Timestamps before it have no marks.
    held : shape (n_assets,)
        Before the first change; afterwards what is held behind the last row.
    change_t : shape (n_changes,), not decreasing
        Timestamp of each change, ``change_asset`` its asset, and whether the asset is held from then on.

    Returns
    -------
    bool array, shape (n_rows - offsets[first_t],)
    """
    cdef Py_ssize_t first = offsets[first_t]
    marks = np.zeros(assets.shape[0] - first, np.bool_)
    cdef unsigned char[::1] mark = marks.view(np.uint8)
    cdef Py_ssize_t change = 0
    cdef Py_ssize_t t
    cdef Py_ssize_t row
    with nogil:
        for t in range(first_t, offsets.shape[0] - 1):
            while change < change_t.shape[0] and change_t[change] <= t:
                held[change_asset[change]] = change_held[change]
                change += 1
            for row in range(offsets[t], offsets[t + 1]):
                mark[row - first] = held[assets[row]]
    return marks
