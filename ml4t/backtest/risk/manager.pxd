cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport FillRecord
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.execution.listener cimport FillListener
from ml4t.backtest.portfolio.portfolio cimport Portfolio
from ml4t.backtest.portfolio.position cimport Position, close_bar, touches
from ml4t.backtest.risk.context cimport RiskContext
from ml4t.backtest.risk.plan cimport RulePlan, Verdict
from ml4t.backtest.risk.questions cimport Questions


# One rule as added: its label in the results, its assets, its slots in the plan.
@cython.final
cdef class _Entry:
    cdef object rule
    cdef str label
    cdef object assets               # list of names, or None for all
    cdef list slots
    cdef int32_t number
    cdef bint is_active


@cython.final
cdef class RiskManager(FillListener):
    cdef readonly object feature_provider
    """Where ``context.features`` come from; None: the columns of the market data."""
    cdef readonly bint lower
    """False runs every rule through its ``evaluate``."""
    cdef readonly int64_t contexts_built
    """Contexts built in the run."""
    cdef readonly int64_t evaluations
    """Calls of rules' ``evaluate`` in the run."""
    cdef Broker broker
    cdef Portfolio portfolio
    cdef Cursor cursor
    cdef RulePlan plan
    cdef Questions questions         # the compiled rules
    cdef object columns              # of the feature provider, as RunColumns; None: it has none
    cdef MarketData given            # the bars with its columns alone; None: it has none
    cdef object provider             # the one without columns, asked once for an asset and time
    cdef list entries                # every rule ever added, removed ones too
    cdef list asked                  # (slot, evaluate, entry) of the rules asked in Python
    cdef list validators             # entries whose rule overrides validate_order
    cdef int32_t n_asked
    cdef int32_t n_validators
    cdef list reasons                # code -> text
    cdef dict reason_codes


    # Step 3: try the armed levels of every position, in asset order, against its bar.
    cdef inline int try_levels(self) except -1 nogil:
        cdef int32_t i = 0
        cdef int32_t n = self.portfolio.n_open
        cdef int64_t row
        cdef int64_t first = self.cursor.first
        cdef Position* position
        cdef Position* positions = self.portfolio.position
        cdef const int32_t* open_asset = self.portfolio.open_asset
        cdef const int64_t* row_of = self.cursor.row
        cdef const double* high = self.cursor.data.high_
        cdef const double* low = self.cursor.data.low_
        while i < n:
            position = &positions[open_asset[i]]
            row = row_of[open_asset[i]]
            i += 1
            if row >= first and touches(position, high[row], low[row]):
                self._hit(position, row)
                # An exit has taken the position out of the list: the next one stands in its place.
                i -= n - self.portfolio.n_open
                n = self.portfolio.n_open
        return 0

    # Step 4: every position takes its bar in; rules decide and arm where there is something to do.
    cdef inline int close_bars(self) except -1 nogil:
        cdef int32_t i
        cdef int64_t t = self.cursor.run_t()
        cdef int64_t row
        cdef int64_t first = self.cursor.first
        cdef Position* position
        cdef Position* positions = self.portfolio.position
        cdef const Settings* settings = &self.broker.settings
        cdef const int32_t* open_asset = self.portfolio.open_asset
        cdef const int64_t* row_of = self.cursor.row
        cdef const double* high = self.cursor.data.high_
        cdef const double* low = self.cursor.data.low_
        cdef const double* close = self.cursor.data.close_
        for i in range(self.portfolio.n_open):
            position = &positions[open_asset[i]]
            row = row_of[open_asset[i]]
            if row >= first and close_bar(position, settings, t, high[row], low[row], close[row]):
                self._decide(position)
        return 0

    cdef inline int close_bar_of(self, Position* position, int64_t row) except -1 nogil:
        if close_bar(
            position, &self.broker.settings, self.cursor.run_t(), self.cursor.data.high_[row],
            self.cursor.data.low_[row], self.cursor.data.close_[row],
        ):
            return self._decide(position)
        return 0

    cdef int enter(self, MarketData data) except -1
    cdef int validate(self, int32_t asset, double* quantity, bint reduce_only) except -1
    cdef int _hit(self, Position* position, int64_t row) except -1 nogil
    cdef int _exit_stop(
        self, Position* position, double price, int8_t moment, int8_t intrabar
    ) except -1 nogil
    cdef int _exit_target(
        self, Position* position, double price, int8_t moment, int8_t intrabar
    ) except -1 nogil
    cdef int _decide(self, Position* position) except -1 nogil
    cdef int _arm_opening(self, Position* position, bint is_add, bint at_open) except -1 nogil
    cdef void _count_exit(self, const FillRecord* fill) noexcept nogil
    cdef int _warn_missing(self, const Position* position) except -1 nogil
    cdef int _ask(
        self, Position* position, bint opening, bint sees_bar, Verdict* verdict
    ) except -1 with gil
    cdef int _apply(
        self, const Position* position, _Entry entry, int32_t slot, object decision,
        RiskContext context, Verdict* verdict
    ) except -1
    cdef RiskContext _context(self, const Position* position, bint opening, bint sees_bar)
    cdef int32_t _reason(self, str text) except -1
