cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.types cimport LedgerRecord, OrderRecord
from ml4t.backtest.execution.event_log cimport EventLog
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.armed_levels cimport LevelSource
from ml4t.backtest.portfolio.position cimport Position


# What was told last of a stop or a target.
cdef struct ToldLevel:
    double level
    int32_t rule                 # -1: none
    int32_t place                # of a target of a part; else -1
    int32_t reason
    int8_t kind


cdef struct ToldLevels:
    int64_t position_id          # of another position nothing was told yet
    ToldLevel stop
    ToldLevel target


@cython.final
cdef class Ledger:
    cdef Cursor cursor
    cdef EventLog events
    cdef RecordBuffer orders         # of the book
    cdef RecordBuffer buffer
    cdef int detail                  # LedgerDetail
    cdef ToldLevels* told            # by asset; NULL: levels are not told

    cdef int tell_order(
        self, int8_t kind, const OrderRecord* order, int32_t reason, double level, double price,
        double before, double after
    ) except -1 nogil
    cdef int tell_levels(
        self, const Position* position, int64_t row, int32_t reason
    ) except -1 nogil
    cdef int _tell_level(
        self, const Position* position, ToldLevel* told, const LevelSource* source, int32_t place, double level,
        int64_t known_row, int32_t reason
    ) except -1 nogil
    cdef LedgerRecord* _add(self, int8_t kind, int32_t asset) except NULL nogil
