"""Recursions behind the indicators: one pass over bars in time order, state kept per asset.

``update`` takes the next bars and returns one value a bar, which ``step`` of each class gives. A run in chunks
does the same operations in the same order as a run in one, so its values are the same bits. `ratio`
is the product of the splits of a bar's asset since its last bar: kept prices are divided by it.
"""

cimport cython
from libc.math cimport NAN, fabs, log, sqrt
from libc.stdint cimport int32_t, int64_t

import numpy as np


cdef class Recursion:
    """One value a bar from what was kept of its asset; ``seen`` counts the bars of each."""

    cdef int64_t[::1] seen

    def __init__(self, Py_ssize_t n_assets):
        self.seen = np.zeros(n_assets, np.int64)

    def update(
        self, const int32_t[::1] assets not None, const double[::1] ratio not None,
        const double[::1] values not None, high=None, low=None,
    ):
        """Return the value at each bar, NaN where there were not enough of its asset yet.

        Parameters
        ----------
        assets : shape (n,)
        ratio, values : shape (n,)
        high, low : shape (n,), optional
            For what reads them; without them they are the values.

        Raises
        ------
        ValueError
            If the arrays are not of the same bars, or an asset's code is none.
        """
        result = np.empty(assets.shape[0])
        cdef double[::1] out = result
        cdef const double[::1] highs = values if high is None else high
        cdef const double[::1] lows = values if low is None else low
        cdef Py_ssize_t n_assets = 0 if self.seen is None else self.seen.shape[0]
        cdef Py_ssize_t i
        if not assets.shape[0] == ratio.shape[0] == values.shape[0] == highs.shape[0] == lows.shape[0]:
            raise ValueError(f"{assets.shape[0]} assets do not stand beside as many ratios, values, highs and lows")
        with nogil:
            for i in range(assets.shape[0]):
                if not 0 <= assets[i] < n_assets:
                    with gil:
                        raise ValueError(f"bar {i} is of asset {assets[i]}, of {n_assets}")
                out[i] = self.step(assets[i], ratio[i], values[i], highs[i], lows[i])
                self.seen[assets[i]] += 1
        return result

    cdef double step(self, int32_t a, double ratio, double value, double high, double low) noexcept nogil:
        return NAN


@cython.final
cdef class TrueRangeMean(Recursion):
    """Wilder's mean of the true range: the mean of the first ``period``, then (n-1)/n of the last."""

    cdef Py_ssize_t period
    cdef double[::1] last_close
    cdef double[::1] mean

    def __init__(self, Py_ssize_t n_assets, Py_ssize_t period):
        Recursion.__init__(self, n_assets)
        self.period = period
        self.last_close = np.zeros(n_assets)
        self.mean = np.zeros(n_assets)

    cdef double step(self, int32_t a, double ratio, double value, double high, double low) noexcept nogil:
        cdef double kept = self.last_close[a] / ratio
        cdef double span = high - low
        self.last_close[a] = value
        if self.seen[a] == 0:
            return NAN
        if fabs(high - kept) > span:
            span = fabs(high - kept)
        if fabs(low - kept) > span:
            span = fabs(low - kept)
        self.mean[a] = self.mean[a] / ratio
        if self.seen[a] <= self.period:
            # A sum until there are enough of them.
            self.mean[a] += span
            if self.seen[a] == self.period:
                self.mean[a] /= <double> self.period
        else:
            self.mean[a] = (self.mean[a] * <double> (self.period - 1) + span) / <double> self.period
        return self.mean[a] if self.seen[a] >= self.period else NAN


@cython.final
cdef class ReturnDeviation(Recursion):
    """Standard deviation (n - 1) of the last ``period`` log returns, times ``scale``."""

    cdef Py_ssize_t period
    cdef double scale
    cdef double[::1] last_close
    cdef double[:, ::1] window

    def __init__(self, Py_ssize_t n_assets, Py_ssize_t period, double scale):
        Recursion.__init__(self, n_assets)
        self.period = period
        self.scale = scale
        self.last_close = np.zeros(n_assets)
        self.window = np.zeros((n_assets, period))

    cdef double step(self, int32_t a, double ratio, double value, double high, double low) noexcept nogil:
        cdef double kept = self.last_close[a] / ratio
        self.last_close[a] = value
        if self.seen[a] == 0:
            return NAN
        self.window[a, (self.seen[a] - 1) % self.period] = log(value / kept)
        return self.deviation(a) * self.scale if self.seen[a] >= self.period else NAN

    cdef double deviation(self, int32_t a) noexcept nogil:
        # Summed anew each time: running sums drift, and would differ by where they began.
        cdef double mean = 0.0
        cdef double squares = 0.0
        cdef Py_ssize_t k
        for k in range(self.period):
            mean += self.window[a, k]
        mean = mean / <double> self.period
        for k in range(self.period):
            squares += (self.window[a, k] - mean) * (self.window[a, k] - mean)
        return sqrt(squares / <double> (self.period - 1))


@cython.final
cdef class Extreme(Recursion):
    """Largest (``sign`` 1) or smallest (-1) of the last ``period`` values."""

    cdef Py_ssize_t period
    cdef double sign
    cdef int64_t[::1] best
    cdef double[:, ::1] window

    def __init__(self, Py_ssize_t n_assets, Py_ssize_t period, double sign):
        Recursion.__init__(self, n_assets)
        self.period = period
        self.sign = sign
        self.best = np.zeros(n_assets, np.int64)
        self.window = np.zeros((n_assets, period))

    cdef double step(self, int32_t a, double ratio, double value, double high, double low) noexcept nogil:
        cdef int64_t n = self.seen[a]
        cdef Py_ssize_t k
        if ratio != 1.0:
            for k in range(self.period):
                self.window[a, k] /= ratio
        self.window[a, n % self.period] = value
        if self.best[a] <= n - self.period:
            # It has left the window, and its place is the newest's now.
            self.best[a] = self.search(a, n)
        elif self.sign * value >= self.sign * self.window[a, self.best[a] % self.period]:
            self.best[a] = n
        return self.window[a, self.best[a] % self.period] if n + 1 >= self.period else NAN

    # Only when the best has left the window is the window searched.
    cdef int64_t search(self, int32_t a, int64_t n) noexcept nogil:
        cdef int64_t best = n
        cdef int64_t k
        for k in range(n - self.period + 1, n):
            if self.sign * self.window[a, k % self.period] >= self.sign * self.window[a, best % self.period]:
                best = k
        return best


@cython.final
cdef class ExponentialMean(Recursion):
    """y = alpha·x + (1 - alpha)·y, beginning with the first value."""

    cdef double alpha
    cdef double[::1] mean

    def __init__(self, Py_ssize_t n_assets, double alpha):
        Recursion.__init__(self, n_assets)
        self.alpha = alpha
        self.mean = np.zeros(n_assets)

    cdef double step(self, int32_t a, double ratio, double value, double high, double low) noexcept nogil:
        if self.seen[a] == 0:
            self.mean[a] = value
        else:
            self.mean[a] = self.alpha * value + (1.0 - self.alpha) * (self.mean[a] / ratio)
        return self.mean[a]


@cython.final
cdef class WindowMean(Recursion):
    """Mean of the last ``period`` values."""

    cdef Py_ssize_t period
    cdef double[:, ::1] window

    def __init__(self, Py_ssize_t n_assets, Py_ssize_t period):
        Recursion.__init__(self, n_assets)
        self.period = period
        self.window = np.zeros((n_assets, period))

    cdef double step(self, int32_t a, double ratio, double value, double high, double low) noexcept nogil:
        cdef double total = 0.0
        cdef Py_ssize_t k
        if ratio != 1.0:
            for k in range(self.period):
                self.window[a, k] /= ratio
        self.window[a, self.seen[a] % self.period] = value
        if self.seen[a] + 1 < self.period:
            return NAN
        # Summed anew each time, as the deviation is.
        for k in range(self.period):
            total += self.window[a, k]
        return total / <double> self.period


@cython.final
cdef class RelativeStrength(Recursion):
    """Wilder's index: 100·gains/(gains + losses), both means of the first ``period``, then (n-1)/n of the last."""

    cdef Py_ssize_t period
    cdef double[::1] last
    cdef double[::1] gain
    cdef double[::1] loss

    def __init__(self, Py_ssize_t n_assets, Py_ssize_t period):
        Recursion.__init__(self, n_assets)
        self.period = period
        self.last = np.zeros(n_assets)
        self.gain = np.zeros(n_assets)
        self.loss = np.zeros(n_assets)

    cdef double step(self, int32_t a, double ratio, double value, double high, double low) noexcept nogil:
        cdef double change = value - self.last[a] / ratio
        cdef double moved
        self.last[a] = value
        if self.seen[a] == 0:
            return NAN
        self.gain[a] = self.mean(a, self.gain[a] / ratio, change if change > 0.0 else 0.0)
        self.loss[a] = self.mean(a, self.loss[a] / ratio, -change if change < 0.0 else 0.0)
        if self.seen[a] < self.period:
            return NAN
        moved = self.gain[a] + self.loss[a]
        return 100.0 * (self.gain[a] / moved) if moved > 0.0 else 0.0

    # A sum until there are enough changes.
    cdef double mean(self, int32_t a, double kept, double change) noexcept nogil:
        cdef double n = <double> self.period
        if self.seen[a] < self.period:
            return kept + change
        if self.seen[a] == self.period:
            return (kept + change) / n
        return (kept * (n - 1.0) + change) / n
