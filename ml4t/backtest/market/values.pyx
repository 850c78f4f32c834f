"""The values of one row by column name, as a strategy or a rule asks for them."""

cimport cython
from cpython.long cimport PyLong_AsSsize_t
from cpython.object cimport PyObject
from libc.math cimport NAN
from libc.stdint cimport int64_t

from collections.abc import ItemsView, KeysView, Mapping, ValuesView

from ml4t.backtest.core.sealed cimport seal
from ml4t.backtest.market.column_names cimport ColumnNames
from ml4t.backtest.market.market_data cimport MarketData

from ml4t.backtest.market.column_names import unknown_name

cdef extern from "Python.h":
    PyObject* PyDict_GetItemWithError(object mapping, object key) except? NULL

# What no one can ask for: None is a name like any other that is not there.
cdef object NO_NAME = object()


@cython.final
@cython.freelist(16)
cdef class Values:
    """A read-only mapping of column names to the values of one row."""

    _made = "events and contexts of rules hand them out, as do features_at and context_at"

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


seal(Values)
Mapping.register(Values)


cpdef object features_at(MarketData data, int64_t row):
    """Return the signals and indicators of one row by name; all NaN for row -1.

    Raises
    ------
    IndexError
        If the market data has no such row.
    """
    if data is None:
        raise TypeError("data must be MarketData, was None")
    _refuse_outside("row", row, data.n_rows)
    return Values.new(data, data.feature, row, ColumnNames.of(data).features)


cpdef object context_at(MarketData data, int64_t t):
    """Return the market-wide values of one timestamp by name; all NaN for -1.

    Raises
    ------
    IndexError
        If the market data has no such timestamp.
    """
    if data is None:
        raise TypeError("data must be MarketData, was None")
    _refuse_outside("timestamp", t, data.n_times)
    return Values.new(data, data.context_, t, ColumnNames.of(data).context)


cdef int _refuse_outside(str what, int64_t i, int64_t n) except -1:
    if not -1 <= i < n:
        raise IndexError(f"{what} must be -1 or one of the {n} of the market data, was {i}")
    return 0
