"""The names of the columns of market data, by kind, and what to say of a name that is not there."""

cimport cython

import difflib
import functools
import sys

from ml4t.backtest.core.sealed cimport seal
from ml4t.backtest.market.market_data cimport MarketData

# Names of a bar's fields, which a column of the same name does not hide.
BAR_COLUMNS = frozenset(["open", "high", "low", "close", "volume", "bid", "ask"])


@cython.final
cdef class ColumnNames:
    """Where each column stands, by name: shared by all market data with the same columns."""

    _made = "it belongs to market data"

    @staticmethod
    cdef ColumnNames of(MarketData data):
        if data.names is None:
            data.names = _column_names(tuple(data.features), data.signal_names, tuple(data.context))
        return <ColumnNames> data.names


seal(ColumnNames)


@functools.lru_cache(maxsize=64)
def _column_names(features, signal_names, context):
    cdef ColumnNames names = ColumnNames.__new__(ColumnNames)
    # Names written in a program are interned: then a lookup compares addresses, not letters.
    index = {_interned(name): i for i, name in enumerate(features)}
    is_signal = set(signal_names)
    names.features = index
    names.signals = {name: i for name, i in index.items() if name in is_signal}
    names.indicators = {name: i for name, i in index.items() if name not in is_signal}
    names.context = {_interned(name): i for i, name in enumerate(context)}
    return names


def _interned(name):
    return sys.intern(name) if type(name) is str else name


def unknown_name(name, known):
    """Say that a column does not exist, and which one may have been meant."""
    known = [str(k) for k in known]
    near = difflib.get_close_matches(str(name), known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {sorted(known)}"
    return f"no column {name!r} in the market data{hint}"
