"""PortfolioHistory: what orders have traded so far, and what a unit of exposure has brought at each timestamp.

T and x of section 7 of ``docs/semantics.md``; written while a limit wants them.
"""

cimport cython
from libc.math cimport fabs
from libc.stdint cimport int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.types cimport FillRecord
from ml4t.backtest.market.cursor cimport Cursor


@cython.final
cdef class PortfolioHistory:
    """Of one run, from now on.

    Parameters
    ----------
    cursor : Cursor
    fills : RecordBuffer
        Those of the run.
    """

    def __cinit__(self, Cursor cursor not None, RecordBuffer fills not None):
        self.cursor = cursor
        self.fills = fills
        self._n_traded = fills.count
        self._traded_by = RecordBuffer(sizeof(double))
        self._brought = RecordBuffer(sizeof(double))

    # The mark of a timestamp; ``recorded`` and ``carried``: equity and gross exposure of the record before, of
    # which only some is divided by.
    @cython.cdivision(True)
    cdef int take_mark(self, double equity, double recorded, double carried) except -1 nogil:
        if self.n_timestamps > 0:
            self._count_traded(False)
            (<double*> self._traded_by.append())[0] = self._traded
        self.n_timestamps += 1
        if carried > 0.0:
            (<double*> self._brought.append())[0] = (equity - recorded) / carried
        return 0

    # Since the end of the timestamp so many before this one.
    cdef double traded_within(self, int64_t n) noexcept nogil:
        cdef int64_t end = self.n_timestamps - 1 - n
        self._count_traded(True)
        if end >= self._traded_by.count:
            return 0.0
        return self._traded - ((<const double*> self._traded_by.at(end))[0] if end >= 0 else 0.0)

    # Fills of orders, one at a time; cash in lieu is no trade.
    cdef void _count_traded(self, bint now_too) noexcept nogil:
        cdef const FillRecord* fill
        while self._n_traded < self.fills.count:
            fill = <const FillRecord*> self.fills.at(self._n_traded)
            if fill.timestamp == self.cursor.now and not now_too:
                return
            if fill.order_id != 0:
                self._traded += fabs(fill.quantity * fill.price)
            self._n_traded += 1
