cimport cython
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.execution.price_heap cimport PriceHeap
from ml4t.backtest.execution.queues cimport OrderQueues
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.positions cimport Positions
from ml4t.backtest.risk.frozen_inputs cimport ColumnPlace, FrozenInputs
from ml4t.backtest.risk.projection cimport Projection


# By one column: the assets whose orders may give way, the lowest first. Some may have got out of it since.
cdef struct Ranking:
    ColumnPlace column
    PriceHeap lowest             # by rank; in place of an order the asset, negated: of equal ranks the later one
    int64_t at_t                 # the timestamp of the run at which they were found,
    int64_t at_fills             # after so many fills


@cython.final
cdef class RankedRoom:
    cdef Broker broker
    cdef Cursor cursor
    cdef Positions positions
    cdef OrderQueues queues
    cdef RecordBuffer fills
    cdef FrozenInputs inputs

    cdef Ranking* new_ranking(self, str column) except NULL
    cdef int take_changes(self, Ranking* ranking) except -1 nogil
    cdef int32_t lowest_below(self, Ranking* ranking, Projection projection, int32_t asset) except -2 nogil
    cdef int cancel_all_of(self, int32_t asset, int32_t reason) except -1 with gil
    cdef int _find_all(self, Ranking* ranking, Projection projection) except -1 nogil
    cdef int _take_in(self, Ranking* ranking, int32_t asset) except -1 nogil
    cdef double _rank_of(self, const Ranking* ranking, int32_t asset) noexcept nogil
    cdef bint _gives_way(self, int32_t asset) noexcept nogil

    cdef inline bint _is_of_now(self, const Ranking* ranking) noexcept nogil:
        return ranking.at_t == self.cursor.run_t() and ranking.at_fills == self.fills.count


cdef void free_ranking(Ranking* ranking) noexcept nogil
