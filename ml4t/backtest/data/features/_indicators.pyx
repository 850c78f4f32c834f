"""Recursions behind the indicators: one pass over bars in time order, state kept per asset.

Every class has ``update``, which takes the next bars and returns one value a bar. A run in chunks
does the same operations in the same order as a run in one, so its values are the same bits. `ratio`
is the product of the splits of a bar's asset since its last bar: kept prices are divided by it.
"""

cimport cython
from libc.math cimport NAN, fabs, log, sqrt
from libc.stdint cimport int32_t, int64_t

import numpy as np


@cython.final
cdef class TrueRangeMean:
    """Wilder's mean of the true range: the mean of the first ``period``, then (n-1)/n of the last."""

    cdef Py_ssize_t period
    cdef int64_t[::1] seen
    cdef double[::1] last_close
    cdef double[::1] mean

    def __init__(self, Py_ssize_t n_assets, Py_ssize_t period):
        self.period = period
        self.seen = np.zeros(n_assets, np.int64)
        self.last_close = np.zeros(n_assets)
        self.mean = np.zeros(n_assets)

    def update(
        self, const int32_t[::1] assets, const double[::1] high, const double[::1] low,
        const double[::1] close, const double[::1] ratio,
    ):
        """Return the average true range at each bar, NaN before ``period`` + 1 bars."""
        result = np.empty(assets.shape[0])
        cdef double[::1] out = result
        cdef double span, kept
        cdef Py_ssize_t i
        cdef int32_t a
        with nogil:
            for i in range(assets.shape[0]):
                a = assets[i]
                out[i] = NAN
                if self.seen[a] > 0:
                    kept = self.last_close[a] / ratio[i]
                    span = high[i] - low[i]
                    if fabs(high[i] - kept) > span:
                        span = fabs(high[i] - kept)
                    if fabs(low[i] - kept) > span:
                        span = fabs(low[i] - kept)
                    self.mean[a] = self.mean[a] / ratio[i]
                    if self.seen[a] <= self.period:
                        # A sum until there are enough of them.
                        self.mean[a] += span
                        if self.seen[a] == self.period:
                            self.mean[a] /= <double> self.period
                    else:
                        self.mean[a] = (self.mean[a] * <double> (self.period - 1) + span) / <double> self.period
                    if self.seen[a] >= self.period:
                        out[i] = self.mean[a]
                self.last_close[a] = close[i]
                self.seen[a] += 1
        return result


@cython.final
cdef class ReturnDeviation:
    """Standard deviation (n - 1) of the last ``period`` log returns, times ``scale``."""

    cdef Py_ssize_t period
    cdef double scale
    cdef int64_t[::1] seen
    cdef double[::1] last_close
    cdef double[:, ::1] window

    def __init__(self, Py_ssize_t n_assets, Py_ssize_t period, double scale):
        self.period = period
        self.scale = scale
        self.seen = np.zeros(n_assets, np.int64)
        self.last_close = np.zeros(n_assets)
        self.window = np.zeros((n_assets, period))

    def update(self, const int32_t[::1] assets, const double[::1] close, const double[::1] ratio):
        """Return the volatility at each bar, NaN before ``period`` + 1 bars."""
        result = np.empty(assets.shape[0])
        cdef double[::1] out = result
        cdef Py_ssize_t i
        cdef int32_t a
        with nogil:
            for i in range(assets.shape[0]):
                a = assets[i]
                out[i] = NAN
                if self.seen[a] > 0:
                    self.window[a, (self.seen[a] - 1) % self.period] = log(
                        close[i] / (self.last_close[a] / ratio[i])
                    )
                    if self.seen[a] >= self.period:
                        out[i] = self.deviation(a) * self.scale
                self.last_close[a] = close[i]
                self.seen[a] += 1
        return result

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
cdef class Extreme:
    """Largest (``sign`` 1) or smallest (-1) of the last ``period`` values."""

    cdef Py_ssize_t period
    cdef double sign
    cdef int64_t[::1] seen
    cdef int64_t[::1] best
    cdef double[:, ::1] window

    def __init__(self, Py_ssize_t n_assets, Py_ssize_t period, double sign):
        self.period = period
        self.sign = sign
        self.seen = np.zeros(n_assets, np.int64)
        self.best = np.zeros(n_assets, np.int64)
        self.window = np.zeros((n_assets, period))

    def update(self, const int32_t[::1] assets, const double[::1] values, const double[::1] ratio):
        """Return the extreme at each bar, NaN before ``period`` bars."""
        result = np.empty(assets.shape[0])
        cdef double[::1] out = result
        cdef Py_ssize_t i, k
        cdef int64_t n
        cdef int32_t a
        with nogil:
            for i in range(assets.shape[0]):
                a = assets[i]
                n = self.seen[a]
                if ratio[i] != 1.0:
                    for k in range(self.period):
                        self.window[a, k] /= ratio[i]
                self.window[a, n % self.period] = values[i]
                if self.best[a] <= n - self.period:
                    # It has left the window, and its place is the newest's now.
                    self.best[a] = self.search(a, n)
                elif self.sign * values[i] >= self.sign * self.window[a, self.best[a] % self.period]:
                    self.best[a] = n
                self.seen[a] = n + 1
                out[i] = self.window[a, self.best[a] % self.period] if n + 1 >= self.period else NAN
        return result

    # Only when the best has left the window is the window searched.
    cdef int64_t search(self, int32_t a, int64_t n) noexcept nogil:
        cdef int64_t best = n
        cdef int64_t k
        for k in range(n - self.period + 1, n):
            if self.sign * self.window[a, k % self.period] >= self.sign * self.window[a, best % self.period]:
                best = k
        return best


@cython.final
cdef class ExponentialMean:
    """y = alpha·x + (1 - alpha)·y, beginning with the first value."""

    cdef double alpha
    cdef int64_t[::1] seen
    cdef double[::1] mean

    def __init__(self, Py_ssize_t n_assets, double alpha):
        self.alpha = alpha
        self.seen = np.zeros(n_assets, np.int64)
        self.mean = np.zeros(n_assets)

    def update(self, const int32_t[::1] assets, const double[::1] values, const double[::1] ratio):
        """Return the mean at each bar."""
        result = np.empty(assets.shape[0])
        cdef double[::1] out = result
        cdef Py_ssize_t i
        cdef int32_t a
        with nogil:
            for i in range(assets.shape[0]):
                a = assets[i]
                if self.seen[a] == 0:
                    self.mean[a] = values[i]
                else:
                    self.mean[a] = self.alpha * values[i] + (1.0 - self.alpha) * (self.mean[a] / ratio[i])
                self.seen[a] += 1
                out[i] = self.mean[a]
        return result
