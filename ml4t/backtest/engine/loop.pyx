"""EngineLoop: the loop. One timestamp is the seven steps of section 2 of ``docs/semantics.md``."""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport NAN, fabs
from libc.stdint cimport int64_t

from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.prefetch cimport prefetch
from ml4t.backtest.core.settings cimport FILL_CLOSE, Settings
from ml4t.backtest.core.types cimport EVENT_NEGATIVE_EQUITY, REASON_END_OF_DATA, REASON_NEGATIVE_EQUITY
from ml4t.backtest.engine.callbacks cimport Callbacks
from ml4t.backtest.engine.curve cimport Curve, write_point
from ml4t.backtest.engine.quiet cimport QuietBars, take_quiet_bar, take_quiet_bars
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.execution.corporate_actions cimport apply_actions
from ml4t.backtest.execution.schedule cimport (
    PHASE_AFTER_STRATEGY, PHASE_CLOSE, PHASE_CLOSE_EXITS, PHASE_OPEN,
)
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.portfolio cimport Portfolio
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.portfolio.position_bar cimport has_to_decide
from ml4t.backtest.risk.manager cimport RiskManager
from ml4t.backtest.strategy.call_times cimport DUE_IF_PERIOD_ENDS, NOT_DUE, CallTimes
from ml4t.backtest.strategy.strategy cimport CompiledStrategy, Strategy

from functools import partial

import pandas as pd

from ml4t.backtest.engine.run_records import RunRecords
from ml4t.backtest.strategy.call_times import call_times_of

# Rows between two looks at Ctrl-C and the progress bar.
cdef int64_t TICK_ROWS = 200_000

# Rows of a walk that are asked for before it; what follows the processor asks for by itself.
cdef enum:
    WALKED = 48


@cython.final
cdef class EngineLoop:
    """EngineLoop(data, strategy, risk_manager, config, progress=None, n_times=None, n_rows=None, fine=None)\n--\n
    One run of a strategy over market data; :class:`BacktestEngine` is its front.

    Parameters
    ----------
    data : MarketData
    strategy : Strategy
    risk_manager : RiskManager
    config : BacktestConfig
    progress : callable, optional
        Called as ``progress(done, total)`` with numbers of timestamps, now and then; makes no orders.
    n_times, n_rows : int, optional
        Timestamps of all chunks, for the progress, or rows where those are not known; by default the
        timestamps of ``data``.
    fine : MarketData, optional
        Finer bars for the inside of those of ``data``.

    Raises
    ------
    TypeError
        If the strategy defines no callback.
    RuntimeError
        If the strategy or the risk manager is in a run already.
    """

    def __cinit__(
        self, MarketData data not None, Strategy strategy not None,
        RiskManager risk_manager not None, config, progress=None,
        n_times=None, n_rows=None, MarketData fine=None,
    ):
        self.data = data
        self.strategy = strategy
        self.risk_manager = risk_manager
        self.progress = progress
        self.counts_rows = n_times is None and n_rows is not None
        known = n_rows if self.counts_rows else n_times
        self.total = data.n_times if known is None else known
        self.n_times = 0 if n_times is None else n_times
        self.cursor = Cursor(data)
        self.portfolio = Portfolio(data.assets, config.initial_cash)
        self.account = self.portfolio.account
        self.positions = self.portfolio.positions
        self.holdings = self.portfolio.holdings
        if config.calendar is not None:
            self.cursor.begin_sessions(config.calendar)
        self.broker = Broker(self.cursor, self.portfolio, config, fine)
        self.book = self.broker.book
        self.matching = self.broker.matching
        self.inside_bar = self.broker.inside_bar
        self.is_debug = self.broker.settings.debug
        self.fills_at_close = (
            self.broker.settings.fill_at == FILL_CLOSE or self.broker.settings.close_at_end
        )
        self.callbacks = Callbacks(strategy, self.broker)
        self.curve = Curve(data.first_t)
        self.n_chunks = 0
        self._enter_columns()

    def run(self, chunks=(), on_chunk=None):
        """Walk from the first timestamp to the last. Whatever stops it, records() stays true.

        Parameters
        ----------
        chunks : iterable of MarketData
            What follows the data the loop was made with, each carrying over the bars before it.
        on_chunk : callable, optional
            Called as ``on_chunk(data)`` when a chunk is done and still there; of the last one after ``on_end``.
        """
        if self.broker is None or self.cursor.t >= 0:
            raise RuntimeError("a loop runs once, from the market data it was made with")
        self.risk_manager.enter_run(self.broker)
        self.portfolio.thread.begin()
        try:
            self.strategy.enter_run(self.broker, self.risk_manager)
            try:
                self.strategy.on_start()
                self.strategy.begin()
                self.call_times = call_times_of(self.strategy)
                if self.call_times is not None:
                    self.call_times.sessions = self.cursor.sessions
                self.risk_manager.begin(self.strategy)
                self.broker.takes_orders = False
                self.chunks = iter(chunks)
                self._walk_chunks(on_chunk)
                self.callbacks.event = None
                self.broker.takes_orders = True
                self.callbacks.tell_what_happened()
                self.strategy.on_end()
                if on_chunk is not None:
                    on_chunk(self.data)
            finally:
                self.strategy.leave_run()
        finally:
            self.chunks = self.following = None
            self.portfolio.thread.end()
            self.risk_manager.leave_run()

    def records(self):
        """Return what happened: structured arrays and columns by name. The run does not go on then."""
        self._check_made()
        cdef int64_t n_done = self.cursor.t_before + self.n_done
        known = {
            "curve": self._curve_of(n_done),
            "n_exposed": partial(self.curve.n_exposed, n_done),
            "n_done": n_done - self.curve._begin,
            "n_trades": len(self.portfolio.trades.buffer),
            "rule_names": self.risk_manager.rule_names,
            "reasons": self.risk_manager.reason_texts(),
            "statistics": self.risk_manager.statistics,
            "counters": self.broker.counts(),
            "open_positions": self.portfolio.open_positions(),
        }
        return RunRecords(known, self.broker.makers() | self.portfolio.makers())

    # A function from the name of a column of the curve to it: of a run in one piece it is made when it is asked for.
    cdef object _curve_of(self, int64_t n_done):
        if self.n_chunks == 1:
            return partial(self.curve.column, n_done)
        return self.curve.arrays(n_done).__getitem__

    def tables(self):
        """Return the structured arrays alone. The run cannot go on while they are held."""
        self._check_made()
        return self.broker.records() | self.portfolio.records()

    def where(self):
        """Say where the run stands: the timestamp, and the asset whose bar the strategy saw last."""
        self._check_made()
        if self.cursor.t < 0:
            return "before the first timestamp"
        at = f"at {pd.Timestamp(self.cursor.now, tz='UTC')}"
        event = self.callbacks.event
        return at if event is None else f"asset {event.asset!r} {at}"

    # ---- chunks ------------------------------------------------------------------------------

    cdef int _check_made(self) except -1:
        if self.broker is None:
            raise RuntimeError("this loop was not made with market data, a strategy and rules")
        return self.portfolio.thread.check()

    cdef int _walk_chunks(self, object on_chunk) except -1:
        while True:
            if self.call_times is not None:
                self._run_at_call_times()
            elif isinstance(self.strategy, CompiledStrategy):
                self._run_one_compiled(<CompiledStrategy> self.strategy)
            else:
                self._run_python()
            # Of the last one orders can still be made, decided on its bars: before on_end and in it.
            if self._is_last_chunk():
                return 0
            if not isinstance(self.following, MarketData):
                raise TypeError(
                    f"a chunk must be MarketData, was {type(self.following).__name__}"
                )
            if on_chunk is not None:
                on_chunk(self.data)
            self._enter(<MarketData> self.following)
            self.following = None

    cdef int _enter(self, MarketData data) except -1:
        if data.assets == self.data.assets and (  # of other assets the cursor tells
            tuple(data.features) != tuple(self.data.features) or tuple(data.context) != tuple(self.data.context)
        ):
            raise ValueError("a chunk must have the columns of the first one, in the same order")
        self.account.own_marks()
        self.cursor.enter(data)
        # Timestamps before its first one are done; so records() says, whatever fails from here on.
        self.n_done = data.first_t
        self.risk_manager.enter(data)
        self.strategy.data = data
        self.data = data
        self.callbacks.event = None
        self._enter_columns()

    cdef int _enter_columns(self) except -1:
        self.is_single = self.data.n_assets == 1 and self.data.n_rows == self.data.n_times
        self.curve.enter(self.data, self.is_single, self.cursor.t_before, self.n_times)
        self.n_chunks += 1
        self.n_done = self.data.first_t
        if self.is_single:
            self.curve.hold(self.n_done, self.account.cash, self.positions.at[0].quantity)
        self.next_tick = 0
        self.end_of_quiet = 0

    cdef int _run_one_compiled(self, CompiledStrategy strategy) except -1:
        strategy.prepare()
        with nogil:
            self._run_compiled(strategy)

    # Asked at the last timestamp of a chunk, not before: a run begins when its first chunk is there.
    cdef int _is_last_chunk(self) except -1 with gil:
        if self.following is None:
            self.following = next(self.chunks, None)
        return self.following is None

    cdef int _is_at_end(self) except -1 nogil:
        return self.cursor.t == self.data.n_times - 1 and self._is_last_chunk()

    # ---- the loop ----------------------------------------------------------------------------

    cdef int _run_compiled(self, CompiledStrategy strategy) except -1 nogil:
        cdef int64_t until
        while self.n_done < self.data.n_times:
            if self._may_be_quiet():
                until = strategy.next_row(self.n_done, self.end_of_quiet)
                if CHECKED and not self.n_done <= until <= self.end_of_quiet:
                    return _wrong_row(self.n_done, self.end_of_quiet, until)
                self._fetch_ahead(until)
                self._fetch_ahead(strategy.row_after(until, self.end_of_quiet))
                if self.positions.n_open == 0:
                    self._fetch_walk(until)
                self._walk_quietly(until)
                if self.n_done == self.data.n_times:
                    return 0
            self._before_strategy()
            strategy.on_timestamp()
            self._after_strategy()
        return 0

    cdef int _run_python(self) except -1:
        while self.n_done < self.data.n_times:
            if self._may_be_quiet() and self._tell_quietly():
                continue
            self._before_strategy()
            if self.callbacks.on_bar is not None and not self.is_single:
                self._fetch_next_rows()
            self.callbacks.tell(NULL)
            self._after_strategy()
        return 0

    # ---- strategies that are called at some timestamps only ----------------------------------

    cdef int _run_at_call_times(self) except -1:
        cdef CompiledStrategy compiled = None
        if isinstance(self.strategy, CompiledStrategy):
            compiled = self.strategy
            compiled.prepare()
        self.call_times.enter(self.data, self.cursor.t_before - self.curve._begin)
        with nogil:
            self._walk_between_calls(compiled)

    # ``compiled``: the strategy; None of one in Python, which is told what happened all the same.
    cdef int _walk_between_calls(self, CompiledStrategy compiled) except -1 nogil:
        while self.n_done < self.data.n_times:
            if self._may_be_quiet() and not (compiled is None and self.callbacks.has_news()):
                self._walk_quietly(
                    self.call_times.next_due(self.n_done, self.end_of_quiet, self.positions.n_open)
                )
                if self.n_done == self.data.n_times:
                    return 0
            self._before_strategy()
            if self._is_due():
                self._call(compiled)
            elif compiled is None and self.callbacks.has_news():
                self._tell_news()
            self._after_strategy()
        return 0

    cdef int _call(self, CompiledStrategy compiled) except -1 nogil:
        if compiled is not None:
            return compiled.on_timestamp()
        with gil:
            return self.callbacks.tell(self.call_times.rows)

    cdef int _tell_news(self) except -1 with gil:
        return self.callbacks.tell_news()

    cdef int _is_due(self) except -1 nogil:
        cdef char due = self.call_times.due[self.cursor.t]
        if due == NOT_DUE or self.call_times.is_full(self.positions.n_open):
            return 0
        return self._period_ends() if due == DUE_IF_PERIOD_ENDS else 1

    # At the last timestamp of a chunk; after that of the data nothing follows, and no period is known to end.
    cdef int _period_ends(self) except -1 with gil:
        if self._is_last_chunk() or not isinstance(self.following, MarketData):
            return 0
        return self.call_times.ends_before(<MarketData> self.following)

    # The seven steps of a timestamp. The strategy, step 6, is told between the two halves.
    cdef inline int _before_strategy(self) except -1 nogil:
        cdef double recorded
        if self.is_single:  # its next row is the one behind: nothing is looked up
            self.cursor.arrive(self.cursor.t + 1)
        else:
            self.cursor.advance()
        # 1. Corporate actions effective since the previous timestamp; orders whose time is over expire.
        if self.cursor.next_action < self.data.n_actions:
            apply_actions(self.broker)
        if self.book.expiries.are_due():
            self.book.expire()
        # 2. The open: orders accepted earlier fill; the rules are told of every fill at once.
        if self.book.queues.n_due > 0:
            self.matching.fill_market_orders(PHASE_OPEN)
        # 3. Inside the bar: armed levels and orders that wait for a price are tried.
        self.inside_bar.try_bars()
        # 4. The close: positions take the bar in, rules decide, levels for the next bar are armed.
        self.account.mark_close(self.cursor)
        if self.book.trailing.waiting.n > 0:
            self.book.trailing.move()
        if self.positions.n_open > 0:
            self.risk_manager.close_bars()
        if self.book.queues.n_due > 0:
            self.matching.fill_market_orders(PHASE_CLOSE)
            if self.broker.settings.exit_at_close:
                self.matching.fill_market_orders(PHASE_CLOSE_EXITS)
        # 5. The mark, which the limits of the portfolio see.
        recorded = self.account.marked_equity
        self._value()
        if self.account.marked_equity > 0.0:
            self.is_under_water = False
        else:
            self._go_under_water()
        if self.risk_manager.limits.n_at_marks > 0:
            return self.risk_manager.limits.try_at_mark(recorded)
        return 0

    cdef inline int _after_strategy(self) except -1 nogil:
        # 6. The strategy was told; what fills at this close fills now.
        if self.fills_at_close:
            self._fill_at_close()
        # 7. The record.
        if self.holdings.n_moved > 0:
            self.holdings.record(self.positions.at, self.cursor.run_t())
        if self.is_debug:
            self._check_identity()
        self.n_done = self.cursor.t + 1
        if self.cursor.last >= self.next_tick:
            return self._tick()
        return 0

    cdef int _fill_at_close(self) except -1 nogil:
        cdef int64_t filled = self.broker.fills.buffer.count
        if self.broker.settings.fill_at == FILL_CLOSE:
            self.matching.fill_market_orders(PHASE_AFTER_STRATEGY)
            if self.risk_manager.limits.n_at_marks > 0 and self.broker.fills.buffer.count > filled:
                self._value()
                self.risk_manager.limits.try_after_fills()
        if self.broker.settings.close_at_end and self._is_at_end():
            self.matching.close_all(REASON_END_OF_DATA)
        self._value()
        self.risk_manager.limits.carried = self.account._gross
        return 0

    # What the account is worth at the marks of the moment, as section 10 sums it.
    cdef inline int _value(self) except -1 nogil:
        self.account.make_sums_whole()
        self.account.marked_equity = self.account.cash + self.account._net
        if self.is_single:
            return self.curve.hold(
                self.cursor.t, self.account.cash, self.positions.at[0].quantity
            )
        write_point(
            &self.curve.columns, self.cursor.t, self.account.cash, self.account._net,
            self.account._gross,
        )
        return 0

    # Equity is not positive: an event, once per fall.
    cdef int _go_under_water(self) except -1 nogil:
        if not self.is_under_water:
            self.broker.events.add(
                EVENT_NEGATIVE_EQUITY, REASON_NEGATIVE_EQUITY, -1, 0, self.account.marked_equity, NAN
            )
        self.is_under_water = True
        return 0

    # ---- quiet stretches of a single asset ---------------------------------------------------

    # The quiet bars from n_done on and before ``until``, of which a compiled strategy wants none.
    cdef void _walk_quietly(self, int64_t until) noexcept nogil:
        cdef int64_t t = self.n_done
        cdef int64_t t_before = self.cursor.t_before
        cdef QuietBars bars = self._quiet_bars()
        cdef double cash = self.account.cash
        cdef Position* position = self.positions.at
        cdef const Settings* settings = &self.broker.settings
        if self.book.queues.n_resting > 0:
            until = self._before_touch(until)
        if position.quantity != 0.0:
            t = take_quiet_bars(&bars, position, settings, cash, t, until, t_before)
        elif cash > 0.0:
            t = until
        if t > self.n_done:
            self._arrive(t - 1)
            self.n_done = t

    # The same for a strategy in Python, which is told each of them. Returns whether there was one.
    cdef int _tell_quietly(self) except -1:
        cdef int64_t first = self.n_done
        cdef int64_t t = first
        cdef int64_t t_before = self.cursor.t_before
        cdef QuietBars bars = self._quiet_bars()
        cdef Position* position = self.positions.at
        cdef const Settings* settings = &self.broker.settings
        cdef Cursor cursor = self.cursor
        cdef Account account = self.account
        cdef Callbacks callbacks = self.callbacks
        while (
            t < self.end_of_quiet and self.book.queues.n_due == 0 and not self.book.may_change()
            and not self.book.resting.may_touch(0, bars.high[t], bars.low[t])
            and take_quiet_bar(&bars, position, settings, account.cash, t, t_before + t)
        ):
            cursor.arrive(t)
            account.arrive(bars.close[t])
            self.is_under_water = False
            callbacks.tell(NULL)
            if self.fills_at_close:
                self._after_strategy()
            t += 1
            self.n_done = t
        # A stretch ends at the latest where the next look is due.
        if t > first and cursor.last >= self.next_tick:
            self._tick()
        return t > first

    cdef inline QuietBars _quiet_bars(self) noexcept nogil:
        cdef QuietBars bars
        bars.high = self.data.high_
        bars.low = self.data.low_
        bars.close = self.data.close_
        return bars

    # The bar at n_done may be quiet: one asset, no order waits, nothing to decide, nothing else is due.
    cdef inline bint _may_be_quiet(self) noexcept nogil:
        if not self.is_single or self.book.queues.n_due > 0 or has_to_decide(self.positions.at) or (
            self.book.may_change() or self.risk_manager.limits.n_at_marks > 0
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

    # The first row from n_done on, and before ``until``, that reaches what an order waits for.
    cdef int64_t _before_touch(self, int64_t until) noexcept nogil:
        cdef int64_t t = self.n_done
        while t < until and not self.book.resting.may_touch(
            0, self.data.high_[t], self.data.low_[t]
        ):
            t += 1
        return t

    # What only the seven steps read is far away in memory. It is asked for one stop ahead, while the steps of this one
    # are done: the bar, with that before it, where the walk ends, and that after it, where what is decided fills.
    cdef inline void _fetch_ahead(self, int64_t row) noexcept nogil:
        cdef int64_t near
        for near in range(row - 1, row + 2, 2):
            prefetch(&self.data.time[near])
            prefetch(&self.data.open_[near])
            prefetch(&self.data.close_[near])
        prefetch(&self.data.asset[row])
        prefetch(&self.data.high_[row + 1])
        prefetch(&self.data.low_[row + 1])

    # The rows of the next timestamp, where all have as many: they come while a strategy in Python is told of each of these.
    cdef inline void _fetch_next_rows(self) noexcept nogil:
        cdef int64_t row
        for row in range(self.cursor.last, 2 * self.cursor.last - self.cursor.first, 8):
            prefetch(&self.data.asset[row])
            prefetch(&self.data.open_[row])
            prefetch(&self.data.high_[row])
            prefetch(&self.data.low_[row])
            prefetch(&self.data.close_[row])

    # The bars that what is entered at this row will be held over.
    cdef inline void _fetch_walk(self, int64_t row) noexcept nogil:
        cdef int64_t ahead
        for ahead in range(8, WALKED, 8):
            prefetch(&self.data.high_[row + ahead])
            prefetch(&self.data.low_[row + ahead])

    # Stand at t as if the steps had led there.
    cdef inline void _arrive(self, int64_t t) noexcept nogil:
        self.cursor.arrive(t)
        self.account.arrive(self.data.close_[t])
        self.is_under_water = False

    # ---- now and then ------------------------------------------------------------------------

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
        cdef double gained = self.account.marked_equity - self.account.initial_cash
        cdef double scale = (
            fabs(self.account.initial_cash) + fabs(self.account._gross) + fabs(made)
        )
        if fabs(made - gained) > 1e-9 * scale:
            return _identity_broken(made, gained)
        return 0


cdef int _wrong_row(int64_t row, int64_t end, int64_t answer) except -1 with gil:
    raise AssertionError(f"next_row({row}, {end}) must lie from {row} to {end}, was {answer}")


cdef int _identity_broken(double made, double gained) except -1 with gil:
    raise AssertionError(f"trades and positions made {made}, but equity gained {gained}")
