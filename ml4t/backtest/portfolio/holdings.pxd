cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.portfolio.position cimport Position


@cython.final
cdef class Holdings:
    cdef RecordBuffer buffer
    cdef int32_t n_moved
    cdef int32_t* _moved             # assets whose units or price moved at the timestamp of now
    cdef int8_t* _has_moved          # by asset

    cdef inline void note(self, int32_t asset) noexcept nogil:
        if not self._has_moved[asset]:
            self._has_moved[asset] = 1
            self._moved[self.n_moved] = asset
            self.n_moved += 1

    cdef int record(self, const Position* at, int64_t t) except -1 nogil
