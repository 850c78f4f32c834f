cimport cython
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.reasons cimport Reasons
from ml4t.backtest.core.run_thread cimport RunThread
from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.execution.event_log cimport EventLog
from ml4t.backtest.execution.fills cimport Fills
from ml4t.backtest.execution.inside_bar cimport InsideBar
from ml4t.backtest.execution.matching cimport Matching
from ml4t.backtest.execution.order_book cimport OrderBook
from ml4t.backtest.execution.participation cimport Participation
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.portfolio cimport Portfolio


@cython.final
cdef class Broker:
    cdef readonly Cursor cursor
    """Where the run stands in the market data."""
    cdef readonly Portfolio portfolio
    """What the fills are booked in."""
    cdef Settings settings
    cdef EventLog events
    cdef OrderBook book
    cdef Participation participation
    cdef Fills fills
    cdef Matching matching
    cdef InsideBar inside_bar
    cdef RunThread thread
    cdef Reasons reasons
    cdef list rule_names             # what results call the rules, by number
    cdef bint takes_orders           # the strategy is told something now, or the run is by hand
    cdef bint is_asking              # a rule is being asked

    cdef int check_takes_orders(self) except -1
    cdef int check_no_costs_asked(self) except -1
    cdef int check_not_asking(self, str what) except -1
    cdef object rule_name(self, int32_t rule)
