"""The strategy of B1 as one that can be derived from: what waits beside it is ordered in ``on_start``."""

from libc.stdint cimport int64_t

from ml4t.backtest.strategy.strategy cimport CompiledStrategy


cdef class Turns(CompiledStrategy):
    """Enters and leaves a single asset where its columns ``entry`` and ``exit`` say so."""

    cdef const double* entry
    cdef const double* leave

    cdef int prepare(self) except -1:
        names = list(self.data.features)
        self.entry = self.data.feature[<int> names.index("entry")]
        self.leave = self.data.feature[<int> names.index("exit")]
        return 0

    cdef int on_timestamp(self) except -1 nogil:
        cdef int64_t row = self.cursor.first
        if self._column()[row] <= 0.0:
            return 0
        if self._column() == self.leave:
            self.order_close(0, NULL)
        else:
            self.order_entry(0, 10.0, NULL)
        return 0

    cdef int64_t next_row(self, int64_t row, int64_t end) noexcept nogil:
        cdef const double* column = self._column()
        while row < end and column[row] <= 0.0:
            row += 1
        return row

    cdef const double* _column(self) noexcept nogil:
        return self.leave if self.portfolio.positions.at[0].quantity > 0.0 else self.entry
