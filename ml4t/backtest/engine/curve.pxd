cimport cython
from libc.stdint cimport int64_t


# The columns of the record, by timestamp of the chunk under way.
cdef struct CurveColumns:
    double* equity
    double* cash
    double* gross
    double* net


cdef inline void write_point(
    const CurveColumns* columns, int64_t t, double cash, double net, double gross
) noexcept nogil:
    columns.equity[t] = cash + net
    columns.cash[t] = cash
    columns.gross[t] = gross
    columns.net[t] = net


@cython.final
cdef class Curve:
    cdef CurveColumns columns
    cdef object _record              # the array behind them, shape (4, timestamps)
    cdef int64_t _begin              # the first timestamp of the run in it

    cdef int enter(self, int64_t t_before, int64_t n_here, int64_t n_known) except -1
