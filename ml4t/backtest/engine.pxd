cimport cython
from libc.stdint cimport int64_t

from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.event cimport MarketEvent
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.portfolio.portfolio cimport Portfolio
from ml4t.backtest.risk.manager cimport RiskManager
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
    cdef object progress
    cdef Cursor cursor
    cdef Portfolio portfolio
    cdef Broker broker
    cdef bint fills_at_close         # something may fill after step 5
    cdef bint is_debug
    cdef object chunks               # what follows the data: an iterator
    cdef object following            # the next chunk, where it was asked for already
    cdef int64_t total               # timestamps of the whole run, or rows, for the progress
    cdef bint counts_rows
    cdef bint is_under_water         # equity was not positive at the last mark
    cdef int64_t n_done              # timestamps recorded
    cdef int64_t n_told              # fills told to the strategy
    cdef int64_t end_of_quiet        # the first timestamp, from n_done on, that cannot be quiet
    cdef int64_t next_tick           # row at which to look for Ctrl-C and show progress
    cdef double* equity              # by timestamp, the record of step 7
    cdef double* cash
    cdef double* gross
    cdef double* net
    cdef object record               # the array behind these pointers
    cdef int64_t begin               # the first timestamp of the run in it
    cdef object on_event             # the callbacks that the strategy defines; None: not defined
    cdef object on_batch
    cdef object on_fill
    cdef MarketEvent event

    cdef int _run_python(self) except -1
    cdef int _run_compiled(self, CompiledStrategy strategy) except -1 nogil
    cdef void _walk_quietly(self, int64_t until) noexcept nogil
    cdef bint _step_quietly(self) noexcept nogil
    cdef bint _may_be_quiet(self) noexcept nogil
    cdef int64_t _end_of_quiet(self) noexcept nogil
    cdef void _fetch_ahead(self, int64_t row) noexcept nogil
    cdef void _arrive(self, int64_t t) noexcept nogil
    cdef int _before_strategy(self) except -1 nogil
    cdef int _after_strategy(self) except -1 nogil
    cdef int _fill_at_close(self) except -1 nogil
    cdef int _is_at_end(self) except -1 nogil
    cdef int _is_last_chunk(self) except -1 with gil
    cdef int _mark(self) except -1 nogil
    cdef void _write_accounts(self) noexcept nogil
    cdef int _go_under_water(self) except -1 nogil
    cdef int _record(self) except -1 nogil
    cdef int _tell(self) except -1
    cdef int _tell_fills(self) except -1
    cdef int _tell_bars(self) except -1
    cdef int _tell_batch(self) except -1
    cdef int _close_at_end(self) except -1 nogil
    cdef int _tick(self) except -1 with gil
    cdef int _check_identity(self) except -1 nogil
