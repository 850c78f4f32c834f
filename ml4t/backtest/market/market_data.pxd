cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t


@cython.final
cdef class MarketData:
    # C pointers into the arrays below; valid as long as the object lives.
    cdef const int64_t* time
    cdef const int64_t* offset
    cdef const int64_t* carried_time
    cdef const int32_t* asset
    cdef const int8_t* is_signed     # by asset code: its prices may be zero or negative
    cdef const double* open_
    cdef const double* high_
    cdef const double* low_
    cdef const double* close_
    cdef const double* volume_       # NULL when the table has none; so bid_ and ask_
    cdef const double* bid_
    cdef const double* ask_
    cdef const double** feature      # n_features columns of n_rows values
    cdef const double** context_     # n_context columns of n_times values
    cdef Py_ssize_t n_features
    cdef Py_ssize_t n_context
    cdef const int64_t* action_time
    cdef const int32_t* action_asset
    cdef const int8_t* action_kind
    cdef const double* action_value

    cdef readonly int64_t n_times
    """Distinct timestamps."""
    cdef readonly int64_t first_t
    """Timestamp the run starts at: 0, or 1 in a chunk whose timestamp 0 is what is carried over."""
    cdef readonly int64_t n_carried
    """Rows carried over from the chunks before: the last bar of every asset that has had one."""
    cdef readonly object carried_times
    """int64 array, shape (n_carried,), nanoseconds UTC: when the carried bars were."""
    cdef readonly int64_t n_rows
    """Bars: (timestamp, asset) pairs."""
    cdef readonly int64_t n_assets
    """Assets of the universe, those without a row in this data included."""
    cdef readonly bint is_dense
    """Every asset has a bar at every timestamp: with one asset, row t is the bar of timestamp t."""
    cdef readonly int64_t n_actions
    """Splits and cash dividends."""
    cdef readonly tuple assets
    """Asset names in asset order; an asset's position here is its code."""
    cdef readonly tuple negative_prices
    """Assets whose prices may be zero or negative."""
    cdef readonly object timestamps
    """int64 array, shape (n_times,), nanoseconds UTC, increasing."""
    cdef readonly object offsets
    """int64 array, shape (n_times + 1,): rows of time t are offsets[t]..offsets[t + 1]."""
    cdef readonly object asset_codes
    """int32 array, shape (n_rows,), increasing within a timestamp."""
    cdef readonly object open
    """First prices of bars: float64 array, shape (n_rows,), currency per unit."""
    cdef readonly object high
    """Highest prices of bars, an array as ``open``."""
    cdef readonly object low
    """Lowest prices of bars, an array as ``open``."""
    cdef readonly object close
    """Last prices of bars, an array as ``open``."""
    cdef readonly object volume
    """float64 array, shape (n_rows,), units; None when the table has none."""
    cdef readonly object bid
    """Best bids at the closes, an array as ``open``; None when the table has none."""
    cdef readonly object ask
    """Best asks at the closes, an array as ``open``; None when the table has none."""
    cdef readonly object features
    """Signals and indicators by name, read-only: float64 arrays, shape (n_rows,); NaN where unknown."""
    cdef readonly tuple signal_names
    """The names in ``features`` that came as signals; the others are indicators."""
    cdef readonly object context
    """Market-wide values by name, read-only: float64 arrays, shape (n_times,); NaN where unknown."""
    cdef readonly object actions
    """Structured array (time, asset, kind, value) in order of time, kind, asset."""
    cdef readonly object info
    """What the tables were, read-only: ``closes_only``, ``bar_time``, the ``columns`` by role, what was ``left_out``."""
    cdef readonly object file
    """Path of the file that they stand in; None for those in memory."""
    cdef object _token                # of what was written there
    cdef object __weakref__
    cdef dict _code
    cdef dict _sessions              # ends of sessions, by zone
    cdef object _is_signed            # the array behind is_signed
    cdef object names                # the ColumnNames, made at first use
    cdef object _columns              # keeps the arrays behind the pointers alive

    cpdef int code(self, object asset) except -1
