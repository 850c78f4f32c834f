cimport cython
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.types cimport TermsRecord
from ml4t.backtest.strategy.entry_terms cimport EntryTerms
from ml4t.backtest.strategy.ranking cimport Ranked
from ml4t.backtest.strategy.strategy cimport CompiledStrategy


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
    cdef Entered* entered            # by asset
    cdef Ranked* asking              # entries of this timestamp that need a place
    cdef int32_t n_asking
    cdef const double* columns[4]
    cdef int64_t[4] none_from        # by column: from this row on, and before that one, there is no signal
    cdef int64_t[4] none_before
    cdef const double* ranks         # NULL: none

    cdef bint _is_on(self, int column, int64_t row) noexcept nogil
    cdef bint _is_any(self, int64_t row) noexcept nogil
    cdef int64_t _next_on(self, int column, int64_t row, int64_t end) noexcept nogil
    cdef bint _asks_all(self) noexcept nogil
    cdef void _fetch_ahead(self, int64_t row) noexcept nogil
    cdef int _act(self, int32_t asset, int64_t row) except -1 nogil
    cdef int _open(self, int32_t asset, int64_t row) except -1 nogil
    cdef int _hold(
        self, int32_t asset, int own_entry, int exit_column, int other_entry, int64_t row,
        double side
    ) except -1 nogil
    cdef int _add(self, int32_t asset, int own_entry, int64_t row, double side) except -1 nogil
    cdef int32_t _n_entered(self, int32_t asset) noexcept nogil
    cdef int32_t _read(self, int32_t asset, int64_t row, double direction) noexcept nogil
    cdef int _may_enter(self, int column, int32_t asset, int64_t row, double direction) except -1 nogil
    cdef int _pass_over(self, int column, int32_t asset, int64_t row, int32_t reason) except -1 nogil
    cdef double _side_waiting(self, int32_t asset) noexcept nogil
    cdef int _withdraw(self, int32_t asset) except -1 nogil
    cdef int _leave(self, int32_t asset) except -1 nogil
    cdef int _ask(self, int32_t asset, int64_t row, double direction) except -1 nogil
    cdef int _enter_best(self) except -1 nogil
    cdef int32_t _places(self) noexcept nogil
    cdef int _enter(self, int32_t asset, double direction) except -1 nogil
    cdef int _enter_units(self, int32_t asset, double units) except -1 nogil
    cdef const double* _column(self, str name) except? NULL
