"""EventLog: what happened to an order or a level besides filling."""

cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.types cimport EventRecord, FillRecord
from ml4t.backtest.market.cursor cimport Cursor


@cython.final
cdef class EventLog:
    """The events of one run, one row each.

    Parameters
    ----------
    cursor : Cursor
        Tells the time.
    """

    def __cinit__(self, Cursor cursor not None):
        self.cursor = cursor
        self.buffer = RecordBuffer(sizeof(EventRecord))
        self.fills = RecordBuffer(sizeof(FillRecord))

    cdef EventRecord* add(
        self, int8_t kind, int32_t reason, int32_t asset, int64_t order_id, double asked, double given
    ) except NULL nogil:
        cdef EventRecord* event = <EventRecord*> self.buffer.append()
        event.timestamp = self.cursor.now
        event.kind = kind
        event.reason = reason
        event.asset = asset
        event.order_id = order_id
        event.asked = asked
        event.given = given
        event.rule = -1
        event.n_fills_before = self.fills.count
        return event
