cimport cython
from libc.stdint cimport int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.types cimport OrderRecord, TermsRecord
from ml4t.backtest.execution.price_heap cimport PriceHeap
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.session_ends cimport SessionEnds


@cython.final
cdef class Expiries:
    cdef Cursor cursor
    cdef RecordBuffer orders         # of the book
    cdef RecordBuffer terms          # of the book
    cdef PriceHeap over              # of the last collect(): those whose time is over, without keys
    cdef PriceHeap _dated            # by the time they wait until, as near as a double tells
    cdef PriceHeap _undated          # day orders whose session has not begun
    cdef SessionEnds _session_ends   # None before the first day order

    # Some order waits for a time.
    cdef inline bint any(self) noexcept nogil:
        return self._undated.n > 0 or self._dated.n > 0

    # Some may be over by now, or a session begins.
    cdef inline bint are_due(self) noexcept nogil:
        return self._undated.n > 0 or (
            self._dated.n > 0 and self._dated.at[0].key <= <double> self.cursor.now
        )

    cdef int wait(self, const OrderRecord* order, const TermsRecord* terms) except -1 nogil
    cdef int collect(self) except -1 nogil
    cdef int _begin_session(self) except -1 nogil
    cdef int _begin_sessions(self) except -1 with gil
