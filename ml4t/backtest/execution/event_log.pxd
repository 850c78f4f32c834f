cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.types cimport EventRecord
from ml4t.backtest.market.cursor cimport Cursor


@cython.final
cdef class EventLog:
    cdef Cursor cursor
    cdef RecordBuffer buffer
    cdef RecordBuffer fills          # of the run

    # Fills and events so far.
    cdef inline int64_t place(self) noexcept nogil:
        return self.fills.count + self.buffer.count

    # The one that was added last.
    cdef inline EventRecord* last(self) noexcept nogil:
        return <EventRecord*> self.buffer.at(self.buffer.count - 1)

    cdef EventRecord* add(
        self, int8_t kind, int32_t reason, int32_t asset, int64_t order_id, double asked, double given
    ) except NULL nogil
