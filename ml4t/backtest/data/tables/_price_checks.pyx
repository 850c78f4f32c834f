"""One pass over price rows: whether they stand in order, and hold prices that can be."""

from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.ranges cimport LEAST_PRICE, MOST_PRICE, MOST_VOLUME


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

    All prices lie in the range of prices, and all bars within their low and high. Volumes and quotes
    lie in theirs, or are NaN; an empty array stands for a column that is not there.
    """
    # In one go without the GIL: beside a strategy in Python it is waited long for.
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


def find_falls(
    const int32_t[::1] assets, const double[::1] closes, double part, double[::1] last,
):
    """Return how many closes are at most so large a part of their asset's close before, and the row of the first.

    -1 without any. ``last`` has the last close of each asset, NaN before its first; the next rows go on from it.
    """
    cdef Py_ssize_t count = 0
    cdef Py_ssize_t first = -1
    cdef Py_ssize_t i
    if assets.shape[0] != closes.shape[0]:
        raise ValueError(f"{assets.shape[0]} assets and {closes.shape[0]} closes are not of the same rows")
    with nogil:
        for i in range(closes.shape[0]):
            if not 0 <= assets[i] < last.shape[0]:
                with gil:
                    raise ValueError(f"row {i} is of asset {assets[i]}, of {last.shape[0]}")
            if 0.0 < closes[i] <= part * last[assets[i]]:
                count += 1
                if first < 0:
                    first = i
            last[assets[i]] = closes[i]
    return count, first
