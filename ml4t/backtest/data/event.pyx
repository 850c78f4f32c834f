"""What a strategy sees: one bar (MarketEvent), or all bars of one timestamp (CrossSection).

Both are flyweights on (market data, row): nothing is copied, attribute access reads the column.
"""

cimport cython
from libc.math cimport NAN
from libc.stdint cimport int64_t

import difflib
import functools
from collections.abc import ItemsView, KeysView, Mapping, ValuesView

import pandas as pd

from ml4t.backtest.data.market_data cimport MarketData


cdef class MarketEvent:
    """One complete bar of one asset, with the values known at its close.

    Every signal, indicator and context value is an attribute too (``event.prediction``), unless its
    name is one of the fields below; then it is reached through its mapping only.
    """

    @staticmethod
    cdef MarketEvent new(object event_type, MarketData data):
        cdef MarketEvent event = event_type.__new__(event_type)
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
        return Values.new(self.data, self.row, _names(self.data).signals, False)

    @property
    def indicators(self):
        """Features of the asset known at the close, by name."""
        return Values.new(self.data, self.row, _names(self.data).indicators, False)

    @property
    def context(self):
        """Market-wide values known at the close, by name."""
        return Values.new(self.data, self.t, _names(self.data).context, True)

    def __repr__(self):
        return (
            f"MarketEvent({self.asset!r} at {self.timestamp}, open={self.open}, high={self.high}, "
            f"low={self.low}, close={self.close})"
        )


@cython.final
@cython.freelist(16)
cdef class Values:
    """A read-only mapping of column names to the values of one row."""

    cdef MarketData data
    cdef int64_t row
    cdef dict index
    cdef bint is_context

    @staticmethod
    cdef Values new(MarketData data, int64_t row, dict index, bint is_context):
        cdef Values values = Values.__new__(Values)
        values.data = data
        values.row = row
        values.index = index
        values.is_context = is_context
        return values

    def __getitem__(self, name):
        column = self.index.get(name)
        if column is None:
            raise KeyError(unknown_name(name, self.index))
        if self.row < 0:
            return NAN
        if self.is_context:
            return self.data.context_[<int> column][self.row]
        return self.data.feature[<int> column][self.row]

    def __len__(self):
        return len(self.index)

    def __iter__(self):
        return iter(self.index)

    def __contains__(self, name):
        return name in self.index

    def keys(self):
        """The names, in column order."""
        return KeysView(self)

    def values(self):
        """The values, in column order."""
        return ValuesView(self)

    def items(self):
        """(name, value) pairs, in column order."""
        return ItemsView(self)

    def get(self, name, default=None, /):
        """The value of a name, or ``default`` when there is no such column."""
        return self[name] if name in self.index else default

    def __repr__(self):
        return repr(dict(self.items()))


Mapping.register(Values)


@cython.final
cdef class CrossSection:
    """All bars of one timestamp, as NumPy views of the columns, in asset order.

    ``events.close`` or ``events["prediction"]`` is a read-only view of shape (len(events),). Iterating
    gives one :class:`MarketEvent` per bar.
    """

    @staticmethod
    cdef CrossSection new(MarketData data, int64_t t):
        cdef CrossSection section = CrossSection.__new__(CrossSection)
        section.data = data
        section.t = t
        section.first = data.offset[t]
        section.last = data.offset[t + 1]
        return section

    @property
    def timestamp(self):
        """Time at which the bars are complete, a UTC ``pandas.Timestamp``."""
        return pd.Timestamp(self.data.time[self.t], tz="UTC")

    @property
    def codes(self):
        """int32 array: position of each bar's asset in ``data.assets``, increasing."""
        return self.data.asset_codes[self.first:self.last]

    @property
    def assets(self):
        """Names of the assets that have a bar now, a tuple."""
        if self.last - self.first == self.data.n_assets:
            return self.data.assets
        names = self.data.assets
        return tuple([names[code] for code in self.codes])

    def __getitem__(self, name):
        column = self._column(name)
        if column is None:
            raise KeyError(unknown_name(name, self.data.features))
        return column[self.first:self.last]

    def __getattr__(self, name):
        column = self._column(name)
        if column is None:
            raise AttributeError(unknown_name(name, self.data.features), name=name, obj=self)
        return column[self.first:self.last]

    def _column(self, name):
        if name in BAR_COLUMNS:
            return getattr(self.data, name)
        return self.data.features.get(name)

    def __len__(self):
        return self.last - self.first

    def __iter__(self):
        kind = event_type(self.data)
        cdef int64_t row
        cdef MarketEvent event
        for row in range(self.first, self.last):
            event = MarketEvent.new(kind, self.data)
            event.t = self.t
            event.row = row
            yield event

    def __repr__(self):
        return f"CrossSection({self.last - self.first} bars at {self.timestamp})"


BAR_COLUMNS = frozenset(["open", "high", "low", "close", "volume", "bid", "ask"])


def unknown_name(name, known):
    """Say that a column does not exist, and which one may have been meant."""
    near = difflib.get_close_matches(str(name), [str(k) for k in known], 1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {sorted(known)}"
    return f"no column {name!r} in the market data{hint}"


cpdef object event_type(MarketData data):
    """Return the MarketEvent subclass whose attributes are the columns of ``data``."""
    return _event_type(tuple(data.features), tuple(data.context))


cpdef object features_at(MarketData data, int64_t row):
    """Return the signals and indicators of one row by name; all NaN for row -1."""
    return Values.new(data, row, _names(data).features, False)


cpdef object context_at(MarketData data, int64_t t):
    """Return the market-wide values of one timestamp by name; all NaN for -1."""
    return Values.new(data, t, _names(data).context, True)


@cython.final
cdef class ColumnNames:
    cdef dict features
    cdef dict signals
    cdef dict indicators
    cdef dict context


cdef ColumnNames _names(MarketData data):
    if data.names is None:
        data.names = _column_names(tuple(data.features), data.signal_names, tuple(data.context))
    return <ColumnNames> data.names


@functools.lru_cache(maxsize=64)
def _column_names(features, signal_names, context):
    cdef ColumnNames names = ColumnNames.__new__(ColumnNames)
    index = {name: i for i, name in enumerate(features)}
    names.features = index
    names.signals = {name: i for name, i in index.items() if name in signal_names}
    names.indicators = {name: i for name, i in index.items() if name not in signal_names}
    names.context = {name: i for i, name in enumerate(context)}
    return names


@functools.lru_cache(maxsize=64)
def _event_type(features, context):
    fields = set(dir(MarketEvent))
    attributes = {name: ContextAttribute(i) for i, name in enumerate(context)}
    attributes |= {name: FeatureAttribute(i) for i, name in enumerate(features)}
    members = {name: reader for name, reader in attributes.items() if name not in fields}
    members |= {"__slots__": (), "__module__": __name__, "__doc__": MarketEvent.__doc__}
    return type("MarketEvent", (MarketEvent,), members)


@cython.final
cdef class FeatureAttribute:
    """Reads one feature column of the event's row."""

    cdef int index

    def __init__(self, int index):
        self.index = index

    def __get__(self, event, owner):
        if event is None:
            return self
        return (<MarketEvent> event).data.feature[self.index][(<MarketEvent> event).row]


@cython.final
cdef class ContextAttribute:
    """Reads one context column at the event's timestamp."""

    cdef int index

    def __init__(self, int index):
        self.index = index

    def __get__(self, event, owner):
        if event is None:
            return self
        return (<MarketEvent> event).data.context_[self.index][(<MarketEvent> event).t]
