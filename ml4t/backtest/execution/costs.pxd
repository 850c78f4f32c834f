# What a fill costs (semantics section 3, Costs).

from libc.math cimport copysign, fabs, floor

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport OrderRecord


# F of the semantics: what an order with these sums over its fills pays in all.
cdef inline double order_commission(
    const Settings* settings, double notional, double units
) noexcept nogil:
    cdef double commission = (
        notional * settings.commission_percent
        + units * settings.commission_per_unit
        + settings.commission_fixed
    )
    return commission if commission > settings.commission_minimum else settings.commission_minimum


# What one more fill of the order pays: F after it less F before it.
cdef inline double fill_commission(
    const Settings* settings, const OrderRecord* order, double units, double price
) noexcept nogil:
    cdef double before = 0.0
    if order.units > 0.0:
        before = order_commission(settings, fabs(order.notional), order.units)
    return order_commission(
        settings, fabs(order.notional + units * price), order.units + units
    ) - before


# The price after slippage of a market order; direction 1 buys, -1 sells. Below zero, too, it is against
# the trader.
cdef inline double slipped(const Settings* settings, double price, double direction) noexcept nogil:
    return price * (1.0 + direction * copysign(settings.slippage, price))


# Whole units of an order, rounded against the trader.
cdef inline double whole_units(double units) noexcept nogil:
    return floor(units + 1e-9)
