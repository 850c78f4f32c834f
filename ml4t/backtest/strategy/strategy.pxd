from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.types cimport REASON_CLOSE, REASON_ORDER, TermsRecord
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.execution.basket cimport IN_BASKET
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.execution.order_book cimport OrderBook
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.portfolio cimport Portfolio
from ml4t.backtest.risk.manager cimport RiskManager
from ml4t.backtest.strategy.placing cimport place


cdef class Strategy:
    cdef readonly MarketData data
    """The market data of the run; None outside of one."""
    cdef readonly Broker broker
    """The broker of the run."""
    cdef readonly Portfolio portfolio
    """The portfolio of the run."""
    cdef readonly RiskManager risk
    """The risk manager of the run: ``self.risk.add_rule(...)``."""
    cdef Cursor cursor
    cdef OrderBook book              # of the broker
    cdef Account account             # of the portfolio
    cdef dict codes
    cdef object kept                 # what the last run left in its attributes; None before the first

    cdef int enter_run(self, Broker broker, RiskManager risk) except -1
    cdef int begin(self) except -1
    cdef int leave_run(self) except -1
    cdef int32_t code_of(self, object asset) except -1
    cdef int32_t _code(self, object asset) except -1
    cdef int check_may_order(self) except -1
    cdef int _check_running(self) except -1
    cdef int _check_in_run(self) except -1
    # ``terms``: NULL of a market order of units that waits until it is cancelled.
    cdef int64_t order_units(
        self, int32_t asset, double units, int32_t reason, bint reduce_only, const TermsRecord* terms
    ) except -1 nogil
    # A signal's entry: paid together with the others of this timestamp. It may reverse a position.
    cdef inline int64_t order_entry(self, int32_t asset, double units, const TermsRecord* terms) except -1 nogil:
        cdef int64_t order_id = place(self.broker, self.risk, asset, units, REASON_ORDER, False, terms)
        self.book.order(order_id).part = IN_BASKET
        return order_id

    # A reduce-only order of the whole position; 0 when there is none.
    cdef inline int64_t order_close(self, int32_t asset, const TermsRecord* terms) except -1 nogil:
        cdef double held = self.portfolio.positions.at[asset].quantity
        if held == 0.0:
            return 0
        return place(self.broker, self.risk, asset, -held, REASON_CLOSE, True, terms)

    cdef int64_t target_units(self, int32_t asset, double units) except -1 nogil
    cdef int64_t _change_to(self, int32_t asset, double units) except -1 nogil
    cdef double _target_of(self, double units) noexcept nogil
    cdef int64_t _target(self, int32_t asset, double target, double change) except -1 nogil
    cdef bint _is_left_alone(self, int32_t asset, double target, double change) noexcept nogil
    cdef int64_t target_weight(self, int32_t asset, double weight) except -1 nogil
    cdef int64_t target_checked_weight(self, int32_t asset, double weight) except -1 nogil
    cdef int check_weight_of(self, int32_t asset, double weight) except -1 nogil
    cdef int target_weights(self, const double* weight) except -1 nogil
    cdef int64_t target_value(self, int32_t asset, double value) except -1 nogil
    cdef int check_may_size(self, int32_t asset, double amount) except -1 nogil
    cdef double units_of_weight(self, int32_t asset, double weight) noexcept nogil
    cdef int check_weight(self, double weight) except -1 nogil
    cdef int32_t cannot_size(self, int32_t asset, bint needs_equity) noexcept nogil
    cdef object _made(self, int64_t order_id)
    cdef object _weight_array(self, object weights, bint keep_others)
    cdef object _order(
        self, object asset, double direction, object quantity, object value, object percent, object risk,
        object size_at, object limit, object stop, object trail, object trail_percent, object fill_at, object valid,
        object valid_until, object stop_loss, object take_profit, object oco
    )
    cdef int64_t _named(self, object oco) except -1
    cdef int64_t _order_money(
        self, int32_t asset, double direction, object value, object percent, bint at_fill,
        TermsRecord* terms
    ) except -1
    cdef int64_t _order_risk(self, int32_t asset, double direction, double risk, TermsRecord* terms) except -1


cdef class CompiledStrategy(Strategy):
    cdef int on_timestamp(self) except -1 nogil
    cdef int prepare(self) except -1
    cdef int64_t next_row(self, int64_t row, int64_t end) noexcept nogil
    cdef int64_t row_after(self, int64_t row, int64_t end) noexcept nogil
