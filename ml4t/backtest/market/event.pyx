"""MarketEvent: what a strategy sees of one bar, a flyweight on (market data, row).

Nothing is copied: attribute access reads the column.
"""

cimport cython
from libc.math cimport NAN
from libc.stdint cimport int64_t


import pandas as pd

from ml4t.backtest.core.sealed cimport make, newfunc, seal
from ml4t.backtest.market.column_names cimport ColumnNames
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.market.values cimport Values, may_move

from ml4t.backtest.market.column_names import BAR_COLUMNS, unknown_name
from ml4t.backtest.market.session_moments import (
    is_early_close, local_time, minutes_since_open, minutes_to_close, session_of,
)


cdef class MarketEvent:
    """One complete bar of one asset, with the values known at its close.

    Every signal, indicator and context value is an attribute too (``event.prediction``), unless its
    name is one of the fields below; then it is reached through its mapping only.
    """

    _made = "a run tells its strategy; MarketEvent.at(data, t, row) is for tests"

    @staticmethod
    cdef MarketEvent new(object event_type, MarketData data):
        cdef MarketEvent event = make(_make_event, event_type, ())
        event.data = data
        return event

    @staticmethod
    def at(MarketData data not None, int64_t t, int64_t row):
        """Return the event of a row; for tests and for calling the hooks by hand."""
        if not 0 <= t < data.n_times or not data.offset[t] <= row < data.offset[t + 1]:
            raise IndexError(f"row {row} is not a row of timestamp {t}")
        cdef MarketEvent event = MarketEvent.new(event_type(data), data)
        event.t = t
        event.row = row
        return event

    @property
    def timestamp(self):
        """Time at which the bar is complete, a UTC ``pandas.Timestamp``."""
        return pd.Timestamp(self.data.time[self.t], tz="UTC")

    @property
    def timestamp_ns(self):
        """The same in nanoseconds since the epoch, an int; much cheaper."""
        return self.data.time[self.t]

    @property
    def session(self):
        """Date of the session of the bar, a ``datetime.date``; without a calendar a day of the prices' zone."""
        return session_of(self.sessions, self.data.time[self.t], self.data)

    @property
    def minutes_since_open(self):
        """Minutes since the session opened, below 0 before; NaN without a calendar."""
        return minutes_since_open(self.sessions, self.data.time[self.t])

    @property
    def minutes_to_close(self):
        """Minutes until the session closes, below 0 after; NaN without a calendar."""
        return minutes_to_close(self.sessions, self.data.time[self.t])

    @property
    def is_early_close(self):
        """Whether the session closes early; False without a calendar."""
        return is_early_close(self.sessions, self.data.time[self.t])

    @property
    def local_time(self):
        """The time in the zone of the calendar, or of the prices, a ``pandas.Timestamp``."""
        return local_time(self.sessions, self.data.time[self.t], self.data)

    @property
    def asset(self):
        """Name of the asset."""
        return self.data.assets[self.data.asset[self.row]]

    @property
    def code(self):
        """Position of the asset in ``data.assets``."""
        return self.data.asset[self.row]

    @property
    def open(self):
        """First price of the bar (currency per unit)."""
        return self.data.open_[self.row]

    @property
    def high(self):
        """Highest price of the bar (currency per unit)."""
        return self.data.high_[self.row]

    @property
    def low(self):
        """Lowest price of the bar (currency per unit)."""
        return self.data.low_[self.row]

    @property
    def close(self):
        """Last price of the bar (currency per unit)."""
        return self.data.close_[self.row]

    @property
    def volume(self):
        """Units traded in the bar; NaN when the table has none."""
        return NAN if self.data.volume_ == NULL else self.data.volume_[self.row]

    @property
    def bid(self):
        """Best bid at the close (currency per unit); NaN when the table has none."""
        return NAN if self.data.bid_ == NULL else self.data.bid_[self.row]

    @property
    def ask(self):
        """Best ask at the close (currency per unit); NaN when the table has none."""
        return NAN if self.data.ask_ == NULL else self.data.ask_[self.row]

    @property
    def signals(self):
        """Model outputs known at the close, by name."""
        if not may_move(self.last_signals, self.row):
            self.last_signals = Values.new(
                self.data, self.data.feature, self.row, ColumnNames.of(self.data).signals
            )
        self.last_signals.row = self.row
        return self.last_signals

    @property
    def indicators(self):
        """Features of the asset known at the close, by name."""
        if not may_move(self.last_indicators, self.row):
            self.last_indicators = Values.new(
                self.data, self.data.feature, self.row, ColumnNames.of(self.data).indicators
            )
        self.last_indicators.row = self.row
        return self.last_indicators

    @property
    def context(self):
        """Market-wide values known at the close, by name."""
        if not may_move(self.last_context, self.t):
            self.last_context = Values.new(
                self.data, self.data.context_, self.t, ColumnNames.of(self.data).context
            )
        self.last_context.row = self.t
        return self.last_context

    def __getitem__(self, name):
        """The value of a column, or of a field of the bar: ``event["prediction"]``."""
        if name in BAR_COLUMNS:
            return getattr(self, name)
        names = ColumnNames.of(self.data)
        if name in names.features:
            return self.data.feature[<Py_ssize_t> names.features[name]][self.row]
        if name in names.context:
            return self.data.context_[<Py_ssize_t> names.context[name]][self.t]
        raise KeyError(unknown_name(name, [*names.features, *names.context]))

    def __repr__(self):
        return (
            f"MarketEvent({self.asset!r} at {self.timestamp}, open={self.open}, high={self.high}, "
            f"low={self.low}, close={self.close})"
        )


cdef newfunc _make_event = seal(MarketEvent)


cpdef object event_type(MarketData data):
    """Return the MarketEvent subclass whose attributes are the columns of ``data``."""
    cdef ColumnNames names
    if data is None:
        raise TypeError("data must be MarketData, was None")
    names = ColumnNames.of(data)
    if names.event_type is None:
        names.event_type = _event_type(data)
    return names.event_type


cdef object _event_type(MarketData data):
    fields = set(dir(MarketEvent))
    attributes = {name: ContextAttribute.new(i) for i, name in enumerate(data.context)}
    attributes |= {name: FeatureAttribute.new(i) for i, name in enumerate(data.features)}
    members = {name: reader for name, reader in attributes.items() if name not in fields}
    members |= {"__slots__": (), "__module__": __name__, "__doc__": MarketEvent.__doc__}
    return type("MarketEvent", (MarketEvent,), members)


# The readers look who asks: Python lets them be called with anything, and an event be given the class
# of other market data.
@cython.final
cdef class FeatureAttribute:
    """Reads one feature column of the event's row."""

    _made = "it belongs to the class of an event"
    cdef Py_ssize_t index

    @staticmethod
    cdef FeatureAttribute new(Py_ssize_t index):
        cdef FeatureAttribute reader = FeatureAttribute.__new__(FeatureAttribute)
        reader.index = index
        return reader

    def __get__(self, event, owner):
        if event is None:
            return self
        if not isinstance(event, MarketEvent) or (
            self.index >= (<MarketEvent> event).data.n_features
        ):
            raise AttributeError("the market data of the event has no such column")
        return (<MarketEvent> event).data.feature[self.index][(<MarketEvent> event).row]


@cython.final
cdef class ContextAttribute:
    """Reads one context column at the event's timestamp."""

    _made = "it belongs to the class of an event"
    cdef Py_ssize_t index

    @staticmethod
    cdef ContextAttribute new(Py_ssize_t index):
        cdef ContextAttribute reader = ContextAttribute.__new__(ContextAttribute)
        reader.index = index
        return reader

    def __get__(self, event, owner):
        if event is None:
            return self
        if not isinstance(event, MarketEvent) or (
            self.index >= (<MarketEvent> event).data.n_context
        ):
            raise AttributeError("the market data of the event has no such column")
        return (<MarketEvent> event).data.context_[self.index][(<MarketEvent> event).t]


seal(FeatureAttribute)
seal(ContextAttribute)
