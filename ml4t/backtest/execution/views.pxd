cimport cython
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.types cimport EventRecord, TermsRecord
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
    cdef readonly str rule
    """Name of the rule whose exit it is, as in the tables of a result; None without."""
    cdef readonly str event
    """What ``on_order`` is told of it: ``rejected``, ``scaled``, ``cancelled``, ``expired`` or ``modified``;
    else empty."""
    cdef readonly double asked
    """Units before that event, as in the table of events; NaN when it is told of none."""
    cdef readonly double given
    """Units after that event, as in the table of events; NaN when it is told of none."""
    cdef Broker broker
    cdef int32_t event_reason        # REASON_NONE when it is told of none

    cdef const TermsRecord* _terms(self) except? NULL

    @staticmethod
    cdef Order unchecked(object asset, double quantity, bint reduce_only)
    @staticmethod
    cdef Order accepted(Broker broker, int64_t order_id)
    @staticmethod
    cdef Order told(Broker broker, const EventRecord* event)


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
    cdef readonly str side
    """``buy`` or ``sell``."""
    cdef readonly str action
    """``entry``: it opened or added to a position; ``exit``: it reduced or closed one."""
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
    """Its action is ``entry``."""
    cdef readonly str moment
    """``open``, ``inside`` or ``close``."""
    cdef readonly str exit_type
    """Exit type of the semantics; empty for entries."""
    cdef readonly str rule
    """Name of the rule that caused it, as in the tables of a result; None without."""
    cdef readonly str reason
    """Why: ``order``, ``close``, ``stop_loss``, ... or what the rule said."""
    cdef Broker broker
    cdef int64_t index               # in the broker's fills

    @staticmethod
    cdef Fill at(Broker broker, int64_t index)
