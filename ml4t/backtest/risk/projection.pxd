cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.execution.queues cimport OrderQueues
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.positions cimport Positions


# The assets of a table of groups, and what each group may come to.
cdef struct Grouping:
    int32_t* of                  # by asset
    double* gross                # by group
    int32_t n_groups


@cython.final
cdef class Projection:
    cdef Cursor cursor
    cdef Account account
    cdef Positions positions
    cdef OrderQueues queues
    cdef RecordBuffer fills
    cdef double* up                  # by asset: u of section 7,
    cdef double* low                 # and l
    cdef double gross                # G,
    cdef double net_up               # N+,
    cdef double net_low              # N-,
    cdef int32_t n                   # and P
    cdef bint counts_asked           # somebody wants to know
    cdef double* asked_units         # by asset: x of V,
    cdef double asked                # and V
    cdef int32_t* active            # assets that are held or that orders wait for, and maybe some more
    cdef int32_t n_active
    cdef int32_t _most_active        # of more the idle are dropped
    cdef int8_t* _is_active
    cdef bint _is_exact
    cdef int64_t _at_t               # the timestamp of the run at which they were summed,
    cdef int64_t _at_fills           # after so many fills
    cdef Grouping* _grouping
    cdef int32_t _n_groupings

    # Larger of both sides: what the asset may come to.
    cdef inline double w(self, int32_t asset) noexcept nogil:
        return self.up[asset] if self.up[asset] > -self.low[asset] else -self.low[asset]

    # To be called before anything is read.
    cdef inline void refresh(self) noexcept nogil:
        if self._at_t != self.cursor.run_t() or self._at_fills != self.fills.count:
            self._sum_anew()
        elif self.queues.n_changed > 0:
            self._take_changes()

    cdef inline int32_t group_of(self, int32_t grouping, int32_t asset) noexcept nogil:
        return self._grouping[grouping].of[asset]

    # Sums that have been moved by differences lose the last bits: where these decide, they are made anew.
    cdef inline void make_exact(self) noexcept nogil:
        if not self._is_exact:
            self._sum_anew()

    cdef int32_t add_grouping(self, object codes) except -1
    cdef void count_asked(self) noexcept nogil
    cdef double group_gross(self, int32_t grouping, int32_t asset) noexcept nogil
    cdef void _sum_anew(self) noexcept nogil
    cdef void _take_changes(self) noexcept nogil
    cdef void _activate(self) noexcept nogil
    cdef void _drop_idle(self) noexcept nogil
    cdef bint _is_idle(self, int32_t asset) noexcept nogil
    cdef void _project(self, int32_t asset) noexcept nogil
