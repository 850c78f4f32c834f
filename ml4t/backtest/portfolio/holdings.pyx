"""Holdings: units and average price of each asset after each timestamp at which they moved."""

cimport cython
from libc.math cimport NAN
from libc.stdint cimport int8_t, int32_t, int64_t
from libc.stdlib cimport calloc, free

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.types cimport HoldingRecord
from ml4t.backtest.portfolio.position cimport Position


@cython.final
cdef class Holdings:
    """What was held when, one row for each asset and timestamp at which it changed.

    Parameters
    ----------
    n_assets : int
    """

    def __cinit__(self, int32_t n_assets):
        self.buffer = RecordBuffer(sizeof(HoldingRecord))
        self._moved = <int32_t*> calloc(<size_t> n_assets + 1, sizeof(int32_t))
        self._has_moved = <int8_t*> calloc(<size_t> n_assets + 1, sizeof(int8_t))
        if self._moved == NULL or self._has_moved == NULL:
            raise MemoryError(f"no memory for the holdings of {n_assets} assets")

    def __dealloc__(self):
        free(self._moved)
        free(self._has_moved)

    # Step 7: one row for each asset that moved at t.
    cdef int record(self, const Position* at, int64_t t) except -1 nogil:
        cdef HoldingRecord* holding
        cdef int32_t i
        cdef int32_t asset
        for i in range(self.n_moved):
            asset = self._moved[i]
            self._has_moved[asset] = 0
            holding = <HoldingRecord*> self.buffer.append_to_fill(sizeof(HoldingRecord))
            holding.time_index = t
            holding.asset = asset
            holding.quantity = at[asset].quantity
            holding.entry_price = at[asset].entry_price if holding.quantity != 0.0 else NAN
        self.n_moved = 0
        return 0
