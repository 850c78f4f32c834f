"""Participation: what of a bar's volume orders may fill (semantics section 3, Volume participation cap)."""

cimport cython
from libc.math cimport isnan
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free

from ml4t.backtest.core.settings cimport resolve_settings
from ml4t.backtest.core.types cimport EVENT_CAPPED, REASON_PARTICIPATION, OrderRecord
from ml4t.backtest.execution.costs cimport most_units
from ml4t.backtest.execution.event_log cimport EventLog
from ml4t.backtest.market.cursor cimport Cursor


@cython.final
cdef class Participation:
    """One budget for each asset and bar, which all its orders share; without a cap there is none.

    Parameters
    ----------
    cursor : Cursor
    events : EventLog
    config : BacktestConfig

    Raises
    ------
    ValueError
        If there is a cap and the data have no volumes.
    """

    def __cinit__(self, Cursor cursor not None, EventLog events not None, config):
        self.cursor = cursor
        self.events = events
        self.settings = resolve_settings(config)
        if not self.settings.is_capped:
            return
        if cursor.data.volume_ == NULL:
            raise ValueError(
                f"max_participation={config.max_participation:g} is a fraction of the volume of a bar, and the data "
                "have no volume: give them a column of it, or leave max_participation out"
            )
        self._of = <Budget*> calloc(<size_t> cursor.data.n_assets + 1, sizeof(Budget))
        if self._of == NULL:
            raise MemoryError(f"no memory for the budgets of {cursor.data.n_assets} assets")

    def __dealloc__(self):
        free(self._of)

    # That of the bar of now. Without one there is none: nothing fills.
    cdef Budget* _budget(self, int32_t asset) noexcept nogil:
        cdef Budget* budget = &self._of[asset]
        cdef int64_t times = self.cursor.run_t() + 1
        if budget.times != times:
            budget.times = times
            budget.is_told = 0
            budget.left = 0.0
            if self.cursor.has_row(asset):
                budget.left = most_units(&self.settings, self.cursor, self.cursor.row[asset])
        return budget

    # Whether an order whose turn has come finds volume left; the first that finds none says so.
    cdef bint has_volume(self, const OrderRecord* order) except -1 nogil:
        if self.left(order.asset) > 0.0:
            return True
        self.tell(order.asset, order.order_id, order.rest, 0.0)
        return False

    # What was asked is cut to what is given: said once for each asset and bar.
    cdef int tell(
        self, int32_t asset, int64_t order_id, double asked, double given
    ) except -1 nogil:
        cdef Budget* budget = self._budget(asset)
        cdef const double* volume = self.cursor.data.volume_
        if budget.is_told:
            return 0
        budget.is_told = 1
        self.n_without_volume += isnan(volume[self.cursor.row[asset]])
        self.events.add(EVENT_CAPPED, REASON_PARTICIPATION, asset, order_id, asked, given)
        return 0
