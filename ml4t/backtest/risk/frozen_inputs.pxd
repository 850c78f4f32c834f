cimport cython
from libc.math cimport INFINITY
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
    double* stays_from           # by asset, of a live column: from here on,
    double* stays_below          # and below this, it says no other regime; NULL of any other
    double all_stay_from         # and none of any position; inside
    double all_stay_below
    int32_t column               # its place among the features or the context of ``data``
    int8_t is_context
    int8_t is_live               # read anew at every close


# Where a column stands.
cdef struct ColumnPlace:
    int32_t column               # among the features or the context
    bint is_context


# What a live column says at a close, and where the regime of each position ends.
cdef struct Watched:
    const double* column         # by row, or one value for all
    const double* stays_from     # by asset
    const double* stays_below
    Input* of
    bint by_row
    bint some_turn               # some position's regime may end


# Does it say another regime than at the last close that asked? NaN says none.
cdef inline bint may_turn(const Watched* watched, int64_t row, int32_t asset) noexcept nogil:
    cdef double value = watched.column[row if watched.by_row else 0]
    return value < watched.stays_from[asset] or value >= watched.stays_below[asset]


@cython.final
cdef class FrozenInputs:
    cdef Cursor cursor
    cdef MarketData data         # the bars of the cursor's data, with the columns that rules read
    cdef readonly list names
    """Names of the columns, in the order of their first use; one read both ways stands there twice."""
    cdef dict _number            # (name, is it live) -> its place in ``names``
    cdef Input* input
    cdef int32_t n
    cdef int32_t n_live          # of them
    cdef int32_t _capacity
    cdef dict _feature_column    # name -> place among the features of ``data``; so context
    cdef dict _context_column

    cdef int enter(self, MarketData data) except -1
    cdef inline void watch_anew(self, int32_t asset) noexcept nogil:
        cdef int32_t i
        for i in range(self.n):
            if self.input[i].is_live:
                self.input[i].stays_from[asset] = -INFINITY
                self.input[i].stays_below[asset] = INFINITY

    # A position's regime goes on between these values of a column.
    cdef inline void watch(self, int32_t number, int32_t asset, double low, double high) noexcept nogil:
        cdef Input* column = &self.input[number]
        column.stays_from[asset] = max(column.stays_from[asset], low)
        column.stays_below[asset] = min(column.stays_below[asset], high)
        column.all_stay_from = max(column.all_stay_from, low)
        column.all_stay_below = min(column.all_stay_below, high)

    # Does a live column say, at this close, another regime of a position?
    cdef inline bint may_turn(self, int32_t asset) noexcept nogil:
        cdef Watched watched
        cdef int32_t i
        for i in range(self.n):
            if self.input[i].is_live:
                watched = self._watched(&self.input[i])
                if may_turn(&watched, self.cursor.row[asset], asset):
                    return True
        return False

    # The one live column there is; none (NULL) where several are. What one of the whole market says is known at once.
    cdef inline Watched only_live(self) noexcept nogil:
        cdef Watched watched
        cdef int32_t i
        watched.column = watched.stays_from = watched.stays_below = NULL
        watched.of = NULL
        watched.by_row = False
        watched.some_turn = self.n_live > 0
        if self.n_live != 1:
            return watched
        for i in range(self.n):
            if self.input[i].is_live:
                watched = self._watched(&self.input[i])
        watched.some_turn = watched.by_row or (
            watched.column[0] < watched.of.all_stay_from or watched.column[0] >= watched.of.all_stay_below
        )
        return watched

    cdef inline Watched _watched(self, Input* column) noexcept nogil:
        cdef Watched watched
        watched.of = column
        watched.some_turn = True
        watched.stays_from = column.stays_from
        watched.stays_below = column.stays_below
        watched.by_row = not column.is_context
        if column.is_context:
            watched.column = &self.data.context_[column.column][self.cursor.t]
        else:
            watched.column = self.data.feature[column.column]
        return watched

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
