"""Broker: the order book, the fills and the matching of one run, and what they recorded."""

cimport cython
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.reasons cimport Reasons
from ml4t.backtest.core.settings cimport resolve_settings
from ml4t.backtest.execution.costs cimport Costs
from ml4t.backtest.execution.event_log cimport EventLog
from ml4t.backtest.execution.fills cimport Fills
from ml4t.backtest.execution.fine_bars cimport FineBars
from ml4t.backtest.execution.inside_bar cimport InsideBar
from ml4t.backtest.execution.matching cimport Matching
from ml4t.backtest.execution.order_book cimport OrderBook
from ml4t.backtest.execution.participation cimport Participation
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.portfolio.portfolio cimport Portfolio

from functools import partial

from ml4t.backtest.core.records import EVENT


@cython.final
cdef class Broker:
    """Orders, fills and events of one run.

    Parameters
    ----------
    cursor : Cursor
    portfolio : Portfolio
    config : BacktestConfig
    fine : MarketData, optional
        Finer bars, of all assets or some.
    """

    def __cinit__(
        self, Cursor cursor not None, Portfolio portfolio not None, config, MarketData fine=None
    ):
        if portfolio.assets != cursor.data.assets:
            raise ValueError("the portfolio must have the assets of the market data, in their order")
        self.cursor = cursor
        if config.calendar is not None and cursor.sessions is None:
            cursor.begin_sessions(config.calendar)
        self.portfolio = portfolio
        self.thread = portfolio.thread
        self.settings = resolve_settings(config)
        self.reasons = Reasons()
        self.rule_names = []
        self.events = EventLog(cursor)
        self.book = OrderBook(cursor, portfolio, self.events, config)
        self.participation = Participation(cursor, self.events, config)
        self.fills = Fills(
            self.book, self.participation, Costs(cursor, self.book.terms, config)
        )
        self.matching = Matching(self.fills)
        self.inside_bar = InsideBar(
            self.matching, None if fine is None else FineBars(fine, portfolio.assets)
        )
        portfolio.account.cursor = cursor
        # Entries of a margin account look at the exposure while others fill.
        portfolio.account.is_watched = self.settings.margin_account
        self.takes_orders = True

    @property
    def n_waiting_orders(self):
        """Orders accepted and not yet filled, cancelled or rejected."""
        return self.book.queues.n_due + self.book.queues.n_resting

    def makers(self):
        """Return functions that make orders, their terms, fills and events so far, structured arrays, by name.

        They keep what they make them of, and nothing else of the run.
        """
        self.thread.check()
        return {
            **self.book.makers(),
            **self.fills.makers(),
            "events": partial(self.events.buffer.to_array, EVENT),
        }

    def records(self):
        """Return what :meth:`makers` make."""
        return {name: make() for name, make in self.makers().items()}

    def counts(self):
        """Return the counters of ambiguous bars, of invariants and of targets left alone, by name."""
        return {
            "ambiguous_bars": self.fills.counters.ambiguous_bars,
            "bars_opened": self.fills.counters.bars_opened,
            "no_fine_bars": self.fills.counters.no_fine_bars,
            "fine_bars_differ": self.fills.counters.fine_bars_differ,
            "price_outside_bar": self.fills.counters.price_outside_bar,
            "stop_better_than_possible": self.fills.counters.stop_better_than_possible,
            "fill_not_later_than_decision": self.fills.counters.fill_not_later_than_decision,
            "fills_without_quotes": self.fills.counters.fills_without_quotes,
            "fills_without_volume": self.fills.counters.fills_without_volume,
            "least_left": self.fills.counters.least_left,
            "targets_left_alone": self.book.n_left_alone,
            "capped_without_volume": self.participation.n_without_volume,
            "closed_beyond_participation": self.participation.n_closed_beyond,
            "outside_sessions": 0 if self.cursor.sessions is None else self.cursor.sessions.n_outside,
        }

    # None for -1, which is no rule.
    cdef object rule_name(self, int32_t rule):
        return self.rule_names[rule] if 0 <= rule < len(self.rule_names) else None

    # A rule is asked in the middle of a step: what would begin another waits until it has answered.
    cdef int check_not_asking(self, str what) except -1:
        self.check_no_costs_asked()
        if self.is_asking:
            raise RuntimeError(f"{what} is not for a rule that is asked: it answers with a RiskDecision")
        return 0

    # So is a model of costs, in the middle of a fill: an order that is cancelled there would fill all the same.
    cdef int check_no_costs_asked(self) except -1:
        if self.fills.costs.is_asking:
            raise RuntimeError(
                "a model of costs makes, changes and cancels nothing: it answers with a number"
            )
        return 0

    # An order comes from a callback of the strategy; while orders fill, nobody makes new ones.
    cdef int check_takes_orders(self) except -1:
        self.thread.check()
        self.check_no_costs_asked()
        if self.is_asking:
            raise RuntimeError("a rule makes no orders: it answers with a RiskDecision")
        if not self.takes_orders:
            raise RuntimeError(
                "orders are made in the strategy's callbacks: on_start, on_fill, on_order, "
                "on_market_data, on_timestamp_batch, on_end"
            )
        return 0
