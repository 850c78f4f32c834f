cimport cython

from ml4t.backtest.market.market_data cimport MarketData


# Column name -> number of the column, for each kind of column.
@cython.final
cdef class ColumnNames:
    cdef dict features               # signals and indicators
    cdef dict signals
    cdef dict indicators
    cdef dict context

    @staticmethod
    cdef ColumnNames of(MarketData data)
