"""RankedRoom: whose orders give way to one of a higher rank (section 7 of ``docs/semantics.md``).

An asset is looked at again when its orders have changed, so that a whole universe may ask for a few places.
"""

cimport cython
from libc.math cimport INFINITY, isnan
from libc.stdint cimport INT64_MIN, int32_t, int64_t
from libc.stdlib cimport calloc, free

from ml4t.backtest.core.types cimport SOURCE_STRATEGY, OrderRecord
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.execution.price_heap cimport pop, push
from ml4t.backtest.execution.queues cimport Lanes
from ml4t.backtest.risk.frozen_inputs cimport FrozenInputs
from ml4t.backtest.risk.projection cimport Projection


@cython.final
cdef class RankedRoom:
    """Of one run.

    Parameters
    ----------
    broker : Broker
    inputs : FrozenInputs
        Whose columns are ranks.
    """

    def __cinit__(self, Broker broker not None, FrozenInputs inputs not None):
        self.broker = broker
        self.cursor = broker.cursor
        self.positions = broker.portfolio.positions
        self.queues = broker.book.queues
        self.fills = broker.fills.buffer
        self.inputs = inputs

    cdef Ranking* new_ranking(self, str column) except NULL:
        cdef Ranking* ranking
        cdef ColumnPlace place
        self.inputs.find(column, &place)
        ranking = <Ranking*> calloc(1, sizeof(Ranking))
        if ranking == NULL:
            raise MemoryError("no memory for a limit")
        ranking.column = place
        ranking.at_t = INT64_MIN
        return ranking

    # To be called before who has changed is forgotten.
    cdef int take_changes(self, Ranking* ranking) except -1 nogil:
        cdef int32_t i
        if self._is_of_now(ranking):
            for i in range(self.queues.n_changed):
                self._take_in(ranking, self.queues.changed[i])
        return 0

    # The asset to be opened of the lowest rank, below that of this one; -1: there is none.
    cdef int32_t lowest_below(self, Ranking* ranking, Projection projection, int32_t asset) except -2 nogil:
        if not self._is_of_now(ranking):
            self._find_all(ranking, projection)
        while ranking.lowest.n > 0 and not self._gives_way(<int32_t> -ranking.lowest.at[0].order_id):
            pop(&ranking.lowest)
        if ranking.lowest.n == 0 or not self._rank_of(ranking, asset) > ranking.lowest.at[0].key:
            return -1
        return <int32_t> -ranking.lowest.at[0].order_id

    cdef int cancel_all_of(self, int32_t asset, int32_t reason) except -1 with gil:
        for order_id in self.queues.ids_of(asset):
            if self.broker.book.order(order_id).waits:
                self.broker.book.cancel(order_id, reason)
        return 0

    # ---- inside ------------------------------------------------------------------------------

    cdef int _find_all(self, Ranking* ranking, Projection projection) except -1 nogil:
        cdef int32_t i
        ranking.lowest.n = 0
        for i in range(projection.n_active):
            self._take_in(ranking, projection.active[i])
        ranking.at_t = self.cursor.run_t()
        ranking.at_fills = self.fills.count
        return 0

    cdef int _take_in(self, Ranking* ranking, int32_t asset) except -1 nogil:
        if self._gives_way(asset):
            push(&ranking.lowest, self._rank_of(ranking, asset), -<int64_t> asset)
        return 0

    # Below every number where there is none.
    cdef double _rank_of(self, const Ranking* ranking, int32_t asset) noexcept nogil:
        cdef double value = self.inputs.latest(&ranking.column, asset)
        return -INFINITY if isnan(value) else value

    # It is to be opened by orders of the strategy of this timestamp alone.
    cdef bint _gives_way(self, int32_t asset) noexcept nogil:
        cdef Lanes lanes = self.queues.lanes_of(asset)
        cdef int64_t order_id = self.queues.next_of(&lanes)
        cdef const OrderRecord* order
        if order_id == 0 or self.positions.at[asset].quantity != 0.0:
            return False
        while order_id != 0:
            order = self.broker.book.order(order_id)
            if order.source != SOURCE_STRATEGY or order.reduce_only or order.timestamp != self.cursor.now:
                return False
            order_id = self.queues.next_of(&lanes)
        return True


cdef void free_ranking(Ranking* ranking) noexcept nogil:
    if ranking != NULL:
        free(ranking.lowest.at)
    free(ranking)
