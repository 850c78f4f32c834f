"""Projection: what each asset, and the portfolio, may come to once the orders that wait have filled.

Section 7 of ``docs/semantics.md``. Between two orders of one step the sums move by the assets whose orders
have changed, so an order costs the same beside ten assets and beside a thousand; only where the last bits
decide, or become units, are they summed anew.
"""

cimport cython
from libc.stdint cimport INT64_MIN, int32_t, int64_t
from libc.stdlib cimport calloc, free, realloc

from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.execution.queues cimport sort_codes


@cython.final
cdef class Projection:
    """Of one run.

    Parameters
    ----------
    broker : Broker
    """

    def __cinit__(self, Broker broker not None):
        cdef int32_t n = broker.portfolio.positions.n_assets
        cdef size_t size = <size_t> n + 1
        self.cursor = broker.cursor
        self.account = broker.portfolio.account
        self.positions = broker.portfolio.positions
        self.queues = broker.book.queues
        self.fills = broker.fills.buffer
        self._at_t = INT64_MIN
        self.up = <double*> calloc(size, sizeof(double))
        self.low = <double*> calloc(size, sizeof(double))
        self.asked_units = <double*> calloc(size, sizeof(double))
        self.active = <int32_t*> calloc(size, sizeof(int32_t))
        self._is_active = <int8_t*> calloc(size, sizeof(int8_t))
        if self.up == NULL or self.low == NULL or self.asked_units == NULL:
            raise MemoryError(f"no memory for the limits of {n} assets")
        if self.active == NULL or self._is_active == NULL:
            raise MemoryError(f"no memory for the limits of {n} assets")
        self.queues.watch()

    def __dealloc__(self):
        cdef int32_t i
        for i in range(self._n_groupings):
            free(self._grouping[i].of)
            free(self._grouping[i].gross)
        free(self._grouping)
        free(self.up)
        free(self.low)
        free(self.asked_units)
        free(self.active)
        free(self._is_active)

    # A table of groups: the code of each asset's. Returns its number.
    cdef int32_t add_grouping(self, object codes) except -1:
        cdef size_t n_groups = <size_t> max(codes) + 1
        cdef Grouping grouping
        cdef Grouping* more = <Grouping*> realloc(
            self._grouping, <size_t> (self._n_groupings + 1) * sizeof(Grouping)
        )
        if more == NULL:
            raise MemoryError("no memory for a table of groups")
        self._grouping = more
        grouping.n_groups = <int32_t> n_groups
        grouping.of = <int32_t*> calloc(<size_t> len(codes) + 1, sizeof(int32_t))
        grouping.gross = <double*> calloc(n_groups, sizeof(double))
        if grouping.of == NULL or grouping.gross == NULL:
            free(grouping.of)
            free(grouping.gross)
            raise MemoryError("no memory for a table of groups")
        for asset, code in enumerate(codes):
            grouping.of[<int32_t> asset] = code
        self._grouping[self._n_groupings] = grouping
        self._n_groupings += 1
        self._at_t = INT64_MIN
        return self._n_groupings - 1

    # From now on V is known too.
    cdef void count_asked(self) noexcept nogil:
        self.counts_asked = True
        self._at_t = INT64_MIN

    cdef double group_gross(self, int32_t grouping, int32_t asset) noexcept nogil:
        return self._grouping[grouping].gross[self._grouping[grouping].of[asset]]

    # The marks have moved, or a fill has: one term at a time, in asset order.
    cdef void _sum_anew(self) noexcept nogil:
        cdef int32_t i
        cdef int32_t asset
        cdef int32_t n_kept = 0
        cdef int32_t number
        cdef double size
        cdef double w
        cdef Grouping* grouping
        self._activate()
        sort_codes(self.active, self.n_active)
        self.gross = 0.0
        self.net_up = 0.0
        self.net_low = 0.0
        self.asked = 0.0
        self.n = 0
        for number in range(self._n_groupings):
            grouping = &self._grouping[number]
            for i in range(grouping.n_groups):
                grouping.gross[i] = 0.0
        for i in range(self.n_active):
            asset = self.active[i]
            self._project(asset)
            w = self.w(asset)
            if self._is_idle(asset):
                self._is_active[asset] = 0
                continue
            self.active[n_kept] = asset
            n_kept += 1
            size = self.account.size_of(asset)
            self.n += w > 0.0
            self.asked += self.asked_units[asset] * size
            self.gross += w * size
            self.net_up += self.up[asset] * size
            self.net_low += self.low[asset] * size
            for number in range(self._n_groupings):
                grouping = &self._grouping[number]
                grouping.gross[grouping.of[asset]] += w * size
        self.n_active = n_kept
        self._most_active = 16 + 2 * n_kept
        self._is_exact = True
        self._at_t = self.cursor.run_t()
        self._at_fills = self.fills.count

    # An asset whose orders have changed leaves the sums as it was and joins them as it is, in asset order.
    cdef void _take_changes(self) noexcept nogil:
        cdef int32_t i
        cdef int32_t asset
        cdef int32_t number
        cdef double up
        cdef double low
        cdef double w
        cdef double asked
        cdef double size
        cdef double change
        cdef Grouping* grouping
        sort_codes(self.queues.changed, self.queues.n_changed)
        for i in range(self.queues.n_changed):
            asset = self.queues.changed[i]
            up, low, w = self.up[asset], self.low[asset], self.w(asset)
            asked = self.asked_units[asset]
            self._project(asset)
            if up == self.up[asset] and low == self.low[asset] and asked == self.asked_units[asset]:
                continue
            self._is_exact = False
            size = self.account.size_of(asset)
            self.asked += self.asked_units[asset] * size - asked * size
            change = self.w(asset) * size - w * size
            self.n += (self.w(asset) > 0.0) - (w > 0.0)
            self.gross += change
            self.net_up += self.up[asset] * size - up * size
            self.net_low += self.low[asset] * size - low * size
            for number in range(self._n_groupings):
                grouping = &self._grouping[number]
                grouping.gross[grouping.of[asset]] += change
        self._activate()
        if self.n_active >= self._most_active:
            self._drop_idle()

    # Those that orders came to and left again, which would be looked at for nothing.
    cdef void _drop_idle(self) noexcept nogil:
        cdef int32_t i
        cdef int32_t asset
        cdef int32_t n_kept = 0
        for i in range(self.n_active):
            asset = self.active[i]
            if self._is_idle(asset):
                self._is_active[asset] = 0
            else:
                self.active[n_kept] = asset
                n_kept += 1
        self.n_active = n_kept
        self._most_active = 16 + 2 * n_kept

    cdef bint _is_idle(self, int32_t asset) noexcept nogil:
        return not self.w(asset) > 0.0 and not self.asked_units[asset] > 0.0

    # What has changed since is active.
    cdef void _activate(self) noexcept nogil:
        cdef int32_t i
        cdef int32_t asset
        for i in range(self.queues.n_changed):
            asset = self.queues.changed[i]
            if not self._is_active[asset]:
                self._is_active[asset] = 1
                self.active[self.n_active] = asset
                self.n_active += 1
        self.queues.forget_changed()

    # u and l: orders that wait for a price may fill or not.
    cdef void _project(self, int32_t asset) noexcept nogil:
        self.up[asset] = self.low[asset] = self.queues.units_after_due(asset)
        self.queues.add_resting(asset, &self.up[asset], &self.low[asset])
        if self.counts_asked:
            self.asked_units[asset] = self.queues.units_asked(asset)
