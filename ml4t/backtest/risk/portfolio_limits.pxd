cimport cython
from libc.math cimport fabs, isnan
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.reasons cimport Reasons
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.execution.queues cimport OrderQueues
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.session_ends cimport SessionEnds
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.positions cimport Positions
from ml4t.backtest.risk.contexts cimport Contexts
from ml4t.backtest.risk.packed_limit cimport Limit
from ml4t.backtest.risk.portfolio_context cimport PortfolioContext
from ml4t.backtest.risk.portfolio_history cimport PortfolioHistory
from ml4t.backtest.risk.projection cimport Projection
from ml4t.backtest.risk.ranked_room cimport RankedRoom


cdef enum:
    TAKES_NO_PLACE = -1          # base: refused for another reason, nobody makes room for it


# The limit that has cut an order; rule -1: none has.
cdef struct Cut:
    int32_t rule
    int32_t reason
    bint only_reduces            # what passes, whatever becomes of its position


cdef inline Cut no_cut() noexcept nogil:
    cdef Cut cut
    cut.rule = -1
    cut.reason = 0
    cut.only_reduces = False
    return cut


# An order before a limit: its side, and how many units lie where.
cdef struct Asked:
    int32_t asset
    bint buys
    double reducing              # units that only reduce,
    double more                  # those beyond them, as far as limits have left them
    double wanted                # both, as they were asked
    double start                 # what its side has when these begin
    double size                  # of the mark


cdef struct Measured:
    int32_t asset                # -1: the account
    double value
    double bound
    bint is_breached


@cython.final
cdef class PortfolioLimits:
    cdef int32_t n                   # limits in force
    cdef int32_t n_at_marks          # those that see marks
    cdef int32_t n_halting
    cdef int32_t n_blocking          # those that let nothing pass
    cdef int32_t n_measuring         # those that need a mark
    cdef Broker broker
    cdef Cursor cursor
    cdef Account account
    cdef Positions positions
    cdef Reasons reasons
    cdef RecordBuffer fills
    cdef OrderQueues queues
    cdef Projection projection       # None until an order comes near a limit
    cdef Limit* _limits              # by priority, then as added
    cdef PortfolioHistory _history   # None where no limit in force measures by it
    cdef int32_t _n_remembering      # limits that do
    cdef double carried              # gross exposure of the last record
    cdef RankedRoom room
    cdef Contexts contexts           # what limits in Python see of columns
    cdef list _python                # (evaluate, label) of these
    cdef double _peak                # of the equities at the marks
    cdef int32_t _n_ranking          # limits by which orders make room
    cdef double _day_base            # R of section 7
    cdef int64_t _session_end        # of the last mark
    cdef SessionEnds _session_ends   # None until a limit knows sessions
    cdef int32_t n_of_sessions       # limits that know sessions
    cdef bint _has_bounds            # what follows bounds what is projected, at
    cdef int64_t _bounds_t           # this timestamp of the run,
    cdef int64_t _bounds_fills       # after so many fills,
    cdef double _bounds_equity       # with this equity
    cdef double _most_value
    cdef int32_t _most_positions
    cdef bint _is_one_for_all        # each limit, so that the tightest bounds are these:
    cdef double _value_bound
    cdef double _weight_bound
    cdef double _count_bound
    cdef double* _group_held         # by group, at a mark
    cdef int32_t _n_groups

    # An order so far from every limit that none needs to be asked: most are. Where it may be near one nothing has
    # changed, and admit() is to be asked.
    cdef inline bint lets_pass(self, int32_t asset, double wanted) noexcept nogil:
        cdef double size = self.account.size_of(asset)
        if self._n_remembering > 0 or self.n_halting > 0 or not self._is_one_for_all or not (
            self._knows_bounds() and self._is_bounded(asset) and self._is_far_from_all(asset, wanted, size)
        ):
            return False
        self._count(wanted, size)
        return True

    # The bounds are of now: nothing has filled since, and no mark has moved.
    cdef inline bint _knows_bounds(self) noexcept nogil:
        return (
            self._bounds_t == self.cursor.run_t() and self._bounds_fills == self.fills.count
            and self._bounds_equity == self.account.marked_equity
        )

    # What is held bounds what this order makes of it, and it can be measured.
    cdef inline bint _is_bounded(self, int32_t asset) noexcept nogil:
        return self._has_bounds and self.n_blocking == 0 and self.queues.n_waiting_of(asset) == 0 and (
            self.n_measuring == 0 or not isnan(self.account.mark[asset])
        )

    # Far enough from the tightest bounds, where all limits are one for all assets.
    cdef inline bint _is_far_from_all(self, int32_t asset, double wanted, double size) noexcept nogil:
        return (
            self._most(wanted, size) <= self._value_bound
            and self._most_of(asset, wanted, size) <= self._weight_bound
            and self._most_positions < self._count_bound
        )

    # At most so much is held with this order, of all assets and of its own, and a little for what rounding moves.
    cdef inline double _most(self, double wanted, double size) noexcept nogil:
        return (1.0 + 1e-9) * (self._most_value + wanted * size)

    cdef inline double _most_of(self, int32_t asset, double wanted, double size) noexcept nogil:
        return (1.0 + 1e-9) * (fabs(self.positions.at[asset].quantity) + wanted) * size

    # An order adds at most its own units.
    cdef inline void _count(self, double wanted, double size) noexcept nogil:
        self._most_value += wanted * size
        self._most_positions += 1

    cdef int add(
        self, object spec, int32_t rule, int32_t priority, object assets, str label
    ) except -1
    cdef int _narrow(self, Limit* limit, object spec, object assets) except -1
    cdef int remove(self, int32_t rule) except -1
    cdef int32_t admit(self, int32_t asset, double* units, double base, Cut* cut) except -1 nogil
    cdef int try_at_mark(self, double recorded) except -1 nogil
    cdef int try_after_fills(self) except -1 nogil
    cdef int32_t _admit(self, int32_t asset, double* units, double base, Cut* cut) except -1 nogil
    cdef bint _certainly_fits(self, int32_t asset, double wanted, double size) noexcept nogil
    cdef void _begin_bounds(self) noexcept nogil
    cdef void _bound_all(self) noexcept nogil
    cdef bint _lets_nothing_pass(self, const Limit* limit) noexcept nogil
    cdef int _ask_in_turn(self, Asked* asked, Cut* cut) except -1 nogil
    cdef void _cut(self, const Limit* limit, Asked* asked, double given, Cut* cut) noexcept nogil
    cdef int _warn(self, const Limit* limit, const Asked* asked, double given) except -1 nogil
    cdef bint _forbids_shorts(self, int32_t asset) noexcept nogil
    cdef bint _takes_a_place(self, const Asked* asked, double base) noexcept nogil
    cdef int _make_room(self, Asked* asked, Cut* cut) except -1 nogil
    cdef int32_t _lowest_below(self, const Limit* limit, int32_t asset) except -2 nogil
    cdef int _refresh(self) except -1 nogil
    cdef bint _fits(self, const Limit* limit, const Asked* asked) noexcept nogil
    cdef int _fit_in_python(self, const Limit* limit, const Asked* asked, double* given) except -1 with gil
    cdef int _at_mark_in_python(self, const Limit* limit, Measured* measured) except -1 with gil
    cdef object _ask_python(self, const Limit* limit, PortfolioContext context)
    cdef PortfolioContext _context(self)
    cdef int _remember(self, Limit* limit, object spec) except -1
    cdef double _traded(self, const Limit* limit) noexcept nogil
    cdef int _measure_risks(self) except -1 nogil
    cdef void _release(self, Limit* limit) noexcept nogil
    cdef double _measure(self, const Limit* limit, const Asked* asked, double more) noexcept nogil
    cdef double _fitting(self, const Limit* limit, const Asked* asked) noexcept nogil
    cdef double _bound(self, const Limit* limit, int32_t asset) noexcept nogil
    cdef int _try_limit(self, Limit* limit) except -1 nogil
    cdef int _try_breach(self, Limit* limit) except -1 nogil
    cdef int _resume(self, Limit* limit) except -1 nogil
    cdef bint _halt_is_over(self, const Limit* limit) noexcept nogil
    cdef int _breach(self, Limit* limit, const Measured* measured) except -1 nogil
    cdef Measured _at_mark(self, const Limit* limit) noexcept nogil
    cdef Measured _heaviest_first(self, const Limit* limit) noexcept nogil
    cdef double _held_of(self, const Limit* limit, int32_t asset) noexcept nogil
    cdef int _begin_session(self, double recorded) except -1 nogil
    cdef int _begin_projection(self) except -1 with gil
    cdef int _cancel_what_adds_risk(self, const Limit* limit) except -1 with gil
    cdef int _flatten(self) except -1 nogil
    cdef void _sum_groups(self, const Limit* limit) noexcept nogil
    cdef const Limit* _flattening(self) noexcept nogil
    cdef double* _numbers_of(self, object values) except NULL
    cdef int _reserve_groups(self, int32_t n) except -1
