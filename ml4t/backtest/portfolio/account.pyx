"""Account: cash, the marks of the assets, and what both are worth: where money is counted."""

cimport cython
from libc.math cimport NAN, fabs
from libc.stdint cimport int8_t, int32_t, int64_t
from libc.stdlib cimport calloc, free

from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.portfolio.positions cimport Positions


@cython.final
cdef class Account:
    """Cash and marks of one run.

    Parameters
    ----------
    positions : Positions
        What is valued.
    initial_cash : float
        Currency.
    """

    def __cinit__(self, Positions positions not None, double initial_cash):
        cdef size_t size = <size_t> positions.n_assets + 1
        cdef size_t asset
        self.positions = positions
        self.cash = initial_cash
        self.initial_cash = initial_cash
        self.marked_equity = initial_cash
        self._open_t = -1
        self._own = <double*> calloc(size, sizeof(double))
        self.mark = self._own
        self._since = <SinceRow*> calloc(size, sizeof(SinceRow))
        if self._own == NULL or self._since == NULL:
            raise MemoryError(f"no memory for the marks of {positions.n_assets} assets")
        for asset in range(size):
            self._own[asset] = NAN
            self._since[asset] = SinceRow(-1, NAN, 1.0, 0.0)

    def __dealloc__(self):
        free(self._own)
        free(self._since)

    # From step 2 to step 4 an asset is marked at its open. Said again in one bar, it does nothing: who
    # needs the marks says it, and on a bar on which nobody does it costs nothing.
    cdef void mark_open(self, Cursor cursor) noexcept nogil:
        if self._open_t == cursor.run_t():
            return
        self._take_marks(cursor, cursor.data.open_)
        self._open_t = cursor.run_t()

    # Mark one asset alone, where the bars of a timestamp are taken one by one.
    cdef void mark_one(self, int32_t asset, double price) noexcept nogil:
        self.own_marks()[asset] = price
        self._sums = NO_SUMS

    # A split divides the mark, and the close it came from. Before the first row of the asset: nothing.
    cdef void split(self, int32_t asset, double ratio, Cursor cursor) noexcept nogil:
        cdef SinceRow* since = self.since_row(asset, cursor)
        since.close = since.close / ratio
        since.splits = since.splits * ratio
        since.dividends = since.dividends / ratio
        self.own_marks()[asset] = self.mark[asset] / ratio
        self._sums = NO_SUMS

    # What was decided at the last close was decided at a price with the dividend. The mark is the last price
    # without it, until the next row says its own: the cash has come.
    cdef void go_ex_dividend(self, int32_t asset, double amount, Cursor cursor) noexcept nogil:
        cdef SinceRow* since = self.since_row(asset, cursor)
        since.close = since.close - amount
        since.dividends = since.dividends + amount
        if self.mark[asset] > amount:
            self.own_marks()[asset] = self.mark[asset] - amount
            self._sums = NO_SUMS

    # Begun anew where the asset has had a row since.
    cdef SinceRow* since_row(self, int32_t asset, Cursor cursor) noexcept nogil:
        cdef SinceRow* since = &self._since[asset]
        cdef int64_t row = cursor.row_before(asset)
        cdef int64_t number = cursor.number_of(row)
        if since.row != number:
            since.row = number
            since.close = cursor.data.close_[row]
            since.splits = 1.0
            since.dividends = 0.0
        return since

    # The last close before now, divided by each split since, one after the other, and less each dividend;
    # NaN if there was none.
    cdef double close_before(self, int32_t asset, Cursor cursor) noexcept nogil:
        cdef int64_t row = cursor.row_before(asset)
        if row < 0:
            return NAN
        if self._since[asset].row == cursor.number_of(row):
            return self._since[asset].close
        return cursor.data.close_[row]

    cdef double net(self) noexcept nogil:
        if self._sums == NO_SUMS:
            self.sum_exposure()
        return self._net

    cdef double gross(self) noexcept nogil:
        if self._sums == NO_SUMS:
            self.sum_exposure()
        return self._gross

    cdef double equity(self) noexcept nogil:
        return self.cash + self.net()

    # Of the positions held, at the marks of the moment, partial exits included.
    cdef double unrealised_pnl(self) noexcept nogil:
        cdef double total = 0.0
        cdef const Position* position
        cdef int32_t i
        self.positions.settle()
        for i in range(self.positions.n_open):
            position = &self.positions.at[self.positions.open_asset[i]]
            total += (
                position.realised - position.commission + position.dividends
                + (self.mark[position.asset] - position.entry_price) * position.quantity
            )
        return total
