cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.types cimport FillRecord
from ml4t.backtest.portfolio.position cimport Position


@cython.final
cdef class Positions:
    cdef Position* at                # by asset
    cdef int32_t n_assets
    cdef int32_t n_open              # positions held
    cdef int32_t* open_asset         # after settle(): the n_open assets held, in asset order
    cdef int32_t _n_listed           # entries of open_asset; of ended positions too until settle()
    cdef int32_t* _opened            # assets that opened since the last settle()
    cdef int32_t _n_opened
    cdef int8_t* _is_listed          # by asset: it stands in open_asset or in _opened
    cdef int64_t next_position_id

    # Bring open_asset up to date; to be called before it is walked. Where positions come and go one
    # by one, keeping the order at each would cost a walk each; so it costs one walk for all of them.
    cdef inline void settle(self) noexcept nogil:
        if self._n_opened > 0 or self._n_listed != self.n_open:
            self._settle()

    cdef void _settle(self) noexcept nogil
    cdef void open(
        self, const FillRecord* fill, int64_t t, int64_t decision_row, double basis
    ) noexcept nogil
    cdef void add(self, const FillRecord* fill, double basis) noexcept nogil
    cdef void reduce(self, const FillRecord* fill) noexcept nogil
    cdef void end(self, Position* position) noexcept nogil
    cdef void split(self, int32_t asset, double ratio) noexcept nogil
    cdef void go_ex_dividend(self, Position* position, double dividend) noexcept nogil
    cdef int check_settled(self) except -1 nogil


cdef void take_in(Position* position, double price) noexcept nogil
