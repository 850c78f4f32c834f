cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from ml4t.backtest.market.market_data cimport MarketData

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject* o) noexcept nogil


# The values of one row, or of one timestamp, by column name.
@cython.final
cdef class Values:
    cdef MarketData data
    cdef const double** columns
    cdef int64_t row                 # -1 for "none yet": every value is NaN
    cdef dict index
    cdef object last_name            # asked for last, and its column
    cdef Py_ssize_t last_column

    @staticmethod
    cdef Values new(MarketData data, const double** columns, int64_t row, dict index)
    cdef int _find(self, object name) except -1


# Whether values that an event hands out may move to another row. Whoever kept a mapping must find in it
# what he saw: a mapping moves only while the event alone refers to it, by its attribute and by the
# argument here.
cdef inline bint may_move(Values values, int64_t row) noexcept:
    return values is not None and (values.row == row or Py_REFCNT(<PyObject*> values) == 2)


cpdef object context_at(MarketData data, int64_t t)
cpdef object features_at(MarketData data, int64_t row)
