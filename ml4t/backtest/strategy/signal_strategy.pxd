cimport cython
from libc.math cimport INFINITY, NAN, isnan
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.types cimport (
    EVENT_PASSED_OVER, ORDER_OPEN, REASON_CANCEL, REASON_CONFLICTING_SIGNAL, REASON_ORDER, TYPE_MARKET, VALID_DAY,
    VALID_GTC, OrderRecord, TermsRecord,
)
from ml4t.backtest.strategy.entry_terms cimport EntryTerms
from ml4t.backtest.strategy.placing cimport place
from ml4t.backtest.strategy.ranking cimport Ranked
from ml4t.backtest.strategy.strategy cimport CompiledStrategy

cdef enum Column:
    ENTRY
    EXIT
    SHORT_ENTRY
    SHORT_EXIT


# What the strategy has entered of an asset.
cdef struct Entered:
    int64_t order_id             # its last entry; 0: none yet
    int64_t added_id             # the last one beside the position that n does not count; 0: none
    int64_t position_id          # the position that n is counted of
    int32_t n                    # entries of it that have filled, be it a part


@cython.final
cdef class SignalStrategy(CompiledStrategy):
    cdef readonly str entry
    """Column that says when to go long; None: never."""
    cdef readonly str exit
    """Column that says when to leave a long; None: rules alone do."""
    cdef readonly str short_entry
    """Column that says when to go short; None: never."""
    cdef readonly str short_exit
    """Column that says when to leave a short; None: rules alone do."""
    cdef readonly str rank
    """Column by which entries are preferred where more ask than may; None: asset order."""
    cdef readonly int32_t max_entries
    """Entries of a position at most."""
    cdef int32_t _max_positions      # 0: as many as ask
    cdef double quantity
    cdef double value
    cdef double percent
    cdef bint at_fill                # the units are found at the fill
    cdef EntryTerms asked
    cdef TermsRecord terms           # of the entry that is being looked at
    cdef const TermsRecord* said     # the same; NULL: it has none of its own
    cdef Entered* entered            # by asset
    cdef Ranked* asking              # entries of this timestamp that need a place
    cdef int32_t n_asking
    cdef const double* columns[4]
    cdef int64_t[4] none_from        # by column: from this row on, and before that one, there is no signal
    cdef int64_t[4] none_before
    cdef const double* ranks         # NULL: none

    cdef inline bint _is_on(self, int column, int64_t row) noexcept nogil:
        return self.columns[column] != NULL and self.columns[column][row] > 0.0

    cdef inline bint _is_any(self, int64_t row) noexcept nogil:
        return (
            self._is_on(ENTRY, row) or self._is_on(EXIT, row)
            or self._is_on(SHORT_ENTRY, row) or self._is_on(SHORT_EXIT, row)
        )

    # An entry that waits stands for the position it is to open.
    cdef inline int _act(self, int32_t asset, int64_t row) except -1 nogil:
        cdef double side = self.portfolio.positions.at[asset].quantity
        if side == 0.0:
            side = self._side_waiting(asset)
        if side > 0.0:
            return self._hold(asset, ENTRY, EXIT, SHORT_ENTRY, row, 1.0)
        if side < 0.0:
            return self._hold(asset, SHORT_ENTRY, SHORT_EXIT, ENTRY, row, -1.0)
        return self._open(asset, row)

    cdef inline int _open(self, int32_t asset, int64_t row) except -1 nogil:
        if self._may_enter(ENTRY, asset, row, 1.0):
            self._pass_over(SHORT_ENTRY, asset, row, REASON_CONFLICTING_SIGNAL)
            return self._ask(asset, row, 1.0)
        if self._may_enter(SHORT_ENTRY, asset, row, -1.0):
            return self._ask(asset, row, -1.0)
        return 0

    # A signal is on, and its prices can be; they are in ``terms`` then.
    cdef inline int _may_enter(self, int column, int32_t asset, int64_t row, double direction) except -1 nogil:
        if not self._is_on(column, row):
            return 0
        return self._can_be(column, asset, row, direction) if self.asked.are_some else 1

    # An entry that the bar asks for, and that is not made: a row says so.
    cdef inline int _pass_over(self, int column, int32_t asset, int64_t row, int32_t reason) except -1 nogil:
        if self._is_on(column, row):
            self.broker.events.add(EVENT_PASSED_OVER, reason, asset, 0, NAN, NAN)
        return 0

    # The side of the entry that waits for an asset; 0: none does.
    cdef inline double _side_waiting(self, int32_t asset) noexcept nogil:
        cdef const OrderRecord* order
        if self.book.queues.n_waiting_of(asset) == 0 or self.entered[asset].order_id == 0:
            return 0.0
        order = self.book.order(self.entered[asset].order_id)
        return order.quantity if order.status == ORDER_OPEN else 0.0

    cdef inline int _withdraw(self, int32_t asset) except -1 nogil:
        if self._side_waiting(asset) != 0.0:
            return self.book.cancel(self.entered[asset].order_id, REASON_CANCEL)
        return 0

    # Out of the position, unless an exit waits, and out of what waits to enter.
    cdef inline int _leave(self, int32_t asset) except -1 nogil:
        self._withdraw(asset)
        if self.book.queues.n_exits_of(asset) == 0:
            self.order_close(asset, NULL)
        return 0

    # Of a flat asset: enter, or ask for a place.
    cdef inline int _ask(self, int32_t asset, int64_t row, double direction) except -1 nogil:
        cdef Ranked* asking
        cdef double rank
        if self._max_positions == 0:
            return self._enter(asset, direction)
        asking = &self.asking[self.n_asking]
        rank = 0.0 if self.ranks == NULL else self.ranks[row]
        asking.score = -INFINITY if isnan(rank) else rank
        asking.place = <int32_t> (row - self.cursor.first)
        asking.side = 1 if direction > 0.0 else -1
        self.n_asking += 1
        return 0

    cdef inline int _enter_units(self, int32_t asset, double units) except -1 nogil:
        if self.said == NULL or self._joins_basket():
            self.entered[asset].order_id = self.order_entry(asset, units, self.said)
        else:
            self.entered[asset].order_id = place(self.broker, self.risk, asset, units, REASON_ORDER, False, self.said)
        return 0

    # At the market, for as long as a session at least.
    cdef inline bint _joins_basket(self) noexcept nogil:
        return self.terms.type == TYPE_MARKET and (
            self.terms.time_in_force == VALID_GTC or self.terms.time_in_force == VALID_DAY
        )

    # Units that are known, at the market: what most entries are.
    cdef inline int _enter(self, int32_t asset, double direction) except -1 nogil:
        if self.said == NULL and not isnan(self.quantity):
            return self._enter_units(asset, direction * self.quantity)
        return self._enter_sized(asset, direction)

    cdef int _can_be(self, int column, int32_t asset, int64_t row, double direction) except -1 nogil
    cdef int _enter_sized(self, int32_t asset, double direction) except -1 nogil
    cdef int64_t _next_on(self, int column, int64_t row, int64_t end) noexcept nogil
    cdef bint _asks_all(self) noexcept nogil
    cdef void _fetch_ahead(self, int64_t row) noexcept nogil
    cdef int _hold(
        self, int32_t asset, int own_entry, int exit_column, int other_entry, int64_t row,
        double side
    ) except -1 nogil
    cdef int _add(self, int32_t asset, int own_entry, int64_t row, double side) except -1 nogil
    cdef int32_t _n_entered(self, int32_t asset) noexcept nogil
    cdef int32_t _read(self, int32_t asset, int64_t row, double direction) noexcept nogil
    cdef int _enter_best(self) except -1 nogil
    cdef int32_t _places(self) noexcept nogil
    cdef const double* _column(self, str name) except? NULL
