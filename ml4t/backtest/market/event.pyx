"""What a strategy sees: one bar (MarketEvent), or all bars of one timestamp (CrossSection).

Both are flyweights on (market data, row): nothing is copied, attribute access reads the column.
"""

cimport cython
from cpython.long cimport PyLong_AsSsize_t
from cpython.object cimport PyObject
from libc.math cimport NAN
from libc.stdint cimport int64_t

import difflib
import functools
import sys
from collections.abc import ItemsView, KeysView, Mapping, ValuesView

import pandas as pd

from ml4t.backtest.market.market_data cimport MarketData

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject* o) noexcept nogil
    PyObject* PyDict_GetItemWithError(object mapping, object key) except? NULL

# References to reused values that are the event's own: its attribute and the local variable.
cdef Py_ssize_t OWN_REFERENCES = 2
# What no one can ask for: None is a name like any other that is not there.
cdef object NO_NAME = object()


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
        cdef Values values = self.last_signals
        if values is None or not _may_move(values, self.row):
            values = Values.new(
                self.data, self.data.feature, self.row, _names(self.data).signals
            )
            self.last_signals = values
        values.row = self.row
        return values

    @property
    def indicators(self):
        """Features of the asset known at the close, by name."""
        cdef Values values = self.last_indicators
        if values is None or not _may_move(values, self.row):
            values = Values.new(
                self.data, self.data.feature, self.row, _names(self.data).indicators
            )
            self.last_indicators = values
        values.row = self.row
        return values

    @property
    def context(self):
        """Market-wide values known at the close, by name."""
        cdef Values values = self.last_context
        if values is None or not _may_move(values, self.t):
            values = Values.new(
                self.data, self.data.context_, self.t, _names(self.data).context
            )
            self.last_context = values
        values.row = self.t
        return values

    def __repr__(self):
        return (
            f"MarketEvent({self.asset!r} at {self.timestamp}, open={self.open}, high={self.high}, "
            f"low={self.low}, close={self.close})"
        )


@cython.final
@cython.freelist(16)
cdef class Values:
    """A read-only mapping of column names to the values of one row."""

    @staticmethod
    cdef Values new(MarketData data, const double** columns, int64_t row, dict index):
        cdef Values values = Values.__new__(Values)
        values.data = data
        values.columns = columns
        values.row = row
        values.index = index
        values.last_name = NO_NAME
        return values

    def __getitem__(self, name):
        # A strategy asks for the same name at every bar, with the same object.
        if name is not self.last_name:
            self._find(name)
        if self.row < 0:
            return NAN
        return self.columns[self.last_column][self.row]

    cdef int _find(self, object name) except -1:
        cdef PyObject* column = PyDict_GetItemWithError(self.index, name)
        if column == NULL:
            raise KeyError(unknown_name(name, self.index))
        self.last_column = PyLong_AsSsize_t(<object> column)
        self.last_name = name
        return 0

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


# Whoever kept a mapping must find in it what he saw: then a new row needs a new one.
cdef inline bint _may_move(Values values, int64_t row) noexcept:
    return values.row == row or Py_REFCNT(<PyObject*> values) == OWN_REFERENCES


@cython.final
cdef class CrossSection:
    """All bars of one timestamp, as NumPy views of the columns, in asset order.

    ``events.close`` or ``events["prediction"]`` is a read-only view of shape (len(events),); a column
    named like one of the fields below, or like a field of the bar, is reached through ``signals`` or
    ``indicators`` only. Iterating gives one :class:`MarketEvent` per bar.
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

    @property
    def signals(self):
        """Model outputs known at the close: name to float64 array, shape (len(events),)."""
        return SectionColumns(self, _names(self.data).signals)

    @property
    def indicators(self):
        """Features of the assets known at the close: name to float64 array, shape (len(events),)."""
        return SectionColumns(self, _names(self.data).indicators)

    def __getitem__(self, name):
        column = self._column(name)
        if column is None:
            raise KeyError(unknown_name(name, self.data.features))
        return column[self.first:self.last]

    def __getattr__(self, name):
        column = self._column(name)
        if column is None:
            # Without name=, which would have Python and the engine look for the nearest name again.
            raise AttributeError(unknown_name(name, self.data.features), obj=self)
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


class SectionColumns(Mapping):
    """A read-only mapping of column names to their values at the bars of one timestamp.

    Parameters
    ----------
    section : CrossSection
    names : mapping of name to anything
        The columns that belong to it.
    """

    __slots__ = ("_section", "_names")

    def __init__(self, CrossSection section not None, names):
        self._section = section
        self._names = names

    def __getitem__(self, name):
        cdef CrossSection section = self._section
        if name not in self._names:
            raise KeyError(unknown_name(name, self._names))
        return section.data.features[name][section.first:section.last]

    def __len__(self):
        return len(self._names)

    def __iter__(self):
        return iter(self._names)

    def __repr__(self):
        return repr(dict(self))


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
    return Values.new(data, data.feature, row, _names(data).features)


cpdef object context_at(MarketData data, int64_t t):
    """Return the market-wide values of one timestamp by name; all NaN for -1."""
    return Values.new(data, data.context_, t, _names(data).context)


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
    # Names written in a program are interned: then a lookup compares addresses, not letters.
    index = {_interned(name): i for i, name in enumerate(features)}
    names.features = index
    names.signals = {name: i for name, i in index.items() if name in signal_names}
    names.indicators = {name: i for name, i in index.items() if name not in signal_names}
    names.context = {_interned(name): i for i, name in enumerate(context)}
    return names


def _interned(name):
    return sys.intern(name) if type(name) is str else name


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
