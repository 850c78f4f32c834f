"""Curve: the record of step 7, what the account was worth at each timestamp.

Of a single asset every point is its close, the units held and the cash; it is written when somebody asks.
"""

cimport cython
from libc.math cimport fabs
from libc.stdint cimport int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.market.market_data cimport MarketData

import numpy as np

NAMES = ("equity", "cash", "gross", "net")

# Points of a long column: a quarter of a megabyte.
cdef enum:
    MANY = 32_768


@cython.final
cdef class Curve:
    """Equity, cash, gross and net exposure by timestamp.

    Parameters
    ----------
    begin : int
        The first timestamp of the run: 1 where timestamp 0 is what was carried over.
    """

    def __cinit__(self, int64_t begin):
        self._begin = begin
        self._made = {}
        self._rows = {}

    # A chunk begins; what is pending of the one before is written while its closes are there.
    cdef int enter(
        self, MarketData data, bint is_single, int64_t t_before, int64_t n_known
    ) except -1:
        if self._single is not None:
            self._write_balances(self._single.n_times)
        self._t_before = t_before
        self._n_known = n_known
        self._balances = RecordBuffer(sizeof(Balance))
        self._single = data if is_single else None
        if not is_single:
            self._reserve(data.n_times)
        return 0

    # Room for the timestamps of a chunk: of the whole run at once where their number is known. One
    # array: an allocator that gets it back whole can give it whole to the next run.
    cdef int _reserve(self, int64_t n_here) except -1:
        cdef int64_t needed = self._t_before + n_here
        cdef int64_t n_written = 0 if self._record is None else self._t_before + 1
        cdef double[:, ::1] view
        if self._record is None or self._record.shape[1] < needed:
            record = np.empty((len(NAMES), max(needed, self._n_known, 2 * n_written)))
            record[:, :n_written] = 0.0 if self._record is None else self._record[:, :n_written]
            self._record = record
        view = self._record
        self.columns.equity = &view[0, 0] + self._t_before
        self.columns.cash = self.columns.equity + view.shape[1]
        self.columns.gross = self.columns.cash + view.shape[1]
        self.columns.net = self.columns.gross + view.shape[1]
        return 0

    # The points of the first timestamps of the chunk, as the sums of step 5 make them: from 0.0.
    cdef int _write_balances(self, int64_t n_here) except -1:
        cdef const double* close = self._single.close_
        cdef const Balance* balance
        cdef int64_t i
        cdef int64_t t
        cdef double net
        self._reserve(n_here)
        for i in range(self._balances.count):
            balance = <const Balance*> self._balances.at(i)
            for t in range(balance.t, self._end_of(i, n_here)):
                net = 0.0 + balance.units * close[t]
                write_point(&self.columns, t, balance.cash, net, fabs(net))
        return 0

    # The same of one column: most of those who ask want the equity alone.
    cdef object _column_of_balances(self, int64_t n_done, str name):
        cdef const double* close = self._single.close_
        cdef const Balance* balance
        cdef bint is_cash = name == "cash"
        cdef bint is_equity = name == "equity"
        cdef double[::1] column
        cdef int64_t i
        made = self._row_for(n_done, name)
        column = made
        with nogil:
            for i in range(self._balances.count):
                balance = <const Balance*> self._balances.at(i)
                if balance.t >= n_done:
                    break
                write_stretch(
                    &column[balance.t - self._begin], close + balance.t, balance.cash, balance.units,
                    self._end_of(i, n_done) - balance.t, is_cash, is_equity,
                )
        return np.abs(made, out=made) if name == "gross" else made

    # Long columns have their place at once, of which those that nobody asks for are never touched: so much memory is
    # had in large pages, where threads that ask for a few megabytes each, over and over, get it in small ones.
    cdef object _row_for(self, int64_t n_done, str name):
        cdef int64_t n = max(n_done - self._begin, 0)
        if n < MANY:
            return np.empty(n)
        if n_done not in self._rows:
            self._rows[n_done] = np.empty((len(NAMES), n))
        return self._rows[n_done][NAMES.index(name)]

    # Where a balance is followed by the next: at n_here for the last.
    cdef int64_t _end_of(self, int64_t i, int64_t n_here) noexcept nogil:
        if i + 1 == self._balances.count:
            return n_here
        return min(n_here, (<const Balance*> self._balances.at(i + 1)).t)

    # Nothing was held short in this chunk, and no price is below zero.
    cdef bint _is_long(self) noexcept nogil:
        cdef int64_t i
        if self._single.is_signed[0]:
            return False
        for i in range(self._balances.count):
            if (<const Balance*> self._balances.at(i)).units < 0.0:
                return False
        return True

    def arrays(self, int64_t n_done):
        """Return the columns of the first ``n_done`` timestamps by name, float64 views."""
        if self._single is not None:
            self._write_balances(n_done - self._t_before)
        return dict(zip(NAMES, self._record[:, self._begin:n_done]))

    def column(self, int64_t n_done, str name):
        """Return one of :data:`NAMES` of a run in one piece, float64; it is made once."""
        if self._single is None:
            return self._record[NAMES.index(name), self._begin:n_done]
        if (n_done, name) not in self._made:
            if name == "gross" and self._is_long():  # where nothing is short both are one
                self._made[n_done, name] = self.column(n_done, "net")
            else:
                self._made[n_done, name] = self._column_of_balances(n_done, name)
        return self._made[n_done, name]

    def n_exposed(self, int64_t n_done):
        """Return at how many of the first ``n_done`` timestamps something of a price was held."""
        cdef const double* close
        cdef const Balance* balance
        cdef int64_t i
        cdef int64_t t
        cdef int64_t n = 0
        if self._single is None or self._t_before > 0:  # the record has all of it
            return np.count_nonzero(self._record[NAMES.index("gross"), self._begin:n_done] != 0.0)
        close = self._single.close_
        for i in range(self._balances.count):
            balance = <const Balance*> self._balances.at(i)
            if balance.units != 0.0:
                for t in range(balance.t, self._end_of(i, n_done)):
                    n += balance.units * close[t] != 0.0
        return n


# A stretch of n points between two changes of cash and units: the cash, the value of the units, or both.
cdef void write_stretch(
    double* column, const double* close, double cash, double units, int64_t n, bint is_cash, bint is_equity
) noexcept nogil:
    cdef int64_t t
    if is_cash:
        for t in range(n):
            column[t] = cash
    elif is_equity:
        for t in range(n):
            column[t] = cash + (0.0 + units * close[t])
    else:
        for t in range(n):
            column[t] = 0.0 + units * close[t]
