cimport cython
from libc.math cimport fabs, isnan
from libc.stdint cimport int8_t, int32_t, int64_t
from libc.string cimport memcpy

from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.positions cimport Positions


# What splits and dividends have done to an asset since its last row before now.
cdef struct SinceRow:
    int64_t row                  # that row, as numbered in the run; -1: there was none
    double close                 # its close, in the units of now and without the dividends; NaN if there was none
    double splits                # product of the splits since
    double dividends             # paid for a unit since, in the units of now; 0 where they adjust nothing


# What the sums of exposure are.
cdef enum Sums:
    NO_SUMS                      # a mark or a position has moved since
    MOVED_SUMS                   # fills have moved them
    WHOLE_SUMS                   # those of section 10: summed since anything moved


@cython.final
cdef class Account:
    cdef readonly double cash
    """Cash owned (currency); negative is borrowed, in a margin account only."""
    cdef readonly double initial_cash
    """Cash at the start (currency)."""
    cdef Positions positions
    cdef double marked_equity        # equity of step 5: what percents and weights are of
    cdef const double* mark          # by asset; NaN before its first bar
    cdef double* _own                # where marks stand that are not those of a row of each asset
    cdef Cursor cursor               # of the run: ``mark`` may stand in its data
    cdef SinceRow* _since            # by asset; of an earlier row where nothing has happened since
    cdef bint is_watched             # somebody asks for exposure between the marks: fills move the sums
    cdef int64_t _open_t             # the timestamp of the run whose opens are the marks
    cdef int8_t _sums                # what _net and _gross are: Sums
    cdef double _net
    cdef double _gross

    cdef void mark_open(self, Cursor cursor) noexcept nogil
    cdef void mark_one(self, int32_t asset, double price) noexcept nogil
    cdef void split(self, int32_t asset, double ratio, Cursor cursor) noexcept nogil
    cdef void go_ex_dividend(self, int32_t asset, double amount, Cursor cursor) noexcept nogil
    cdef SinceRow* since_row(self, int32_t asset, Cursor cursor) noexcept nogil
    cdef double close_before(self, int32_t asset, Cursor cursor) noexcept nogil
    cdef double net(self) noexcept nogil
    cdef double gross(self) noexcept nogil
    cdef double equity(self) noexcept nogil
    cdef double unrealised_pnl(self) noexcept nogil

    # The close that an order of now is decided at: that of the bar of now, or the last one.
    cdef inline double decision_close(self, int32_t asset, Cursor cursor) noexcept nogil:
        return self.mark[asset] if cursor.has_row(asset) else self.close_before(asset, cursor)

    # From step 4 on an asset is marked at its close.
    cdef inline void mark_close(self, Cursor cursor) noexcept nogil:
        self._take_marks(cursor, cursor.data.close_)

    # Of the rows of now, from a column of prices. Where every asset has a row they stand there as marks do: nothing is
    # copied.
    cdef inline void _take_marks(self, Cursor cursor, const double* price) noexcept nogil:
        cdef int64_t row
        cdef double* own
        cdef const int32_t* asset = cursor.data.asset
        self._sums = NO_SUMS
        if cursor.is_block():
            self.mark = &price[cursor.first]
            return
        own = self.own_marks()
        for row in range(cursor.first, cursor.last):
            own[asset[row]] = price[row]

    # To be written to; and to be asked for before the data of the run goes.
    cdef inline double* own_marks(self) noexcept nogil:
        if self.mark != self._own:
            memcpy(self._own, self.mark, <size_t> self.positions.n_assets * sizeof(double))
            self.mark = self._own
        return self._own

    # Whoever has walked over all positions says the sums of section 10: they hold until a mark moves, or a fill.
    cdef inline void hold_sums(self, double net, double gross) noexcept nogil:
        self._net = net
        self._gross = gross
        self._sums = WHOLE_SUMS

    # Net and gross exposure at the marks of the moment: the sums of section 10, from 0.0, one term at a
    # time, in asset order. They hold until a mark moves, and fills move them.
    cdef inline void sum_exposure(self) noexcept nogil:
        cdef double net = 0.0
        cdef double gross = 0.0
        cdef double value
        cdef int32_t i
        cdef int32_t asset
        cdef const double* units = self.positions.units
        cdef const double* mark = self.mark
        cdef const int32_t* open_asset
        self.positions.settle()
        open_asset = self.positions.open_asset
        for i in range(self.positions.n_open):
            asset = open_asset[i]
            value = units[asset] * mark[asset]
            net += value
            gross += fabs(value)
        self.hold_sums(net, gross)

    cdef inline void make_sums_whole(self) noexcept nogil:
        if self._sums != WHOLE_SUMS:
            self.sum_exposure()

    # What a unit counts in exposure; nothing before the first bar, where no order has been measured.
    cdef inline double size_of(self, int32_t asset) noexcept nogil:
        return 0.0 if isnan(self.mark[asset]) else fabs(self.mark[asset])

    # Of a single asset: marked at its close as if the steps had led there.
    cdef inline void arrive(self, double close) noexcept nogil:
        cdef double value = self.positions.at[0].quantity * close
        self.own_marks()[0] = close
        self.hold_sums(value, fabs(value))
        self.marked_equity = self.cash + self._net

    # Pay, or receive where the amount is negative.
    cdef inline void pay(self, double amount) noexcept nogil:
        self.cash = self.cash - amount

    # A fill moves the sums of exposure, where somebody looks at them between the marks (semantics
    # section 10): to sum anew at each look would make a bar with n entries cost n times n positions.
    cdef inline void before_fill(self) noexcept nogil:
        if self.is_watched and self._sums == NO_SUMS:
            self.sum_exposure()

    cdef inline void after_fill(self, int32_t asset, double held) noexcept nogil:
        cdef double before
        cdef double after
        if not self.is_watched:
            self._sums = NO_SUMS
        if self._sums == NO_SUMS:
            return
        before = held * self.mark[asset]
        after = self.positions.at[asset].quantity * self.mark[asset]
        self._net += after - before
        self._gross += fabs(after) - fabs(before)
        self._sums = MOVED_SUMS
