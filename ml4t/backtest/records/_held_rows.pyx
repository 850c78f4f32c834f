"""Which rows of a chunk a result speaks of: those whose asset was held."""

from libc.stdint cimport int32_t, int64_t

import numpy as np


def mark_held(
    const int64_t[::1] offsets, Py_ssize_t first_t, const int32_t[::1] assets, unsigned char[::1] held,
    const int64_t[::1] change_t, const int32_t[::1] change_asset, const unsigned char[::1] change_held,
    unsigned char[::1] marks,
):
    """Mark the rows at whose timestamp, when it is over, their asset is held.

    Parameters
    ----------
    offsets, assets : as in market data
    first_t : int
        Rows of timestamps before it get no mark.
    held : shape (n_assets,)
        Before the first change; afterwards what is held behind the last row.
    change_t : shape (n_changes,), not decreasing
        Timestamp of each change, ``change_asset`` its asset, and whether the asset is held from then on.
    marks : shape (n_rows,)
    """
    cdef Py_ssize_t n_held = 0
    cdef Py_ssize_t change = 0
    cdef Py_ssize_t t = first_t
    cdef Py_ssize_t asset
    cdef Py_ssize_t row
    with nogil:
        for asset in range(held.shape[0]):
            n_held += held[asset]
        while t < offsets.shape[0] - 1:
            while change < change_t.shape[0] and change_t[change] <= t:
                n_held += change_held[change] - held[change_asset[change]]
                held[change_asset[change]] = change_held[change]
                change += 1
            if n_held == 0:
                # Nothing is held up to the next change.
                if change == change_t.shape[0]:
                    break
                t = change_t[change]
                continue
            for row in range(offsets[t], offsets[t + 1]):
                marks[row] = held[assets[row]]
            t += 1


def marked_rows(const unsigned char[::1] marks, const int64_t[::1] offsets):
    """Return the marked rows, and the timestamp of each.

    Parameters
    ----------
    marks : shape (n_rows,)
    offsets : shape (n_times + 1,)
        Of timestamps whose rows are looked at.

    Returns
    -------
    rows, times : int64 arrays, shape (n_marked,)
        Times are counted from the first of ``offsets``.
    """
    rows = np.flatnonzero(np.asarray(marks).view(np.bool_)[offsets[0]:offsets[offsets.shape[0] - 1]])
    rows += offsets[0]
    times = np.empty(len(rows), np.int64)
    cdef const int64_t[::1] row = rows
    cdef int64_t[::1] time = times
    cdef Py_ssize_t i
    cdef Py_ssize_t t = 0
    with nogil:
        for i in range(row.shape[0]):
            while offsets[t + 1] <= row[i]:
                t += 1
            time[i] = t
    return rows, times
