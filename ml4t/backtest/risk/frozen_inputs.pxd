cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.portfolio.account cimport Account, SinceRow
from ml4t.backtest.portfolio.position cimport Position


# One column that parameters of rules are read from.
cdef struct Input:
    double* value                # by asset; NaN: not read yet
    double* splits_before        # by asset: from its row to the reading, the product of the splits
    double* split_ratio          # by asset: of the position when it was read
    double* dividend_sum         # by asset: likewise, less what was paid from its row to the reading
    int32_t column               # its place among the features or the context of ``data``
    int8_t is_context
    int8_t is_live               # read anew at every close


# Where a column stands.
cdef struct ColumnPlace:
    int32_t column               # among the features or the context
    bint is_context


@cython.final
cdef class FrozenInputs:
    cdef Cursor cursor
    cdef MarketData data         # the bars of the cursor's data, with the columns that rules read
    cdef readonly list names
    """Names of the columns, in the order of their first use; one read both ways stands there twice."""
    cdef dict _number            # (name, is it live) -> its place in ``names``
    cdef Input* input
    cdef int32_t n
    cdef int32_t _capacity
    cdef dict _feature_column    # name -> place among the features of ``data``; so context
    cdef dict _context_column

    cdef int enter(self, MarketData data) except -1
    cdef int32_t number_of(self, str name, bint is_live=*) except -1
    cdef int find(self, str name, ColumnPlace* place) except -1
    cdef double latest(self, const ColumnPlace* place, int32_t asset) noexcept nogil
    cdef void forget(self, int32_t asset) noexcept nogil
    cdef void read_opening(
        self, const Position* position, bint at_open, Account account
    ) noexcept nogil
    cdef void read_close(self, const Position* position) noexcept nogil
    cdef void read_now(self, const Position* position, Account account) noexcept nogil
    cdef void copy_out(self, int32_t asset, double* kept) noexcept nogil
    cdef void copy_in(self, int32_t asset, const double* kept) noexcept nogil
    cdef bint lacks(self, int32_t asset) noexcept nogil
    cdef dict of(self, int32_t asset)
    cdef void _read(
        self, const Position* position, int64_t row, int64_t t, const SinceRow* since
    ) noexcept nogil
    cdef int _grow(self) except -1
