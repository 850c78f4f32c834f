"""MarketData: the columns a run walks over, one row per (timestamp, asset)."""

cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t
from libc.stdlib cimport free, malloc

import difflib

import numpy as np

ACTION = np.dtype(
    [("time", np.int64), ("asset", np.int32), ("kind", np.int8), ("value", np.float64)], align=True
)


# What reads tables stands above and is not imported from here: it registers itself.
cdef object _table_reader = None


def register_table_reader(reader):
    """Set what :meth:`MarketData.from_tables` calls; returns it, so that it can decorate."""
    global _table_reader
    _table_reader = reader
    return reader


@cython.final
cdef class MarketData:
    """Prices, signals, indicators and context of a run: sorted, contiguous, immutable.

    Made from tables by :meth:`from_tables`. One object can serve any number of runs at once.
    """

    def __cinit__(self):
        self.feature = NULL
        self.context_ = NULL

    def __dealloc__(self):
        free(<void*> self.feature)
        free(<void*> self.context_)

    def __init__(self):
        raise TypeError("MarketData is made from tables: use MarketData.from_tables(prices, ...)")

    @classmethod
    def from_tables(cls, prices, **options):
        """Build market data from tables; see :func:`ml4t.backtest.data.market_data`."""
        for name in options:
            if name not in _table_reader.__kwdefaults__:
                raise TypeError(_unknown_argument(name, list(_table_reader.__kwdefaults__)))
        return _table_reader(prices, **options)

    @staticmethod
    def from_arrays(
        assets, timestamps, offsets, asset_codes, open, high, low, close, *,
        volume=None, bid=None, ask=None, features=None, signal_names=(), context=None, actions=None,
        info=None, carried_times=None,
    ):
        """Wrap finished arrays without checking their values.

        Parameters
        ----------
        assets : sequence of str
            Names in asset order.
        timestamps : int64 array, shape (n_times,)
            Nanoseconds UTC, strictly increasing.
        offsets : int64 array, shape (n_times + 1,)
        asset_codes : int32 array, shape (n_rows,)
        open, high, low, close : float64 array, shape (n_rows,)
        volume, bid, ask : float64 array, shape (n_rows,), optional
        features : mapping of name to float64 array, shape (n_rows,)
        context : mapping of name to float64 array, shape (n_times,)
        actions : structured array of dtype ``ACTION``, optional
        info : mapping, optional
        carried_times : int64 array, shape (n_carried,), optional
            Makes a chunk: timestamp 0 is the last one of the chunk before, its rows are the last bar of
            every asset so far, and these are the times of those bars. The run starts at timestamp 1.

        Raises
        ------
        ValueError
            If an array has the wrong length.
        """
        cdef MarketData self = MarketData.__new__(MarketData)
        self.assets = tuple(assets)
        self.n_assets = len(self.assets)
        self._code = {name: code for code, name in enumerate(self.assets)}
        self.timestamps = _frozen(timestamps, np.int64)
        self.n_times = len(self.timestamps)
        self.asset_codes = _frozen(asset_codes, np.int32)
        self.n_rows = len(self.asset_codes)
        self.offsets = _frozen(offsets, np.int64, self.n_times + 1, "offsets")
        self.open = _frozen(open, np.float64, self.n_rows, "open")
        self.high = _frozen(high, np.float64, self.n_rows, "high")
        self.low = _frozen(low, np.float64, self.n_rows, "low")
        self.close = _frozen(close, np.float64, self.n_rows, "close")
        self.volume = None if volume is None else _frozen(volume, np.float64, self.n_rows, "volume")
        self.bid = None if bid is None else _frozen(bid, np.float64, self.n_rows, "bid")
        self.ask = None if ask is None else _frozen(ask, np.float64, self.n_rows, "ask")
        self.features = {
            name: _frozen(column, np.float64, self.n_rows, name)
            for name, column in (features or {}).items()
        }
        self.signal_names = tuple(signal_names)
        self.context = {
            name: _frozen(column, np.float64, self.n_times, name)
            for name, column in (context or {}).items()
        }
        self.actions = np.array([] if actions is None else actions, ACTION)
        self.n_actions = len(self.actions)
        self.info = dict(info or {})
        self.first_t = 0 if carried_times is None else 1
        n_carried = 0 if carried_times is None else int(self.offsets[1])
        self.carried_times = _frozen(
            [] if carried_times is None else carried_times, np.int64, n_carried, "carried_times"
        )
        self.n_carried = n_carried
        self._point()
        return self

    def _point(self):
        action_columns = [
            np.ascontiguousarray(self.actions[name]) for name in ("time", "asset", "kind", "value")
        ]
        self._columns = action_columns
        self.time = <const int64_t*> _address(self.timestamps)
        self.offset = <const int64_t*> _address(self.offsets)
        self.carried_time = <const int64_t*> _address(self.carried_times)
        self.asset = <const int32_t*> _address(self.asset_codes)
        self.open_ = <const double*> _address(self.open)
        self.high_ = <const double*> _address(self.high)
        self.low_ = <const double*> _address(self.low)
        self.close_ = <const double*> _address(self.close)
        self.volume_ = <const double*> _address(self.volume)
        self.bid_ = <const double*> _address(self.bid)
        self.ask_ = <const double*> _address(self.ask)
        self.action_time = <const int64_t*> _address(action_columns[0])
        self.action_asset = <const int32_t*> _address(action_columns[1])
        self.action_kind = <const int8_t*> _address(action_columns[2])
        self.action_value = <const double*> _address(action_columns[3])
        self.feature = _pointers(list(self.features.values()))
        self.context_ = _pointers(list(self.context.values()))
        self.n_features = len(self.features)
        self.n_context = len(self.context)

    cpdef int code(self, object asset) except -1:
        """Return the code of ``asset``; ``KeyError`` with the nearest name if it is unknown."""
        code = self._code.get(asset)
        if code is None:
            near = difflib.get_close_matches(str(asset), [str(a) for a in self.assets], 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise KeyError(f"asset {asset!r} is not in the market data{hint}")
        return code

    def __reduce__(self):
        state = dict(
            volume=self.volume, bid=self.bid, ask=self.ask, features=self.features,
            signal_names=self.signal_names, context=self.context, actions=self.actions, info=self.info,
            carried_times=self.carried_times if self.first_t else None,
        )
        arrays = (
            self.assets, self.timestamps, self.offsets, self.asset_codes,
            self.open, self.high, self.low, self.close,
        )
        return _rebuild, (arrays, state)

    def __repr__(self):
        return (
            f"MarketData({self.n_assets} assets, {self.n_times} timestamps, {self.n_rows} bars, "
            f"{len(self.features)} features, {len(self.context)} context, {self.n_actions} actions)"
        )


def _unknown_argument(name, known):
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"with tables go {', '.join(known)}"
    return f"unknown argument {name!r}; {hint}"


def _rebuild(arrays, state):
    return MarketData.from_arrays(*arrays, **state)


def _frozen(values, dtype, length=None, name=""):
    array = np.ascontiguousarray(values, dtype)
    if array.ndim != 1 or (length is not None and len(array) != length):
        raise ValueError(f"{name} must have shape ({length},), had {array.shape}")
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


cdef size_t _address(array) except? 0:
    return 0 if array is None else <size_t> array.ctypes.data


cdef const double** _pointers(list columns) except NULL:
    cdef const double** pointers = <const double**> malloc((len(columns) + 1) * sizeof(double*))
    if pointers == NULL:
        raise MemoryError("no memory for the column pointers")
    cdef Py_ssize_t i
    for i in range(len(columns)):
        pointers[i] = <const double*> _address(columns[i])
    return pointers
