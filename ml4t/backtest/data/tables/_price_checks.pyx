"""One pass over price rows: whether they stand in order, and hold prices that can be."""

from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t


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


def check_rows(
    const int64_t[::1] times, const int32_t[::1] assets,
    const double[::1] opens, const double[::1] highs, const double[::1] lows, const double[::1] closes,
    const double[::1] volumes, const double[::1] bids, const double[::1] asks,
):
    """Return :func:`ordered_times` of rows, and whether their prices are what they must be.

    All prices are positive and finite, and all bars within their low and high. Volumes are finite and
    not negative, quotes finite and positive, or NaN; an empty array stands for a column that is not
    there.
    """
    # In one go without the GIL: beside a strategy in Python it is waited long for.
    with nogil:
        count = _ordered_times(times, assets)
        sound = (
            _are_bars(opens, highs, lows, closes)
            and _may_be(volumes, True) and _may_be(bids, False) and _may_be(asks, False)
        )
    return count, sound


cdef bint _are_bars(
    const double[::1] opens, const double[::1] highs, const double[::1] lows, const double[::1] closes
) noexcept nogil:
    cdef bint sound = True
    cdef Py_ssize_t i
    for i in range(closes.shape[0]):
        sound &= (
            (lows[i] > 0.0) & (highs[i] < INFINITY) & (lows[i] <= opens[i]) & (opens[i] <= highs[i])
            & (lows[i] <= closes[i]) & (closes[i] <= highs[i])
        )
    return sound


# All values are finite and positive, or zero where that may be, or NaN.
cdef bint _may_be(const double[::1] values, bint zero) noexcept nogil:
    cdef bint sound = True
    cdef Py_ssize_t i
    for i in range(values.shape[0]):
        sound &= not (
            (values[i] < 0.0) | (values[i] == INFINITY) | ((values[i] == 0.0) & (not zero))
        )
    return sound
