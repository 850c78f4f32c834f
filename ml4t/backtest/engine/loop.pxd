cimport cython
from libc.stdint cimport int64_t

from ml4t.backtest.engine.callbacks cimport Callbacks
from ml4t.backtest.engine.curve cimport Curve
from ml4t.backtest.engine.quiet cimport QuietBars
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.execution.inside_bar cimport InsideBar
from ml4t.backtest.execution.matching cimport Matching
from ml4t.backtest.execution.order_book cimport OrderBook
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.holdings cimport Holdings
from ml4t.backtest.portfolio.portfolio cimport Portfolio
from ml4t.backtest.portfolio.positions cimport Positions
from ml4t.backtest.risk.manager cimport RiskManager
from ml4t.backtest.strategy.call_times cimport CallTimes
from ml4t.backtest.strategy.strategy cimport CompiledStrategy, Strategy


@cython.final
cdef class EngineLoop:
    cdef readonly MarketData data
    """The market data the run walks over."""
    cdef readonly Strategy strategy
    """The strategy that is told."""
    cdef readonly RiskManager risk_manager
    """The rules; without any it is empty."""
    cdef readonly int64_t n_chunks
    """Chunks entered so far."""
    cdef Cursor cursor
    cdef Portfolio portfolio
    cdef Account account
    cdef Positions positions
    cdef Holdings holdings
    cdef Broker broker
    cdef OrderBook book
    cdef Matching matching
    cdef InsideBar inside_bar
    cdef Callbacks callbacks
    cdef CallTimes call_times        # None: the strategy is called at every timestamp
    cdef Curve curve
    cdef bint fills_at_close         # something may fill after step 5
    cdef bint is_debug
    cdef bint is_single              # one asset, with a row at every timestamp
    cdef bint is_under_water         # equity was not positive at the last mark
    cdef object chunks               # what follows the data: an iterator
    cdef object following            # the next chunk, where it was asked for already
    cdef object progress
    cdef int64_t total               # timestamps of the whole run, or rows, for the progress
    cdef int64_t n_times             # of the whole run, where it is known; else 0
    cdef bint counts_rows
    cdef int64_t n_done              # timestamps recorded
    cdef int64_t end_of_quiet        # the first timestamp, from n_done on, that cannot be quiet
    cdef int64_t next_tick           # row at which to look for Ctrl-C and show progress

    cdef int _check_made(self) except -1
    cdef int _walk_chunks(self, object on_chunk) except -1
    cdef int _enter(self, MarketData data) except -1
    cdef int _enter_columns(self) except -1
    cdef int _run_one_compiled(self, CompiledStrategy strategy) except -1
    cdef int _run_python(self) except -1
    cdef int _run_at_call_times(self) except -1
    cdef int _walk_between_calls(self, CompiledStrategy compiled) except -1 nogil
    cdef int _call(self, CompiledStrategy compiled) except -1 nogil
    cdef int _tell_news(self) except -1 with gil
    cdef int _is_due(self) except -1 nogil
    cdef int _period_ends(self) except -1 with gil
    cdef int _run_compiled(self, CompiledStrategy strategy) except -1 nogil
    cdef int _before_strategy(self) except -1 nogil
    cdef int _after_strategy(self) except -1 nogil
    cdef int _fill_at_close(self) except -1 nogil
    cdef int _value(self) except -1 nogil
    cdef object _curve_of(self, int64_t n_done)
    cdef int _go_under_water(self) except -1 nogil
    cdef void _walk_quietly(self, int64_t until) noexcept nogil
    cdef int _tell_quietly(self) except -1
    cdef QuietBars _quiet_bars(self) noexcept nogil
    cdef bint _may_be_quiet(self) noexcept nogil
    cdef int64_t _end_of_quiet(self) noexcept nogil
    cdef int64_t _before_touch(self, int64_t until) noexcept nogil
    cdef void _fetch_ahead(self, int64_t row) noexcept nogil
    cdef void _fetch_walk(self, int64_t row) noexcept nogil
    cdef void _fetch_next_rows(self) noexcept nogil
    cdef void _arrive(self, int64_t t) noexcept nogil
    cdef int _is_at_end(self) except -1 nogil
    cdef int _is_last_chunk(self) except -1 with gil
    cdef int _tick(self) except -1 with gil
    cdef int _check_identity(self) except -1 nogil
