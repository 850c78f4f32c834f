cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport OrderRecord
from ml4t.backtest.execution.event_log cimport EventLog
from ml4t.backtest.market.cursor cimport Cursor


# What of its bar's volume the orders of an asset may fill.
cdef struct Budget:
    int64_t times                # timestamps of the run up to the one whose bar it is of; 0: none yet
    double left
    int8_t is_told


@cython.final
cdef class Participation:
    cdef Cursor cursor
    cdef EventLog events
    cdef Settings settings
    cdef Budget* _of                 # by asset; NULL without a cap
    cdef int64_t n_without_volume    # bars that nothing filled in because their volume is not known
    cdef int64_t n_closed_beyond     # positions that close_at_end closed all the same

    # What may still fill in the asset's bar of now.
    cdef inline double left(self, int32_t asset) noexcept nogil:
        return self._budget(asset).left

    # Nothing may, and an order has found that out.
    cdef inline bint is_over(self, int32_t asset) noexcept nogil:
        cdef const Budget* budget = self._budget(asset)
        return budget.left == 0.0 and budget.is_told

    # Of so many units, those that may.
    cdef inline double cut(self, int32_t asset, double units) noexcept nogil:
        return cut_to(units, self.left(asset))

    cdef inline void take(self, int32_t asset, double units) noexcept nogil:
        cdef Budget* budget = self._budget(asset)
        budget.left = left_after(budget.left, units)

    cdef Budget* _budget(self, int32_t asset) noexcept nogil
    cdef bint has_volume(self, const OrderRecord* order) except -1 nogil
    cdef int tell(
        self, int32_t asset, int64_t order_id, double asked, double given
    ) except -1 nogil


# Of so many units as many as are left; all of them where the last bits are missing.
cdef inline double cut_to(double units, double left) noexcept nogil:
    return units if units - left <= 1e-12 * left else left


cdef inline double left_after(double left, double units) noexcept nogil:
    cdef double rest = left - units
    return 0.0 if rest <= 1e-12 * units else rest
