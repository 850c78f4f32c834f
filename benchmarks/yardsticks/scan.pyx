"""The yardstick of B1, B4 and B5: read the four price columns, try one stop and one target a bar.

It is the least that a simulation of a position must do: try the open, then the range, and set the
levels anew, from the close, when one was met. Levels that nothing ever meets would be cheaper still,
since the processor learns to skip them, and would be a yardstick of nothing.
"""

from libc.stdint cimport int64_t


cdef int64_t _scan(
    const double* open_, const double* high, const double* low, const double* close,
    Py_ssize_t n_rows, double stop_pct, double target_pct,
) noexcept nogil:
    cdef Py_ssize_t row
    cdef int64_t met = 0
    cdef double stop = open_[0] * (1 - stop_pct)
    cdef double target = open_[0] * (1 + target_pct)
    for row in range(n_rows):
        if open_[row] <= stop or open_[row] >= target or low[row] <= stop or high[row] >= target:
            met += 1
            stop = close[row] * (1 - stop_pct)
            target = close[row] * (1 + target_pct)
    return met


def scan(
    const double[::1] open not None, const double[::1] high not None, const double[::1] low not None,
    const double[::1] close not None, double stop, double target,
):
    """Return how often a stop and a target, set anew at each close that met one, are met.

    Parameters
    ----------
    open, high, low, close : float64 array, shape (n_rows,), currency per unit
    stop, target : float
        Distances from the price as fractions: 0.01 is one percent.

    Raises
    ------
    ValueError
        If the columns differ in length.
    """
    cdef Py_ssize_t n_rows = open.shape[0]
    cdef int64_t met
    if not (high.shape[0] == low.shape[0] == close.shape[0] == n_rows):
        raise ValueError("open, high, low and close must have one length")
    if n_rows == 0:
        return 0
    with nogil:
        met = _scan(&open[0], &high[0], &low[0], &close[0], n_rows, stop, target)
    return met
