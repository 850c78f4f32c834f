from libc.stdint cimport int32_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport OrderRecord
from ml4t.backtest.portfolio.account cimport Account


cdef double affordable_units(
    const Settings* settings, Account account, const OrderRecord* order, double units, double price
) noexcept nogil
cdef int32_t why_not_affordable(const Settings* settings, const OrderRecord* order) noexcept nogil
