"""EngineLoop: the loop. One timestamp is the seven steps of section 2 of ``docs/semantics.md``."""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject
from libc.math cimport NAN, fabs
from libc.stdint cimport int64_t

from ml4t.backtest.core.settings cimport FILL_CLOSE, Settings
from ml4t.backtest.core.types cimport EVENT_NEGATIVE_EQUITY, REASON_END_OF_DATA, REASON_NEGATIVE_EQUITY
from ml4t.backtest.market.cross_section cimport CrossSection
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.event cimport MarketEvent, event_type
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.market.values cimport context_at
from ml4t.backtest.execution.actions cimport apply_actions
from ml4t.backtest.execution.broker cimport (
    PHASE_AFTER_STRATEGY, PHASE_CLOSE, PHASE_CLOSE_EXITS, PHASE_OPEN, Broker,
)
from ml4t.backtest.execution.order cimport Fill
from ml4t.backtest.portfolio.portfolio cimport Portfolio
from ml4t.backtest.portfolio.position cimport Position, close_bar, has_to_decide, touches
from ml4t.backtest.risk.manager cimport RiskManager
from ml4t.backtest.strategy.strategy cimport CompiledStrategy, Strategy

import numpy as np
import pandas as pd

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject* o) noexcept nogil

cdef extern from *:
    """
    #if defined(__GNUC__)
    #define ML4T_FETCH(address) __builtin_prefetch(address)
    #else
    #define ML4T_FETCH(address) ((void)(address))
    #endif
    """
    void fetch "ML4T_FETCH"(const void* address) noexcept nogil

# References to the reused event that are the engine's own: its attribute and the local variable.
cdef Py_ssize_t OWN_REFERENCES = 2
RECORDED = ("equity", "cash", "gross", "net")

# Rows between two looks at Ctrl-C and the progress bar.
cdef int64_t TICK_ROWS = 200_000


@cython.final
cdef class EngineLoop:
    """One run of a strategy over market data; :class:`BacktestEngine` is its front.

    Parameters
    ----------
    data : MarketData
    strategy : Strategy
    risk_manager : RiskManager
    config : BacktestConfig
    progress : callable, optional
        Called as ``progress(done, total)`` with numbers of timestamps, now and then.
    n_times, n_rows : int, optional
        Timestamps of all chunks, for the progress, or rows where those are not known; by default the
        timestamps of ``data``.

    Raises
    ------
    TypeError
        If the strategy defines no callback.
    RuntimeError
        If the strategy or the risk manager is in a run already.
    """

    def __init__(
        self, MarketData data not None, Strategy strategy not None,
        RiskManager risk_manager not None, config, progress=None,
        n_times=None, n_rows=None,
    ):
        self.data = data
        self.strategy = strategy
        self.risk_manager = risk_manager
        self.progress = progress
        self.counts_rows = n_times is None and n_rows is not None
        known = n_rows if self.counts_rows else n_times
        self.total = data.n_times if known is None else known
        self.cursor = Cursor(data)
        self.portfolio = Portfolio(data.assets, config.initial_cash)
        self.broker = Broker(self.cursor, self.portfolio, config)
        self.is_debug = self.broker.settings.debug
        self.fills_at_close = (
            self.broker.settings.fill_at == FILL_CLOSE or self.broker.settings.close_at_end
        )
        self.n_chunks = 0
        self.begin = data.first_t
        self._enter_columns(0 if n_times is None else n_times)
        self._find_callbacks()

    def run(self, chunks=(), on_chunk=None):
        """Walk from the first timestamp to the last. Whatever stops it, records() stays true.

        Parameters
        ----------
        chunks : iterable of MarketData
            What follows the data the loop was made with, each carrying over the bars before it.
        on_chunk : callable, optional
            Called as ``on_chunk(data)`` when a chunk is done and still there.
        """
        self.risk_manager.bind(self.broker)
        try:
            self.strategy.enter_run(self.broker, self.risk_manager)
            try:
                self.strategy.on_start()
                self.chunks = iter(chunks)
                self._walk_chunks(on_chunk)
                self.event = None
                self.strategy.on_end()
            finally:
                self.strategy.leave_run()
        finally:
            self.chunks = self.following = None
            self.risk_manager.release()

    def records(self):
        """Return what happened so far: structured arrays and columns by name."""
        records = self.tables()
        curve = self._curve()
        records |= dict(zip(RECORDED, curve))
        return records | {
            "n_done": curve.shape[1],
            "rule_names": self.risk_manager.rule_names,
            "reasons": self.risk_manager.reason_texts(),
            "statistics": self.risk_manager.statistics,
            "counters": self.broker.counts(),
        }

    def tables(self):
        """Return the structured arrays alone. The run cannot go on while they are held."""
        return self.broker.records() | self.portfolio.records()

    def where(self):
        """Say where the run stands: the timestamp, and the asset whose bar the strategy saw last."""
        if self.cursor.t < 0:
            return "before the first timestamp"
        at = f"at {pd.Timestamp(self.cursor.now, tz='UTC')}"
        return at if self.event is None else f"asset {self.event.asset!r} {at}"

    def _walk_chunks(self, on_chunk):
        while True:
            if isinstance(self.strategy, CompiledStrategy):
                self._run_one_compiled(self.strategy)
            else:
                self._run_python()
            if on_chunk is not None:
                on_chunk(self.data)
            if self._is_last_chunk():
                return
            self._enter(self.following)
            self.following = None

    def _enter(self, MarketData data not None):
        if tuple(data.features) != tuple(self.data.features) or (
            tuple(data.context) != tuple(self.data.context)
        ):
            raise ValueError("a chunk must have the columns of the first one, in the same order")
        self.cursor.enter(data)
        self.risk_manager.enter(data)
        self.strategy.data = data
        self.data = data
        self.event = None
        self._enter_columns(0)

    # The record of step 7, shape (4, timestamps): of the whole run at once where their number is known.
    # One array: an allocator that gets it back whole can give it whole to the next run.
    def _enter_columns(self, int64_t n_times):
        cdef int64_t t_before = self.cursor.t_before
        cdef int64_t needed = t_before + self.data.n_times
        if self.record is None or self.record.shape[1] < needed:
            n_known = 0 if self.record is None else t_before + 1
            record = np.empty((len(RECORDED), max(needed, n_times, 2 * n_known)))
            record[:, :n_known] = 0.0 if self.record is None else self.record[:, :n_known]
            self.record = record
        n_times = self.record.shape[1]
        self.equity = _pointer(self.record) + t_before
        self.cash = self.equity + n_times
        self.gross = self.cash + n_times
        self.net = self.gross + n_times
        self.n_chunks += 1
        self.n_done = self.data.first_t
        self.next_tick = 0
        self.end_of_quiet = 0

    def _curve(self):
        return self.record[:, self.begin:self.cursor.t_before + self.n_done]

    def _run_one_compiled(self, CompiledStrategy strategy not None):
        strategy.prepare()
        with nogil:
            self._run_compiled(strategy)

    def _find_callbacks(self):
        kind = type(self.strategy)
        own = {
            name: getattr(self.strategy, name) if getattr(kind, name) is not getattr(Strategy, name)
            else None
            for name in ("on_market_data", "on_timestamp_batch", "on_fill")
        }
        self.on_event = own["on_market_data"]
        self.on_batch = own["on_timestamp_batch"]
        self.on_fill = own["on_fill"]
        compiled = isinstance(self.strategy, CompiledStrategy)
        if self.on_event is None and self.on_batch is None and not compiled:
            raise TypeError(
                f"{kind.__name__} defines neither on_market_data nor on_timestamp_batch: it would "
                "never be told anything"
            )

    # ---- the loop ----------------------------------------------------------------------------

    cdef int _run_compiled(self, CompiledStrategy strategy) except -1 nogil:
        cdef int64_t until
        while self.n_done < self.data.n_times:
            if self._may_be_quiet():
                until = strategy.next_row(self.n_done, self.end_of_quiet)
                self._fetch_ahead(until)
                self._walk_quietly(until)
                self.n_done = self.cursor.t + 1
                if self.n_done == self.data.n_times:
                    return 0
            self._before_strategy()
            strategy.on_timestamp()
            self._after_strategy()
        return 0

    cdef int _run_python(self) except -1:
        while self.n_done < self.data.n_times:
            if not (self._may_be_quiet() and self._step_quietly()):
                self._before_strategy()
            self._tell()
            self._after_strategy()
        return 0

    # The quiet bars of a single asset, from n_done on and before ``until``.
    #
    # Quiet: no order waits, no action is due, no level is touched, no rule has anything to decide, and
    # equity is positive. Then steps 1, 2 and 6 are empty, and 3, 4, 5 and 7 are what stands here. The
    # walk stops before the first bar that is not quiet and leaves it, untouched, to the seven steps.
    cdef void _walk_quietly(self, int64_t until) noexcept nogil:
        cdef int64_t t = self.n_done
        cdef int64_t t_before = self.cursor.t_before
        cdef const double* high = self.data.high_
        cdef const double* low = self.data.low_
        cdef const double* close = self.data.close_
        cdef double* equity_at = self.equity
        cdef double* cash_at = self.cash
        cdef double* gross_at = self.gross
        cdef double* net_at = self.net
        cdef double cash = self.portfolio.cash
        cdef double net = 0.0
        cdef Position* position = self.portfolio.position
        cdef const Settings* settings = &self.broker.settings
        if position.quantity == 0.0:
            while t < until and cash > 0.0:
                equity_at[t] = cash
                cash_at[t] = cash
                gross_at[t] = 0.0
                net_at[t] = 0.0
                t += 1
        else:
            while t < until:
                if touches(position, high[t], low[t]) or has_to_decide(position):
                    break
                net = position.quantity * close[t]
                if not cash + net > 0.0:
                    break
                close_bar(position, settings, t_before + t, high[t], low[t], close[t])
                equity_at[t] = cash + net
                cash_at[t] = cash
                gross_at[t] = fabs(net)
                net_at[t] = net
                t += 1
        if t > self.n_done:
            self._arrive(t - 1)

    # The same for one bar, before a strategy in Python is told; returns whether it was quiet.
    cdef inline bint _step_quietly(self) noexcept nogil:
        cdef int64_t t = self.n_done
        cdef int64_t t_before = self.cursor.t_before
        cdef double high = self.data.high_[t]
        cdef double low = self.data.low_[t]
        cdef double close = self.data.close_[t]
        cdef double cash = self.portfolio.cash
        cdef Position* position = self.portfolio.position
        cdef double net = position.quantity * close
        if not cash + net > 0.0:
            return False
        if position.quantity != 0.0:
            if touches(position, high, low):
                return False
            close_bar(position, &self.broker.settings, t_before + t, high, low, close)
        self.equity[t] = cash + net
        self.cash[t] = cash
        self.gross[t] = fabs(net)
        self.net[t] = net
        self._arrive(t)
        return True

    # The bar at n_done may be quiet: one asset, no order waits, nothing to decide, nothing else is due.
    cdef inline bint _may_be_quiet(self) noexcept nogil:
        if (
            self.data.n_assets != 1 or self.broker.n_waiting > 0
            or has_to_decide(self.portfolio.position)
        ):
            return False
        if self.n_done >= self.end_of_quiet:
            self.end_of_quiet = self._end_of_quiet()
        return self.n_done < self.end_of_quiet

    # The first timestamp that cannot be quiet: the end, a look at Ctrl-C, an action.
    cdef int64_t _end_of_quiet(self) noexcept nogil:
        cdef int64_t first = self.n_done
        cdef int64_t middle
        cdef int64_t until = self.data.n_times - self.broker.settings.close_at_end
        if self.is_debug:
            return first
        if self.next_tick < until:
            until = self.next_tick if self.next_tick > first else first
        if self.cursor.next_action == self.data.n_actions:
            return until
        while first < until:
            middle = (first + until) // 2
            if self.data.time[middle] < self.data.action_time[self.cursor.next_action]:
                first = middle + 1
            else:
                until = middle
        return until

    # What only the seven steps read is far away in memory: ask for it before walking there.
    cdef inline void _fetch_ahead(self, int64_t row) noexcept nogil:
        fetch(&self.data.time[row])
        fetch(&self.data.offset[row])
        fetch(&self.data.asset[row])
        fetch(&self.data.open_[row])

    # Stand at t as if the steps had led there.
    cdef inline void _arrive(self, int64_t t) noexcept nogil:
        self.cursor.arrive(t)
        self.portfolio.mark[0] = self.data.close_[t]
        self.strategy.marked_equity = self.equity[t]
        self.is_under_water = False

    # Steps 1 to 5 of a timestamp.
    cdef inline int _before_strategy(self) except -1 nogil:
        self.cursor.advance()
        # 1. Corporate actions effective since the previous timestamp.
        if self.cursor.next_action < self.data.n_actions:
            apply_actions(self.broker)
        # 2. The open: orders accepted earlier fill; every fill is recorded with the rules at once.
        if self.broker.n_waiting > 0:
            self.broker.fill_market_orders(PHASE_OPEN)
        # 3. Inside the bar: armed levels are tried.
        if self.portfolio.n_open > 0:
            self.risk_manager.try_levels()
        # 4. The close: positions take the bar in, rules decide, levels for the next bar are armed.
        self.broker.mark_close()
        if self.portfolio.n_open > 0:
            self.risk_manager.close_bars()
        if self.broker.n_waiting > 0:
            self.broker.fill_market_orders(PHASE_CLOSE)
            if self.broker.settings.exit_at_close:
                self.broker.fill_market_orders(PHASE_CLOSE_EXITS)
        # 5. The mark.
        return self._mark()

    # The end of step 6, and step 7.
    cdef inline int _after_strategy(self) except -1 nogil:
        # 6. The strategy was told; with fill_at="close" its orders fill now.
        if self.fills_at_close:
            self._fill_at_close()
        # 7. The record.
        return self._record()

    cdef int _fill_at_close(self) except -1 nogil:
        if self.broker.settings.fill_at == FILL_CLOSE:
            self.broker.fill_market_orders(PHASE_AFTER_STRATEGY)
        if self.broker.settings.close_at_end and self._is_at_end():
            self._close_at_end()
        self._write_accounts()
        return 0

    cdef int _is_at_end(self) except -1 nogil:
        return self.cursor.t == self.data.n_times - 1 and self._is_last_chunk()

    # Asked at the last timestamp of a chunk, not before: a run begins when its first chunk is there.
    cdef int _is_last_chunk(self) except -1 with gil:
        if self.following is None:
            self.following = next(self.chunks, None)
        return self.following is None

    cdef inline int _mark(self) except -1 nogil:
        self._write_accounts()
        if self.strategy.marked_equity > 0.0:
            self.is_under_water = False
            return 0
        return self._go_under_water()

    cdef inline void _write_accounts(self) noexcept nogil:
        cdef int64_t t = self.cursor.t
        cdef double net = 0.0
        cdef double gross = 0.0
        cdef double cash = self.portfolio.cash
        self.portfolio.expose(&net, &gross)
        self.net[t] = net
        self.gross[t] = gross
        self.cash[t] = cash
        self.equity[t] = cash + net
        self.strategy.marked_equity = cash + net

    # Equity is not positive: an event, once per fall.
    cdef int _go_under_water(self) except -1 nogil:
        if not self.is_under_water:
            self.broker.log(
                EVENT_NEGATIVE_EQUITY, REASON_NEGATIVE_EQUITY, -1, 0, self.strategy.marked_equity, NAN
            )
        self.is_under_water = True
        return 0

    cdef inline int _record(self) except -1 nogil:
        if self.portfolio.n_touched > 0:
            self.portfolio.record_holdings(self.cursor.run_t())
        if self.is_debug:
            self._check_identity()
        self.n_done = self.cursor.t + 1
        if self.cursor.last >= self.next_tick:
            self._tick()
        return 0

    # ---- the strategy ------------------------------------------------------------------------

    # Step 6: fills, then bars in asset order, then the batch.
    cdef inline int _tell(self) except -1:
        if self.on_fill is not None and self.n_told < self.broker.fills.count:
            self._tell_fills()
        if self.on_event is not None:
            self._tell_bars()
        if self.on_batch is not None:
            self._tell_batch()
        return 0

    cdef int _tell_bars(self) except -1:
        cdef MarketEvent event = self.event
        cdef object on_event = self.on_event
        cdef int64_t row
        if event is not None and Py_REFCNT(<PyObject*> event) == OWN_REFERENCES:
            event.t = self.cursor.t
        for row in range(self.cursor.first, self.cursor.last):
            # Somebody kept the event: it stays true, and the next bar gets a new one.
            if event is None or Py_REFCNT(<PyObject*> event) > OWN_REFERENCES:
                event = self.event = MarketEvent.new(event_type(self.data), self.data)
                event.t = self.cursor.t
            event.row = row
            on_event(event)
        return 0

    cdef int _tell_batch(self) except -1:
        self.event = None
        self.on_batch(
            pd.Timestamp(self.cursor.now, tz="UTC"),
            CrossSection.new(self.data, self.cursor.t),
            context_at(self.data, self.cursor.t),
        )
        return 0

    cdef int _tell_fills(self) except -1:
        self.event = None
        while self.n_told < self.broker.fills.count:
            self.n_told += 1
            self.on_fill(Fill.at(self.broker, self.n_told - 1))
        return 0

    # ---- the end -----------------------------------------------------------------------------

    cdef int _close_at_end(self) except -1 nogil:
        while self.portfolio.n_open > 0:
            self.broker.close_position_now(
                &self.portfolio.position[self.portfolio.open_asset[0]], REASON_END_OF_DATA
            )
        self.broker.forget_done()
        return 0

    cdef int _tick(self) except -1 with gil:
        cdef int64_t done = self.cursor.t_before + self.n_done
        self.next_tick = self.cursor.last + TICK_ROWS
        PyErr_CheckSignals()
        if self.progress is not None:
            self.next_tick = self.cursor.last + TICK_ROWS // 50
            if self.counts_rows:
                done = self.cursor.rows_before + self.cursor.last - self.data.n_carried
            self.progress(done, max(done, self.total))
        return 0

    # Section 6: what the trades and positions made is what the equity has gained (debug runs).
    cdef int _check_identity(self) except -1 nogil:
        cdef double made = self.portfolio.total_pnl()
        cdef double gained = self.equity[self.cursor.t] - self.portfolio.initial_cash
        cdef double scale = (
            fabs(self.portfolio.initial_cash) + fabs(self.gross[self.cursor.t]) + fabs(made)
        )
        if fabs(made - gained) > 1e-9 * scale:
            return _identity_broken(made, gained)
        return 0


cdef int _identity_broken(double made, double gained) except -1 with gil:
    raise AssertionError(f"trades and positions made {made}, but equity gained {gained}")


cdef double* _pointer(array) except NULL:
    cdef double[:, ::1] view = array
    return &view[0, 0]
