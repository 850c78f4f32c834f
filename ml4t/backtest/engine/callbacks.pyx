"""Callbacks: what a strategy in Python defines, and how it is told (step 6)."""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

import pandas as pd

from ml4t.backtest.core.types cimport EVENT_MODIFIED, EventRecord
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.execution.views cimport Fill, Order
from ml4t.backtest.market.cross_section cimport CrossSection
from ml4t.backtest.market.event cimport MarketEvent, event_type
from ml4t.backtest.market.values cimport context_at
from ml4t.backtest.strategy.strategy cimport CompiledStrategy, Strategy

from ml4t.backtest.strategy.names import refuse_callbacks


@cython.final
cdef class Callback:
    """One method of a strategy, ready to be called."""

    def __cinit__(self, method):
        self.function = getattr(method, "__func__", method)
        self.owner = None if self.function is method else method.__self__
        self.vector = PyVectorcall_Function(<PyObject*> self.function)
        if self.vector == NULL:
            # A callable without a fast way in: the general one does for all.
            self.vector = <vectorcallfunc> PyObject_Vectorcall


@cython.final
cdef class Callbacks:
    """The callbacks that a strategy defines; others are not called.

    Parameters
    ----------
    strategy : Strategy
    broker : Broker

    Raises
    ------
    TypeError
        If there are none, or if a compiled strategy defines one.
    """

    def __init__(self, Strategy strategy not None, Broker broker not None):
        kind = type(strategy)
        self.broker = broker
        self.cursor = broker.cursor
        self.on_bar = _callback(strategy, "on_market_data")
        self.on_fill = _callback(strategy, "on_fill")
        self.on_order = _callback(strategy, "on_order")
        if kind.on_timestamp_batch is not Strategy.on_timestamp_batch:
            self.on_batch = strategy.on_timestamp_batch
        if isinstance(strategy, CompiledStrategy):
            if not (self.on_bar is self.on_fill is self.on_order is self.on_batch is None):
                refuse_callbacks(kind, Strategy)
        elif self.on_bar is None and self.on_batch is None:
            raise TypeError(
                f"{kind.__name__} defines neither on_market_data nor on_timestamp_batch: it would "
                "never be told anything"
            )

    cdef MarketEvent _new_event(self):
        self.event = MarketEvent.new(event_type(self.cursor.data), self.cursor.data)
        self.event.sessions = self.cursor.sessions
        self.event.t = self.cursor.t
        return self.event

    # Fills and events of orders, in the order in which they happened. What is refused or cancelled while
    # they are told waits for its turn: an order made for each that is refused would never end.
    cdef int tell_what_happened(self) except -1:
        cdef int64_t n_fills = self.broker.fills.buffer.count
        cdef int64_t n_events = self.broker.events.buffer.count
        if self.on_fill is None and self.on_order is None:
            return 0
        self.event = None
        while self.n_fills < n_fills or self.n_events < n_events:
            self._tell_next(n_fills, n_events)
        return 0

    # Step 6 of a timestamp at which the strategy is not called.
    cdef int tell_news(self) except -1:
        self.broker.takes_orders = True
        self.tell_what_happened()
        self.tell_what_happened()
        self.broker.takes_orders = False
        return 0

    cdef int _tell_next(self, int64_t n_fills, int64_t n_events) except -1:
        cdef const EventRecord* event = NULL
        if self.n_events < n_events:
            event = <const EventRecord*> self.broker.events.buffer.at(self.n_events)
        if event == NULL or event.n_fills_before > self.n_fills:
            self.n_fills += 1
            if self.on_fill is not None:
                self.on_fill.call(Fill.at(self.broker, self.n_fills - 1))
            return 0
        self.n_events += 1
        if self.on_order is not None and event.kind <= EVENT_MODIFIED:
            self.on_order.call(Order.told(self.broker, event))
        return 0

    cdef int _tell_batch(self) except -1:
        self.event = None
        self.on_batch(
            pd.Timestamp(self.cursor.now, tz="UTC"),
            CrossSection.new(self.cursor.data, self.cursor.t, self.cursor.sessions),
            context_at(self.cursor.data, self.cursor.t),
        )
        return 0


def _callback(Strategy strategy not None, str name):
    if getattr(type(strategy), name) is getattr(Strategy, name):
        return None
    return Callback(getattr(strategy, name))
