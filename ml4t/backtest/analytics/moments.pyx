"""Returns of a run and their moments, each in one pass over them; minute curves have millions of points.

A run of a sweep is measured in a few microseconds: a pass here takes as long as two calls of NumPy's do without one.
"""

cimport cython
from libc.math cimport NAN, sqrt

from ml4t.backtest.analytics.pairwise_sum cimport ITSELF, SQUARE_AROUND, SQUARE_BELOW, Term, pairwise_sum

import numpy as np

@cython.cdivision(True)
def simple_returns_of(const double[::1] equity, double initial):
    """Return ``equity[i] / equity[i - 1] - 1``, the first one against ``initial``; NaN after equity <= 0.

    Parameters
    ----------
    equity : float64 array, shape (n,), currency
    initial : float, currency

    Returns
    -------
    float64 array, shape (n,)
    """
    cdef Py_ssize_t n = equity.shape[0]
    cdef Py_ssize_t i
    cdef const double* value
    made = np.empty(n)
    cdef double[::1] returns = made
    if n == 0:
        return made
    value = &equity[0]
    with nogil:
        returns[0] = value[0] / initial - 1.0 if initial > 0.0 else NAN
        for i in range(1, n):
            # A flat account, as most are at most points, stands where it stood: no division.
            if value[i] == value[i - 1] and value[i] > 0.0:
                returns[i] = value[i] - value[i - 1]
            else:
                returns[i] = value[i] / value[i - 1] - 1.0 if value[i - 1] > 0.0 else NAN
    return made


@cython.final
cdef class Moments:
    """Of returns, each computed when it is asked for.

    Parameters
    ----------
    returns : float64 array, shape (n,), contiguous
    """

    cdef const double[::1] _returns
    cdef double _mean
    cdef bint _has_mean

    def __cinit__(self, const double[::1] returns not None):
        self._returns = returns

    @property
    def growth(self):
        """The product of 1 + r."""
        cdef double product = 1.0
        cdef Py_ssize_t i
        with nogil:
            for i in range(self._returns.shape[0]):
                if self._returns[i] != 0.0:  # else the product waits for a factor of one
                    product *= 1.0 + self._returns[i]
        return product

    @property
    def mean(self):
        """The mean; NaN of fewer than two."""
        return self._mean_of_all()

    @property
    def deviation(self):
        """The sample standard deviation (n - 1); NaN of fewer than two."""
        cdef Py_ssize_t n = self._returns.shape[0]
        if n < 2:
            return NAN
        # Equal returns have no dispersion, but their rounded mean may leave a residue of 1e-18.
        if self._are_equal():
            return 0.0
        return sqrt(self._sum(SQUARE_AROUND, self._mean_of_all()) / <double> (n - 1))

    @property
    def downside(self):
        """sqrt(mean(min(r, 0)^2)); NaN of fewer than two."""
        cdef Py_ssize_t n = self._returns.shape[0]
        return sqrt(self._sum(SQUARE_BELOW, 0.0) / <double> n) if n > 1 else NAN

    cdef double _mean_of_all(self) noexcept:
        cdef Py_ssize_t n = self._returns.shape[0]
        if n < 2:
            return NAN
        if not self._has_mean:
            self._mean = self._sum(ITSELF, 0.0) / <double> n
            self._has_mean = True
        return self._mean

    cdef double _sum(self, Term term, double around) noexcept:
        with nogil:
            return pairwise_sum(&self._returns[0], self._returns.shape[0], term, around)

    cdef bint _are_equal(self) noexcept:
        cdef Py_ssize_t i
        for i in range(1, self._returns.shape[0]):
            if self._returns[i] != self._returns[0]:
                return False
        return True


def sum_of(const double[::1] values not None):
    """Return the sum of float64 values, with the rounding of NumPy's."""
    cdef Py_ssize_t n = values.shape[0]
    if n == 0:
        return 0.0
    with nogil:
        total = pairwise_sum(&values[0], n, ITSELF, 0.0)
    return total
