"""Passes over the rows of tables: their order, the row before, the value known as of a time."""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from ml4t.backtest.core.ranges cimport LEAST_PRICE, MOST_PRICE, MOST_VOLUME

import numpy as np


def ordered_times(const int64_t[::1] times, const int32_t[::1] assets):
    """Return the number of distinct times of rows in strictly increasing (time, asset) order.

    -1 for rows that do not stand so.
    """
    with nogil:
        count = _ordered_times(times, assets)
    return count


cdef Py_ssize_t _ordered_times(const int64_t[::1] times, const int32_t[::1] assets) noexcept nogil:
    cdef Py_ssize_t i
    cdef Py_ssize_t count = times.shape[0] > 0
    for i in range(1, times.shape[0]):
        if times[i] < times[i - 1] or (times[i] == times[i - 1] and assets[i] <= assets[i - 1]):
            return -1
        count += times[i] != times[i - 1]
    return count


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


def last_rows(const int32_t[::1] assets, Py_ssize_t n_assets):
    """Return the last row of each asset, -1 where it has none, shape (n_assets,)."""
    result = np.full(n_assets, -1, np.int64)
    cdef int64_t[::1] last = result
    cdef Py_ssize_t n_left = n_assets
    cdef Py_ssize_t i
    if n_assets == 1:
        last[0] = assets.shape[0] - 1
        return result
    with nogil:
        for i in range(assets.shape[0] - 1, -1, -1):
            if last[assets[i]] < 0:
                last[assets[i]] = i
                n_left -= 1
                if n_left == 0:
                    break
    return result


def count_times(const int64_t[::1] times):
    """Return the number of distinct times of sorted rows."""
    cdef Py_ssize_t i
    cdef Py_ssize_t count = times.shape[0] > 0
    with nogil:
        for i in range(1, times.shape[0]):
            count += times[i] != times[i - 1]
    return count


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


def look_at(
    const int64_t[::1] times, const int32_t[::1] assets,
    const double[::1] opens, const double[::1] highs, const double[::1] lows, const double[::1] closes,
    const double[::1] volumes, const double[::1] bids, const double[::1] asks,
):
    """Return :func:`ordered_times` of rows, and whether their prices are what they must be.

    All prices lie in the range of prices, and all bars within their low and high. Volumes and quotes
    lie in theirs, or are NaN; an empty array stands for a column that is not there.
    """
    # In one go without the interpreter's lock: beside a strategy in Python it is waited long for.
    with nogil:
        count = _ordered_times(times, assets)
        sound = (
            _are_bars(opens, highs, lows, closes)
            and _lie_within(volumes, 0.0, MOST_VOLUME)
            and _lie_within(bids, LEAST_PRICE, MOST_PRICE)
            and _lie_within(asks, LEAST_PRICE, MOST_PRICE)
        )
    return count, sound


cdef bint _are_bars(
    const double[::1] opens, const double[::1] highs, const double[::1] lows, const double[::1] closes
) noexcept nogil:
    cdef bint sound = True
    cdef Py_ssize_t i
    for i in range(closes.shape[0]):
        sound &= (
            (lows[i] >= LEAST_PRICE) & (highs[i] <= MOST_PRICE) & (lows[i] <= opens[i]) & (opens[i] <= highs[i])
            & (lows[i] <= closes[i]) & (closes[i] <= highs[i])
        )
    return sound


# All values lie in a range, or are NaN.
cdef bint _lie_within(const double[::1] values, double least, double most) noexcept nogil:
    cdef bint sound = True
    cdef Py_ssize_t i
    for i in range(values.shape[0]):
        sound &= not ((values[i] < least) | (values[i] > most))
    return sound


def copy_arrays(sources=(), targets=()):
    """Write arrays of eight-byte integers into others of the same lengths."""
    # All in one go without the interpreter: a thread that reads beside a run waits long for each turn.
    cdef Py_ssize_t n = len(sources)
    cdef char** source = <char**> malloc((n + 1) * sizeof(char*))
    cdef char** target = <char**> malloc((n + 1) * sizeof(char*))
    cdef size_t* size = <size_t*> malloc((n + 1) * sizeof(size_t))
    cdef const int64_t[::1] given
    cdef int64_t[::1] taken
    cdef Py_ssize_t i = 0
    try:
        if source == NULL or target == NULL or size == NULL:
            raise MemoryError("no memory to copy columns")
        for given, taken in zip(sources, targets, strict=True):
            if given.shape[0] != taken.shape[0]:
                raise ValueError(f"{given.shape[0]} values do not fill {taken.shape[0]} places")
            if given.shape[0] > 0:
                source[i] = <char*> &given[0]
                target[i] = <char*> &taken[0]
                size[i] = <size_t> given.shape[0] * sizeof(int64_t)
                i += 1
        n = i
        with nogil:
            for i in range(n):
                memcpy(target[i], source[i], size[i])
    finally:
        free(source)
        free(target)
        free(size)


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
