"""Passes over the times and assets of rows: how they stand, how they should, the row before."""

from libc.stdint cimport int32_t, int64_t

import numpy as np


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


def count_times(const int64_t[::1] times):
    """Return the number of distinct times of sorted rows."""
    cdef Py_ssize_t i
    cdef Py_ssize_t count = times.shape[0] > 0
    with nogil:
        for i in range(1, times.shape[0]):
            count += times[i] != times[i - 1]
    return count


def are_sorted(const int64_t[::1] first not None, const int64_t[::1] second not None):
    """Tell whether rows stand in order of (first, second)."""
    cdef Py_ssize_t i
    cdef bint are = True
    with nogil:
        for i in range(1, min(first.shape[0], second.shape[0])):
            if first[i] < first[i - 1] or (first[i] == first[i - 1] and second[i] < second[i - 1]):
                are = False
                break
    return are


def are_counting(const int64_t[::1] rows not None):
    """Tell whether rows are 0, 1, 2, ..."""
    cdef Py_ssize_t i = 0
    with nogil:
        while i < rows.shape[0] and rows[i] == i:
            i += 1
    return i == rows.shape[0]


def place_times(
    const int64_t[::1] times not None, int64_t[::1] timestamps not None,
    int64_t[::1] offsets not None,
):
    """Write the distinct times, shape (n,), and the offsets of their rows, shape (n + 1,)."""
    cdef Py_ssize_t i
    cdef Py_ssize_t t = 0
    with nogil:
        for i in range(times.shape[0]):
            if i == 0 or times[i] != times[i - 1]:
                timestamps[t] = times[i]
                offsets[t] = i
                t += 1
        offsets[t] = times.shape[0]


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
