cimport cython
from libc.stdint cimport int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.market.market_data cimport MarketData


# The columns of the record, by timestamp of the chunk under way.
cdef struct CurveColumns:
    double* equity
    double* cash
    double* gross
    double* net


# Of a single asset: cash and units from timestamp t of the chunk under way on.
cdef struct Balance:
    int64_t t
    double cash
    double units


cdef inline void write_point(
    const CurveColumns* columns, int64_t t, double cash, double net, double gross
) noexcept nogil:
    columns.equity[t] = cash + net
    columns.cash[t] = cash
    columns.gross[t] = gross
    columns.net[t] = net


@cython.final
cdef class Curve:
    cdef CurveColumns columns
    cdef object _record              # the array behind them, shape (4, timestamps)
    cdef int64_t _begin              # the first timestamp of the run in it
    cdef int64_t _t_before           # timestamps of the run before the chunk under way
    cdef int64_t _n_known            # timestamps of the run, where they are known; else 0
    cdef RecordBuffer _balances      # of the chunk under way, where it has a single asset
    cdef dict _rows                  # of a run in one piece, by where it stood: memory for all columns
    cdef dict _made                  # columns of a run in one piece, by where it stood and their name
    cdef MarketData _single          # that chunk; None: the columns are written as the run goes

    cdef int enter(
        self, MarketData data, bint is_single, int64_t t_before, int64_t n_known
    ) except -1
    cdef int _reserve(self, int64_t n_here) except -1
    cdef int _write_balances(self, int64_t n_here) except -1
    cdef object _column_of_balances(self, int64_t n_done, str name)
    cdef object _row_for(self, int64_t n_done, str name)
    cdef int64_t _end_of(self, int64_t i, int64_t n_here) noexcept nogil
    cdef bint _is_long(self) noexcept nogil

    # What the account of a single asset is at t, and stays until it is said anew.
    cdef inline int hold(self, int64_t t, double cash, double units) except -1 nogil:
        cdef Balance* last
        if self._balances.count > 0:
            last = <Balance*> self._balances.at(self._balances.count - 1)
            if last.cash == cash and last.units == units:
                return 0
            if last.t == t:
                last.cash = cash
                last.units = units
                return 0
        last = <Balance*> self._balances.append()
        last.t = t
        last.cash = cash
        last.units = units
        return 0
