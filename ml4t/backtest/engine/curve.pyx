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

    # A chunk begins; what is pending of the one before is written while its closes are there.
    cdef int enter(
        self, MarketData data, bint is_single, int64_t t_before, int64_t n_known
    ) except -1:
        self._is_net = False
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
        cdef int64_t t = 0
        cdef int64_t end
        cdef double net
        self._reserve(n_here)
        if self._is_net:
            self.columns.gross = self.columns.net
        for i in range(self._balances.count):
            balance = <const Balance*> self._balances.at(i)
            end = n_here
            if i + 1 < self._balances.count:
                end = min(end, (<const Balance*> self._balances.at(i + 1)).t)
            for t in range(balance.t, end):
                net = 0.0 + balance.units * close[t]
                write_point(&self.columns, t, balance.cash, net, fabs(net))
        return 0

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
            self._is_net = self._t_before == 0 and self._is_long()
            self._write_balances(n_done - self._t_before)
        columns = dict(zip(NAMES, self._record[:, self._begin:n_done]))
        if self._is_net:
            columns["gross"] = columns["net"]
        return columns
