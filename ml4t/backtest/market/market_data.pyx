"""MarketData: the columns a run walks over, one row per (timestamp, asset)."""

cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t
from libc.stdlib cimport free, malloc

import difflib
import inspect
from types import MappingProxyType

import numpy as np

from ml4t.backtest.core.sealed cimport seal
from ml4t.backtest.market.array_checks cimport (
    check_bars, check_carried, check_quotes, check_volumes, check_walk,
)

from ml4t.backtest.market.array_checks import check_actions
from ml4t.backtest.market.arrays_in import Copies, actions_in, owned
from ml4t.backtest.market.facts import html_of
from ml4t.backtest.market.sessions import session_ends

ACTION = np.dtype(
    [("time", np.int64), ("asset", np.int32), ("kind", np.int8), ("value", np.float64)], align=True
)


_FIELDS = ("open", "high", "low", "close", "volume", "bid", "ask")


# What reads and joins tables stands above and is not imported from here: it registers itself.
cdef object _table_reader = None
cdef object _column_joiner = None
cdef object _save = None
cdef object _load = None


def register_table_reader(reader):
    """Set what :meth:`MarketData.from_tables` calls, whose arguments are its own from then on.

    Returns the reader, so that it can decorate.
    """
    global _table_reader
    _table_reader = reader
    signature = inspect.signature(reader)
    owner = inspect.Parameter("cls", inspect.Parameter.POSITIONAL_ONLY)
    vars(MarketData)["from_tables"].__func__.__signature__ = signature.replace(
        parameters=[owner, *signature.parameters.values()]
    )
    return reader


def register_column_joiner(joiner):
    """Set what :meth:`MarketData.with_signals` and ``with_features`` call; returns it."""
    global _column_joiner
    _column_joiner = joiner
    return joiner


def register_files(save, load):
    """Set what :meth:`MarketData.save` and ``load`` call."""
    global _save, _load
    _save, _load = save, load


@cython.final
cdef class MarketData:
    """Prices, signals, indicators and context of a run: sorted, contiguous, immutable.

    Made from tables by :meth:`from_tables`. One object can serve any number of runs at once.
    """

    _made = "use MarketData.from_tables(prices, ...)"

    def __cinit__(self):
        self.feature = NULL
        self.context_ = NULL

    def __dealloc__(self):
        free(<void*> self.feature)
        free(<void*> self.context_)

    @classmethod
    def from_tables(cls, *arguments, **options):
        """Build market data from tables; see :func:`ml4t.backtest.data.market_data`."""
        if _table_reader is None:
            raise ImportError("what reads tables is not there: write `from ml4t.backtest import MarketData`")
        return _table_reader(*arguments, **options)

    def with_signals(
        self, signals, *, replace=False, bar_time=None, timezone=None, time_unit=None,
        on_violation="raise", on_unknown_assets="raise",
    ):
        """Return market data with further signals, joined to these bars as of time.

        The prices are neither read nor checked nor copied again, and this object stays as it is: a sweep joins
        the signals of each combination to one.

        Parameters
        ----------
        signals : table, Table, list of these, or mapping of name to one
            As :func:`ml4t.backtest.data.market_data` reads them; or the name of a feature, which is a signal
            then.
        replace : bool, default False
            Let a column take the place of one of its name.
        bar_time, timezone, time_unit
            As there, of these tables. Without them holds what was said of the tables before.
        on_violation : {"raise", "warn"}
        on_unknown_assets : {"raise", "drop"}
            What values of assets without prices do.

        Returns
        -------
        MarketData

        Raises
        ------
        DataError
            If a table cannot be read, or has a column of a name that is taken; if these are a chunk of a run.
        LookAheadError
            If a value is published before its own time.
        """
        return _column_joiner(
            self, signals=signals, replaces=replace, bar_time=bar_time, timezone=timezone,
            time_unit=time_unit, on_violation=on_violation, on_unknown_assets=on_unknown_assets,
        )

    def with_features(
        self, features, *, replace=False, bar_time=None, timezone=None, time_unit=None,
        on_violation="raise", on_unknown_assets="raise",
    ):
        """Return market data with further features, joined to these bars as of time.

        Parameters
        ----------
        features : table, Table, Indicator, FeatureProvider, list of these, or mapping of name to one
            As :func:`ml4t.backtest.data.market_data` reads them.
        replace, bar_time, timezone, time_unit, on_violation, on_unknown_assets
            As in :meth:`with_signals`.

        Returns
        -------
        MarketData

        Raises
        ------
        DataError, LookAheadError
            As :meth:`with_signals`.
        """
        return _column_joiner(
            self, features=features, replaces=replace, bar_time=bar_time, timezone=timezone,
            time_unit=time_unit, on_violation=on_violation, on_unknown_assets=on_unknown_assets,
        )

    def save(self, path):
        """Write these market data to a file, which :meth:`load` maps.

        It is an Arrow IPC file: one row, with a list for each column. One that stands there is replaced as a whole.

        Parameters
        ----------
        path : path
            Of a local file, or of any file system that PyArrow or fsspec knows (``s3://bucket/prices.arrow``).

        Returns
        -------
        str
            The path, absolute.

        Raises
        ------
        DataError
            If it cannot be written.
        """
        return _save(self, path)

    @staticmethod
    def load(path):
        """Return the market data that stand in a file that :meth:`save` wrote.

        A local file is mapped: nothing is copied, and all processes that load it share one copy. Values are
        checked as :meth:`from_arrays` checks them. Pickled, the object is the path of its file.

        Parameters
        ----------
        path : path
            As for :meth:`save`; what is not local is read into memory.

        Raises
        ------
        DataError
            If the file cannot be read, is cut short, damaged, of another format or of something else.
        """
        if _load is None:
            raise ImportError("what reads files is not there: write `from ml4t.backtest import MarketData`")
        return _load(path)

    @staticmethod
    def from_arrays(
        assets, timestamps, offsets, asset_codes, open, high, low, close, *,
        volume=None, bid=None, ask=None, features=None, signal_names=(), context=None, actions=None,
        info=None, carried_times=None, negative_prices=(),
    ):
        """Build market data from finished arrays, which are copied and checked.

        Parameters
        ----------
        assets : sequence of str
            Names in asset order, each once.
        timestamps : int64 or datetime64 array, shape (n_times,)
            Nanoseconds UTC, strictly increasing.
        offsets : int64 array, shape (n_times + 1,)
            The rows of timestamp t are offsets[t]..offsets[t + 1]: from 0 to n_rows, never falling.
        asset_codes : int32 array, shape (n_rows,)
            Positions in ``assets``, increasing within a timestamp.
        open, high, low, close : float64 array, shape (n_rows,)
            Positive prices, open and close within [low, high].
        volume, bid, ask : float64 array, shape (n_rows,), optional
            NaN where not known.
        features : mapping of name to float64 array, shape (n_rows,)
        signal_names : sequence of str
            The features that are signals.
        context : mapping of name to float64 array, shape (n_times,)
        actions : structured array of dtype ``ACTION``, optional
            In any order; kept in that of time, kind, asset.
        info : mapping, optional
        carried_times : int64 array, shape (n_carried,), optional
            Makes a chunk: timestamp 0 is the last one of the chunk before, its rows are the last bar of
            every asset so far, and these are the times of those bars. The run starts at timestamp 1.
        negative_prices : sequence of str
            Assets whose prices may be zero or negative.

        Raises
        ------
        TypeError
            If an array holds something else than numbers, or one of positions something else than
            integers.
        ValueError
            If an array has the wrong length, or a value that cannot be: one out of order, a position
            that does not exist, a price, split or dividend out of its range.
        """
        cdef MarketData self = _filled(
            Copies(), assets, timestamps, offsets, asset_codes,
            (open, high, low, close), (volume, bid, ask),
            features, signal_names, context,
            None if actions is None else actions_in(actions, ACTION), info, carried_times,
            negative_prices,
        )
        _check(self)
        return self

    @staticmethod
    def _wrap(
        assets, timestamps, offsets, asset_codes, open, high, low, close, *,
        volume=None, bid=None, ask=None, features=None, signal_names=(), context=None, actions=None,
        info=None, carried_times=None, negative_prices=(),
    ):
        """Wrap arrays that this package made: neither copied nor looked at again."""
        return _filled(
            owned, assets, timestamps, offsets, asset_codes,
            (open, high, low, close), (volume, bid, ask),
            features, signal_names, context, actions, info, carried_times, negative_prices,
        )

    def _read_from(self, str file not None, str token not None):
        """Check what was wrapped from a file, and keep where it stands."""
        _check(self)
        self.file, self._token = file, token
        return self

    cpdef int code(self, object asset) except -1:
        """Return the code of ``asset``; ``KeyError`` with the nearest name if it is unknown."""
        code = self._code.get(asset)
        if code is None:
            near = difflib.get_close_matches(str(asset), [str(a) for a in self.assets], 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise KeyError(f"asset {asset!r} is not in the market data{hint}")
        return code

    # Found once for all runs over these data: the last timestamp of each session, a day of this zone.
    def _session_ends(self, time_zone):
        if time_zone not in self._sessions:
            ends = session_ends(self.timestamps, time_zone)
            ends.flags.writeable = False
            self._sessions[time_zone] = ends
        return self._sessions[time_zone]

    # Nobody can change them: they are their own copy.
    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        if self.file is not None:
            return _load, (self.file, self._token)
        state = dict(
            volume=self.volume, bid=self.bid, ask=self.ask, features=dict(self.features),
            signal_names=self.signal_names, context=dict(self.context), actions=self.actions,
            info=dict(self.info),
            carried_times=self.carried_times if self.first_t else None,
            negative_prices=self.negative_prices,
        )
        arrays = (
            self.assets, self.timestamps, self.offsets, self.asset_codes,
            self.open, self.high, self.low, self.close,
        )
        return _rebuild, (arrays, state)

    def __repr__(self):
        return (
            f"MarketData({self.n_assets} assets, {self.n_times} timestamps, {self.n_rows} bars, "
            f"{len(self.features)} features, {len(self.context)} context, {self.n_actions} actions"
            f"{_recognised(self.info)})"
        )

    def _repr_html_(self):
        return html_of(self)


seal(MarketData)


def _recognised(info):
    # What a table said under another name than ours, and what was not taken from it.
    columns = info.get("columns", {})
    named = [
        f", {role}={column!r}" for role, column in columns.items()
        if role in _FIELDS and column.lower() != role
    ]
    left_out = list(info.get("left_out", ()))
    return "".join(named) + (f", without {', '.join(map(repr, left_out))}" if left_out else "")


def _rebuild(arrays, state):
    return MarketData.from_arrays(*arrays, **state)


cdef MarketData _filled(
    take, assets, timestamps, offsets, asset_codes, prices, optional, features, signal_names, context,
    actions, info, carried_times, negative_prices,
):
    cdef MarketData self = MarketData.__new__(MarketData)

    def column(name, values, length, dtype=np.float64):
        array = take(values, dtype, name)
        if len(array) != length:
            raise ValueError(f"{name} must have shape ({length},), had {array.shape}")
        return array

    def columns(named, length):
        return MappingProxyType(
            {name: column(name, values, length) for name, values in (named or {}).items()}
        )

    self.assets = tuple(assets)
    self.n_assets = len(self.assets)
    self._code = {name: code for code, name in enumerate(self.assets)}
    if len(self._code) != self.n_assets:
        raise ValueError("assets must be named once each")
    self.negative_prices = _names("negative_prices", negative_prices)
    self._is_signed = np.zeros(self.n_assets, np.int8)
    for name in self.negative_prices:
        if name not in self._code:
            raise ValueError(f"negative_prices must be assets, {name!r} is none")
        self._is_signed[self._code[name]] = 1
    self.timestamps = take(timestamps, np.int64, "timestamps")
    self.n_times = len(self.timestamps)
    self.asset_codes = take(asset_codes, np.int32, "asset_codes")
    self.n_rows = len(self.asset_codes)
    self.is_dense = self.n_rows == self.n_times * self.n_assets
    self.offsets = column("offsets", offsets, self.n_times + 1, np.int64)
    self.open, self.high, self.low, self.close = [
        column(name, values, self.n_rows)
        for name, values in zip(("open", "high", "low", "close"), prices)
    ]
    self.volume, self.bid, self.ask = [
        None if values is None else column(name, values, self.n_rows)
        for name, values in zip(("volume", "bid", "ask"), optional)
    ]
    self.features = columns(features, self.n_rows)
    self.signal_names = _names("signal_names", signal_names)
    self.context = columns(context, self.n_times)
    self.actions = take([] if actions is None else actions, ACTION, "actions")
    self.n_actions = len(self.actions)
    self.info = MappingProxyType(dict(info or {}))
    self._sessions = {}
    if carried_times is not None and self.n_times == 0:
        raise ValueError(
            "a chunk with carried_times begins with the last timestamp of the one before, but has no "
            "timestamp; leave out chunks without bars"
        )
    self.first_t = 0 if carried_times is None else 1
    self.n_carried = 0 if carried_times is None else int(self.offsets[1])
    self.carried_times = column(
        "carried_times", [] if carried_times is None else carried_times, self.n_carried, np.int64
    )
    _point(self)
    return self


cdef int _point(MarketData self) except -1:
    # Pointers need the arrays they look into to live, whoever gets hold of the mappings above.
    features = list(self.features.values())
    context = list(self.context.values())
    actions = [
        np.ascontiguousarray(self.actions[name]) for name in ("time", "asset", "kind", "value")
    ]
    self._columns = features, context, actions
    self.time = <const int64_t*> _address(self.timestamps)
    self.offset = <const int64_t*> _address(self.offsets)
    self.carried_time = <const int64_t*> _address(self.carried_times)
    self.asset = <const int32_t*> _address(self.asset_codes)
    self.is_signed = <const int8_t*> _address(self._is_signed)
    self.open_ = <const double*> _address(self.open)
    self.high_ = <const double*> _address(self.high)
    self.low_ = <const double*> _address(self.low)
    self.close_ = <const double*> _address(self.close)
    self.volume_ = <const double*> _address(self.volume)
    self.bid_ = <const double*> _address(self.bid)
    self.ask_ = <const double*> _address(self.ask)
    self.action_time = <const int64_t*> _address(actions[0])
    self.action_asset = <const int32_t*> _address(actions[1])
    self.action_kind = <const int8_t*> _address(actions[2])
    self.action_value = <const double*> _address(actions[3])
    self.feature = _pointers(features)
    self.context_ = _pointers(context)
    self.n_features = len(features)
    self.n_context = len(context)
    return 0


cdef int _check(MarketData self) except -1:
    check_walk(self.time, self.offset, self.n_times, self.asset, self.n_rows, self.n_assets)
    check_bars(
        self.open_, self.high_, self.low_, self.close_, self.n_rows, self.asset, self.is_signed
    )
    if self.volume_ != NULL:
        check_volumes(self.volume_, self.n_rows)
    if self.bid_ != NULL:
        check_quotes("bid", self.bid_, self.n_rows)
    if self.ask_ != NULL:
        check_quotes("ask", self.ask_, self.n_rows)
    if self.n_carried > 0:
        check_carried(self.carried_time, self.n_carried, self.time[0])
    check_actions(self.actions, self.assets)
    for name in self.signal_names:
        if name not in self.features:
            raise ValueError(f"signal_names must be features, {name!r} is none")
    return 0


def _names(argument, names):
    if isinstance(names, str):
        raise TypeError(f"{argument} must be a sequence of names, was {names!r}")
    return tuple(names)


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
