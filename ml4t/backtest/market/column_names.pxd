cimport cython

from ml4t.backtest.market.market_data cimport MarketData


# Column name -> number of the column, for each kind of column.
@cython.final
cdef class ColumnNames:
    cdef dict features               # signals and indicators
    cdef dict signals
    cdef dict indicators
    cdef dict context
    cdef object event_type           # the class of events with these columns, made at first use

    @staticmethod
    cdef ColumnNames of(MarketData data)
