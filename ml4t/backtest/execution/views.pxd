cimport cython
from libc.stdint cimport int64_t

from ml4t.backtest.execution.broker cimport Broker


@cython.final
cdef class Order:
    cdef readonly object asset
    """Name of the asset."""
    cdef readonly double quantity
    """Units ordered: positive buys, negative sells."""
    cdef readonly bint reduce_only
    """It can only reduce the position it was made for."""
    cdef readonly int64_t order_id
    """1, 2, ... in the order of acceptance; 0 while only proposed."""
    cdef Broker broker

    @staticmethod
    cdef Order unchecked(object asset, double quantity, bint reduce_only)
    @staticmethod
    cdef Order accepted(Broker broker, int64_t order_id)


@cython.final
cdef class Fill:
    cdef readonly object asset
    """Name of the asset."""
    cdef readonly int64_t order_id
    """The order it belongs to; 0 for cash in lieu, which no order asked for."""
    cdef readonly int64_t trade_id
    """The round trip it belongs to."""
    cdef readonly int64_t timestamp_ns
    """Time of the fill (nanoseconds UTC)."""
    cdef readonly double quantity
    """Units: positive bought, negative sold."""
    cdef readonly double price
    """Price after slippage (currency per unit)."""
    cdef readonly double base_price
    """Price before slippage (currency per unit)."""
    cdef readonly double commission
    """Commission paid (currency)."""
    cdef readonly double level
    """Level that was hit (currency per unit); NaN when none."""
    cdef readonly double position_after
    """Units held after it."""
    cdef readonly bint is_entry
    """It opened or added to a position; False: it reduced or closed one."""
    cdef readonly str moment
    """``open``, ``inside`` or ``close``."""
    cdef readonly str exit_type
    """Exit type of the semantics; empty for entries."""
    cdef Broker broker
    cdef int64_t index               # in the broker's fills

    @staticmethod
    cdef Fill at(Broker broker, int64_t index)
