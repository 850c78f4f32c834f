"""Order and Fill as Python sees them."""

cimport cython
from libc.math cimport NAN
from libc.stdint cimport int64_t

import pandas as pd

from ml4t.backtest.core.ranges cimport MOST_UNITS, is_quantity
from ml4t.backtest.core.sealed cimport seal
from ml4t.backtest.core.types cimport (
    REASON_NONE, TYPE_MARKET, VALID_GTC, EventRecord, FillRecord, OrderRecord, TermsRecord,
)
from ml4t.backtest.execution.broker cimport Broker

from ml4t.backtest.core import ranges
from ml4t.backtest.core.records import (
    EVENT_KINDS, EXIT_TYPES, MOMENTS, ORDER_STATUSES, ORDER_TYPES, TIMES_IN_FORCE,
)


@cython.final
@cython.freelist(16)
cdef class Order:
    """An order: proposed (seen by ``validate_order``), or accepted and then followed by its status.

    ``Strategy.on_order`` is told of one when it is rejected, scaled, cancelled, expired or modified: ``event``
    says which, ``reason`` why, ``asked`` and ``given`` the units before and after.
    """

    _made = "strategies order with buy and the like; Order.proposed(asset, quantity) is for tests"

    @staticmethod
    def proposed(asset, quantity, reduce_only=False):
        """Return an order nobody has accepted yet.

        Parameters
        ----------
        asset : str
        quantity : float
            Units: positive buys, negative sells.
        reduce_only : bool

        Raises
        ------
        ValueError
            If the units are neither 0 nor of a size that an order can have.
        """
        cdef Order order = Order.unchecked(asset, float(quantity), reduce_only)
        if order.quantity != 0.0 and not is_quantity(order.quantity):
            raise ValueError(
                f"quantity of an order must be 0 or of a size in {ranges.QUANTITY}, was {quantity!r}"
            )
        return order

    # What closes a position is of any size that a position has: nothing is refused.
    @staticmethod
    cdef Order unchecked(object asset, double quantity, bint reduce_only):
        cdef Order order = Order.__new__(Order)
        order.asset = asset
        order.quantity = quantity
        order.reduce_only = reduce_only
        order.event = ""
        order.asked = NAN
        order.given = NAN
        return order

    @staticmethod
    cdef Order accepted(Broker broker, int64_t order_id):
        cdef const OrderRecord* record = broker.book.order(order_id)
        cdef Order order = Order.__new__(Order)
        order.asset = broker.cursor.data.assets[record.asset]
        order.quantity = record.quantity
        order.reduce_only = record.reduce_only
        order.order_id = order_id
        if record.rule >= 0:
            order.rule = broker.rule_name(record.rule)
        order.event = ""
        order.asked = NAN
        order.given = NAN
        order.broker = broker
        return order

    @staticmethod
    cdef Order told(Broker broker, const EventRecord* event):
        cdef Order order = Order.accepted(broker, event.order_id)
        order.event = EVENT_KINDS[event.kind]
        order.event_reason = event.reason
        order.asked = event.asked
        order.given = event.given
        return order

    def with_quantity(self, quantity):
        """Return a copy with other units, on the same side.

        Fewer than an order can have are none: the order is rejected (``zero_quantity``).

        Raises
        ------
        ValueError
            If the units are not finite, change the side, or are more than an order can have.
        """
        changed = float(quantity)
        if not changed * self.quantity >= 0.0 or changed - changed != 0.0:
            raise ValueError(
                f"quantity of the changed order must be finite and of the sign of {self.quantity}, "
                f"was {changed}"
            )
        if not self.reduce_only and abs(changed) > MOST_UNITS:
            raise ValueError(
                f"quantity of the changed order must be at most {MOST_UNITS:g} units, was {changed}"
            )
        return Order.unchecked(self.asset, changed, self.reduce_only)

    @property
    def status(self):
        """``proposed``, ``open``, ``filled``, ``rejected``, ``cancelled`` or ``expired``."""
        if self.broker is None:
            return "proposed"
        self.broker.thread.check()
        return ORDER_STATUSES[self.broker.book.order(self.order_id).status]

    @property
    def reason(self):
        """Why it was made, then why it was rejected or cancelled; told to ``on_order``, why that event."""
        if self.broker is None:
            return ""
        self.broker.thread.check()
        if self.event_reason != REASON_NONE:
            return self.broker.reasons.text(self.event_reason)
        return self.broker.reasons.text(self.broker.book.order(self.order_id).reason)

    @property
    def side(self):
        """``buy`` or ``sell``; empty of an amount of money that never became units."""
        cdef double units = self.asked if self.quantity == 0.0 else self.quantity
        if units < 0.0:
            return "sell"
        return "buy" if units > 0.0 else ""

    @property
    def type(self):
        """``market``, ``limit``, ``stop``, ``stop_limit``, ``trailing_stop``, ``market_on_open`` or
        ``market_on_close``."""
        cdef const TermsRecord* terms = self._terms()
        return ORDER_TYPES[TYPE_MARKET if terms == NULL else terms.type]

    @property
    def limit(self):
        """The worst price it may fill at (currency per unit); NaN without."""
        cdef const TermsRecord* terms = self._terms()
        return NAN if terms == NULL else terms.limit

    @property
    def stop(self):
        """The price that sets it off (currency per unit); NaN without."""
        cdef const TermsRecord* terms = self._terms()
        return NAN if terms == NULL else terms.stop

    @property
    def trail(self):
        """How far its stop is behind the market (currency per unit); NaN where it does not trail."""
        cdef const TermsRecord* terms = self._terms()
        return NAN if terms == NULL else terms.trail

    @property
    def trail_percent(self):
        """How far its stop is behind the market, as a fraction; NaN where it does not trail."""
        cdef const TermsRecord* terms = self._terms()
        return NAN if terms == NULL else terms.trail_percent

    @property
    def stop_loss(self):
        """Of a bracket: where the stop of what it enters lies (currency per unit); NaN without."""
        cdef const TermsRecord* terms = self._terms()
        return NAN if terms == NULL else terms.stop_loss

    @property
    def take_profit(self):
        """Of a bracket: where the limit of what it enters lies (currency per unit); NaN without."""
        cdef const TermsRecord* terms = self._terms()
        return NAN if terms == NULL else terms.take_profit

    @property
    def parent(self):
        """Of a bracket's child: the ``order_id`` of the order that made it; 0 of others."""
        cdef const TermsRecord* terms = self._terms()
        return 0 if terms == NULL else terms.parent

    @property
    def valid(self):
        """How long it waits: ``gtc``, ``day``, ``gtd``, ``ioc`` or ``fok``."""
        cdef const TermsRecord* terms = self._terms()
        return TIMES_IN_FORCE[VALID_GTC if terms == NULL else terms.time_in_force]

    @property
    def filled_quantity(self):
        """Units filled so far, signed."""
        if self.broker is None:
            return 0.0
        self.broker.thread.check()
        return self.broker.book.order(self.order_id).filled_quantity

    @property
    def is_open(self):
        """It is accepted and still waits for its fill."""
        return self.status == "open"

    cdef const TermsRecord* _terms(self) except? NULL:
        if self.broker is None:
            return NULL
        self.broker.thread.check()
        return self.broker.book.terms_of(self.broker.book.order(self.order_id))

    def __repr__(self):
        price = "".join(
            f", {name}={value:g}" for name, value in (("limit", self.limit), ("stop", self.stop))
            if value == value
        )
        return f"Order({self.asset!r}, {self.quantity}{price}, id={self.order_id}, {self.status})"


@cython.final
@cython.freelist(16)
cdef class Fill:
    """One fill, as told to ``Strategy.on_fill``."""

    _made = "Strategy.on_fill is told of each"

    @staticmethod
    cdef Fill at(Broker broker, int64_t index):
        cdef const FillRecord* record = <const FillRecord*> broker.fills.buffer.at(index)
        cdef Fill fill = Fill.__new__(Fill)
        fill.broker = broker
        fill.index = index
        fill.asset = broker.cursor.data.assets[record.asset]
        fill.order_id = record.order_id
        fill.trade_id = record.trade_id
        fill.timestamp_ns = record.timestamp
        fill.quantity = record.quantity
        fill.side = "sell" if record.quantity < 0.0 else "buy"
        fill.action = "entry" if record.is_entry else "exit"
        fill.price = record.price
        fill.base_price = record.base_price
        fill.commission = record.commission
        fill.level = record.level
        fill.position_after = record.position_after
        fill.is_entry = record.is_entry
        fill.moment = MOMENTS[record.moment]
        fill.exit_type = EXIT_TYPES[record.exit_kind]
        fill.rule = broker.rule_name(record.rule)
        fill.reason = broker.reasons.text(record.reason)
        return fill

    @property
    def timestamp(self):
        """Time of the fill, a UTC ``pandas.Timestamp``."""
        return pd.Timestamp(self.timestamp_ns, tz="UTC")

    def __repr__(self):
        return f"Fill({self.asset!r}, {self.quantity} at {self.price}, {self.moment})"


seal(Order)
seal(Fill)
