"""Ledger: what happened to levels and waiting orders that no other record says (semantics section 8).

Whoever changes one asks ``detail`` first; at the default nobody comes here.
"""

cimport cython
from libc.math cimport NAN
from libc.stddef cimport size_t
from libc.stdint cimport int8_t, int32_t, int64_t
from libc.stdlib cimport calloc, free

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.settings cimport TELL_ALL, TELL_FILLS, resolve_settings
from ml4t.backtest.core.types cimport (
    EXIT_NONE, LEDGER_ARMED, LEDGER_DISARMED, LEDGER_MOVED, LedgerRecord, OrderRecord, REASON_NONE,
)
from ml4t.backtest.execution.event_log cimport EventLog
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.armed_levels cimport LevelSource, level_or_nan, stop_source
from ml4t.backtest.portfolio.position cimport Position


@cython.final
cdef class Ledger:
    """The rows of one run beside those of its orders, fills and events.

    Parameters
    ----------
    cursor : Cursor
    events : EventLog
    orders : RecordBuffer
        Those of the book.
    config : BacktestConfig
    """

    def __cinit__(
        self, Cursor cursor not None, EventLog events not None, RecordBuffer orders not None, config
    ):
        self.cursor = cursor
        self.events = events
        self.orders = orders
        self.buffer = RecordBuffer(sizeof(LedgerRecord))
        self.detail = resolve_settings(config).ledger
        if self.detail == TELL_FILLS:
            return
        self.told = <ToldLevels*> calloc(<size_t> cursor.data.n_assets + 1, sizeof(ToldLevels))
        if self.told == NULL:
            raise MemoryError(f"no memory for the levels of {cursor.data.n_assets} assets")

    def __dealloc__(self):
        free(self.told)

    # Something has become of an order that waits.
    cdef int tell_order(
        self, int8_t kind, const OrderRecord* order, int32_t reason, double level, double price,
        double before, double after
    ) except -1 nogil:
        cdef LedgerRecord* row = self._add(kind, order.asset)
        row.order_id = order.order_id
        row.rule = order.rule
        row.reason = reason
        row.level = level
        row.price = price
        row.before = before
        row.after = after
        return 0

    # The levels of a position may be others than those told last. A reason: that of what has moved them, where it
    # is no rule. What they come from was known with that row of the asset.
    cdef int tell_levels(
        self, const Position* position, int64_t row, int32_t reason
    ) except -1 nogil:
        cdef ToldLevels* told = &self.told[position.asset]
        if told.position_id != position.position_id:
            told.position_id = position.position_id
            told.stop.rule = -1
            told.stop.place = -1
            told.stop.level = NAN
            told.target = told.stop
        self._tell_level(
            position, &told.stop, stop_source(&position.levels), -1,
            level_or_nan(position.levels.stop), row, reason,
        )
        return self._tell_level(
            position, &told.target, &position.levels.target_source, position.levels.target_place,
            level_or_nan(position.levels.target), row, reason,
        )

    # ---- inside ------------------------------------------------------------------------------

    cdef int _tell_level(
        self, const Position* position, ToldLevel* told, const LevelSource* source, int32_t place, double level,
        int64_t known_row, int32_t reason
    ) except -1 nogil:
        cdef LedgerRecord* row
        cdef double before = told.level
        cdef bint is_there = source.rule >= 0
        cdef bint is_new = source.rule != told.rule or place != told.place
        told.level = level
        told.place = place
        if is_there:
            told.rule = source.rule
            told.reason = source.reason
            told.kind = source.kind
        if not is_new and (self.detail != TELL_ALL or level == before or not is_there):
            return 0
        row = self._add(LEDGER_MOVED if not is_new else LEDGER_ARMED, position.asset)
        if not is_there:
            row.kind = LEDGER_DISARMED
        row.trade_id = position.position_id
        row.information_time = self.cursor.time_of(known_row)
        row.rule = told.rule
        row.reason = told.reason if reason == REASON_NONE else reason
        row.exit_kind = told.kind
        row.level = level
        row.price = position.water
        row.before = NAN if is_new else before
        row.after = level
        if not is_there:
            told.rule = -1
        return 0

    cdef LedgerRecord* _add(self, int8_t kind, int32_t asset) except NULL nogil:
        cdef LedgerRecord* row = <LedgerRecord*> self.buffer.append()
        row.place = self.events.place()
        row.n_orders = self.orders.count
        row.timestamp = self.cursor.now
        row.kind = kind
        row.exit_kind = EXIT_NONE
        row.asset = asset
        return row
