"""PortfolioLimits: the limits of the whole portfolio, asked for every order and tried at every mark.

Section 7 of ``docs/semantics.md``.
"""

cimport cython
from libc.math cimport INFINITY, NAN, fabs, isnan
from libc.stdint cimport INT64_MIN, int32_t, int64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memmove

from ml4t.backtest.core.reasons cimport Reasons
from ml4t.backtest.core.settings cimport FILL_CLOSE, FILL_NEXT_OPEN
from ml4t.backtest.core.types cimport (
    EVENT_HALTED, EVENT_LIMIT_BREACHED, EVENT_RESUMED, EXIT_RISK, REASON_NO_PRICE, SOURCE_STRATEGY, EventRecord,
    OrderRecord,
)
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.execution.costs cimport whole_units
from ml4t.backtest.execution.views cimport Order
from ml4t.backtest.market.session_ends cimport SessionEnds
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.risk.contexts cimport Contexts
from ml4t.backtest.risk.packed_limit cimport (
    CVAR, DAILY_LOSS, DRAWDOWN, FLATTEN, GROSS, GROUP, HALT, NET, NEXT_SESSION, ONE_SIDE, POSITIONS, PYTHON, REJECT,
    RESTRICTED, SCALE, TURNOVER, VOLATILITY, WARN, WEIGHT, Limit, PackedLimit, holds_gross, knows_sessions,
    remembers,
)
from ml4t.backtest.risk.portfolio_context cimport PortfolioContext, new_portfolio_context
from ml4t.backtest.risk.portfolio_history cimport PortfolioHistory
from ml4t.backtest.risk.projection cimport Projection
from ml4t.backtest.risk.ranked_room cimport RankedRoom, free_ranking
from ml4t.backtest.risk.realised_risk cimport RiskKind, free_risk, measure_risk, new_risk

import pandas as pd

from ml4t.backtest.risk.limits.portfolio_rule import LimitBreach
from ml4t.backtest.risk.rule import InvalidRuleError, RuleError

# What is so small a part of a limit is within it; of an order, nothing.
cdef double TOLERANCE = 1e-9
# Of what is summed, more than sums that are moved by differences lose.
cdef double LOST = 1e-11
cdef double NOTHING = 1e-12


@cython.final
cdef class PortfolioLimits:
    """Those of one run.

    Parameters
    ----------
    broker : Broker
    reasons : Reasons
    contexts : Contexts
        Columns that rank orders, and that limits in Python see.
    """

    def __cinit__(self, Broker broker not None, Reasons reasons not None, Contexts contexts not None):
        self.broker = broker
        self.cursor = broker.cursor
        self.account = broker.portfolio.account
        self.positions = broker.portfolio.positions
        self.fills = broker.fills.buffer
        self.queues = broker.book.queues
        self.reasons = reasons
        self.contexts = contexts
        self.room = RankedRoom(broker, contexts.inputs)
        self._python = []
        self._peak = self.account.initial_cash
        self._day_base = self.account.initial_cash
        self._session_end = INT64_MIN
        self._bounds_t = INT64_MIN

    def __dealloc__(self):
        cdef int32_t i
        for i in range(self.n):
            self._release(&self._limits[i])
        free(self._limits)
        free(self._group_held)

    # Take a limit in, for the orders of these assets, or of all (None).
    cdef int add(
        self, object spec, int32_t rule, int32_t priority, object assets, str label
    ) except -1:
        cdef PackedLimit packed = spec.packed
        cdef Limit limit = packed.limit
        cdef int32_t place = self.n
        cdef Limit* limits
        if assets is not None and limit.kind != WEIGHT and limit.kind != ONE_SIDE:
            raise InvalidRuleError(
                f"{packed.reason} is a limit of the whole portfolio: add it with add_rule(limit), without assets"
            )
        limits = <Limit*> realloc(self._limits, <size_t> (self.n + 1) * sizeof(Limit))
        if limits == NULL:
            raise MemoryError("no memory for a limit")
        self._limits = limits
        if self.n_at_marks == 0:
            self._day_base = self._peak = self.account.marked_equity
        limit.peak = self.account.marked_equity
        limit.priority = priority
        limit.rule = rule
        limit.reason = self.reasons.code(packed.reason)
        if limit.is_grouped or limit.is_restricted or assets is not None:
            self._narrow(&limit, spec, assets)
        while place > 0 and limits[place - 1].priority < priority:
            place -= 1
        if limit.is_ranked:
            limit.ranking = self.room.new_ranking(spec.rank)
        self._remember(&limit, spec)
        if limit.kind == PYTHON:
            self._begin_projection()
            limit.python = <int32_t> len(self._python)
            self._python.append((spec.evaluate, label))
        memmove(&limits[place + 1], &limits[place], <size_t> (self.n - place) * sizeof(Limit))
        limits[place] = limit
        self.n += 1
        self._bounds_t = INT64_MIN
        self._n_ranking += limit.ranking != NULL
        self.n_at_marks += limit.sees_marks
        self.n_measuring += GROSS <= limit.kind <= TURNOVER
        if knows_sessions(&limit):
            self.n_of_sessions += 1
            if self._session_ends is None:
                self._session_ends = SessionEnds(self.cursor)
        return 0

    # Bounds by group, and the assets whose orders a limit is for.
    cdef int _narrow(self, Limit* limit, object spec, object assets) except -1:
        names = self.cursor.data.assets
        if limit.is_grouped:
            groups = spec.groups_of(names)
            self._begin_projection()
            limit.grouping = self.projection.add_grouping(groups.codes)
            limit.values = self._numbers_of(groups.values)
            self._reserve_groups(max(groups.codes) + 1)
        if limit.is_restricted:
            assets = [name for name in names if name in spec.restricted]
        if assets is not None:
            wanted = set(assets)
            limit.is_for = self._numbers_of([name in wanted for name in names])
        return 0

    # What a limit measures by is written down from now on.
    cdef int _remember(self, Limit* limit, object spec) except -1:
        if not remembers(limit):
            return 0
        if self._n_remembering == 0:
            self._history = PortfolioHistory(self.cursor, self.fills)
            self.carried = self.account.gross()
        self._n_remembering += 1
        if limit.kind == TURNOVER:
            self._begin_projection()
            self.projection.count_asked()
        else:
            limit.risk = new_risk(<RiskKind> (limit.kind - VOLATILITY), spec.risk)
        return 0

    cdef void _release(self, Limit* limit) noexcept nogil:
        free(limit.values)
        free(limit.is_for)
        free_risk(limit.risk)
        free_ranking(limit.ranking)

    cdef int remove(self, int32_t rule) except -1:
        cdef int32_t i
        for i in range(self.n):
            if self._limits[i].rule == rule:
                self.n_halting -= self._limits[i].is_halting
                self.n_blocking -= self._lets_nothing_pass(&self._limits[i])
                self.n_at_marks -= self._limits[i].sees_marks
                self.n_measuring -= GROSS <= self._limits[i].kind <= TURNOVER
                self._n_remembering -= remembers(&self._limits[i])
                self.n_of_sessions -= knows_sessions(&self._limits[i])
                self._n_ranking -= self._limits[i].ranking != NULL
                self._release(&self._limits[i])
                self.n -= 1
                self._bounds_t = INT64_MIN
                memmove(
                    &self._limits[i], &self._limits[i + 1], <size_t> (self.n - i) * sizeof(Limit)
                )
                return 0
        return 0

    # ---- orders ------------------------------------------------------------------------------

    # The units of an order that pass, or of a change of one that has `base`; 0, or why they cannot be measured.
    # Most orders are far from every limit.
    cdef int32_t admit(self, int32_t asset, double* units, double base, Cut* cut) except -1 nogil:
        cdef double size = self.account.size_of(asset)
        cdef int32_t problem = 0
        cut[0] = no_cut()
        if self._n_remembering > 0:
            self._measure_risks()
        if not self._knows_bounds():
            self._begin_bounds()
        if not self._certainly_fits(asset, fabs(units[0]), size):
            problem = self._admit(asset, units, base, cut)
        self._count(fabs(units[0]), size)
        return problem

    # Where no order waits that could enter, what is held bounds what is projected; each order adds at most its own units.
    cdef void _begin_bounds(self) noexcept nogil:
        self._bounds_t = self.cursor.run_t()
        self._bounds_fills = self.fills.count
        self._bounds_equity = self.account.marked_equity
        self._has_bounds = not self.queues.hold_entries()
        self._most_value = self.account.gross()
        self._most_positions = self.positions.n_open
        self._bound_all()

    # The tightest of the bounds, where all limits are one for all assets.
    cdef void _bound_all(self) noexcept nogil:
        cdef const Limit* limit
        cdef int32_t i
        self._value_bound = self._weight_bound = self._count_bound = INFINITY
        self._is_one_for_all = True
        for i in range(self.n):
            limit = &self._limits[i]
            if limit.kind <= DRAWDOWN:
                continue
            if limit.is_for != NULL or limit.values != NULL or limit.kind >= RESTRICTED or limit.kind == TURNOVER:
                self._is_one_for_all = False
            elif limit.kind == POSITIONS:
                self._count_bound = min(self._count_bound, limit.value)
            elif limit.kind == WEIGHT:
                self._weight_bound = min(self._weight_bound, self._bound(limit, 0))
            else:
                self._value_bound = min(self._value_bound, self._bound(limit, 0))

    # Far enough from every limit, for what rounding moves, to be within it whatever is projected.
    cdef bint _certainly_fits(self, int32_t asset, double wanted, double size) noexcept nogil:
        cdef const Limit* limit
        cdef double most
        cdef int32_t i
        if not self._is_bounded(asset):
            return False
        if self._is_one_for_all:
            return self._is_far_from_all(asset, wanted, size)
        for i in range(self.n):
            limit = &self._limits[i]
            if limit.kind <= DRAWDOWN or (limit.is_for != NULL and not limit.is_for[asset]):
                continue
            if limit.kind >= RESTRICTED or limit.kind == TURNOVER:
                return False
            if limit.kind == POSITIONS:
                if not self._most_positions < limit.value:
                    return False
                continue
            most = self._most_of(asset, wanted, size) if limit.kind == WEIGHT else self._most(wanted, size)
            if not most <= self._bound(limit, asset):
                return False
        return True

    cdef int _begin_projection(self) except -1 with gil:
        if self.projection is None:
            self.projection = Projection(self.broker)
        return 0

    cdef int32_t _admit(self, int32_t asset, double* units, double base, Cut* cut) except -1 nogil:
        cdef Asked asked
        cdef double present
        cdef double wanted = fabs(units[0])
        cdef double given
        if self.n_measuring > 0 and isnan(self.account.mark[asset]):
            return REASON_NO_PRICE
        if self.projection is None:
            self._begin_projection()
        self._refresh()
        asked.asset = asset
        asked.buys = units[0] > 0.0
        present = self.projection.up[asset] if asked.buys else -self.projection.low[asset]
        asked.reducing = -present if present < 0.0 else 0.0
        if not asked.buys and self._forbids_shorts(asset):
            cut.only_reduces = True
            asked.reducing = min(asked.reducing, max(self.positions.at[asset].quantity, 0.0))
        asked.start = present if present > 0.0 else 0.0
        asked.wanted = wanted
        asked.more = wanted - asked.reducing
        asked.size = self.account.size_of(asset)
        if asked.more <= NOTHING * wanted:
            return 0
        self._ask_in_turn(&asked, cut)
        if asked.more > 0.0 and self._n_ranking > 0 and self._takes_a_place(&asked, base):
            self._make_room(&asked, cut)
        if cut.rule >= 0:
            given = asked.reducing + asked.more
            units[0] = given if asked.buys else -given
        return 0

    # LongOnly is in force: of a sale only what is held passes.
    cdef bint _forbids_shorts(self, int32_t asset) noexcept nogil:
        cdef const Limit* limit
        cdef int32_t i
        for i in range(self.n):
            limit = &self._limits[i]
            if limit.kind == ONE_SIDE and limit.on_breach != WARN and (limit.is_for == NULL or limit.is_for[asset]):
                return True
        return False

    # Each limit is asked about what those before it have left.
    cdef int _ask_in_turn(self, Asked* asked, Cut* cut) except -1 nogil:
        cdef const Limit* limit
        cdef double given = 0.0
        cdef int32_t i
        for i in range(self.n):
            limit = &self._limits[i]
            if asked.more == 0.0:
                return 0
            if limit.kind == PYTHON and not self._lets_nothing_pass(limit):
                self._fit_in_python(limit, asked, &given)
                if given >= asked.more:
                    continue
                given = 0.0 if limit.on_breach not in (WARN, SCALE) else given
            elif self._fits(limit, asked) or self._lowest_below(limit, asked.asset) >= 0:
                continue
            else:
                given = 0.0
                if not self._lets_nothing_pass(limit) and limit.on_breach in (WARN, SCALE):
                    given = self._fitting(limit, asked)
            if limit.on_breach == WARN:
                self._warn(limit, asked, given)
            else:
                self._cut(limit, asked, given, cut)
        return 0

    cdef void _cut(self, const Limit* limit, Asked* asked, double given, Cut* cut) noexcept nogil:
        if cut.rule < 0:
            cut.rule = limit.rule
            cut.reason = limit.reason
        asked.more = given if given < asked.more else asked.more

    cdef int _warn(self, const Limit* limit, const Asked* asked, double given) except -1 nogil:
        cdef double side = 1.0 if asked.buys else -1.0
        cdef EventRecord* event = self.broker.events.add(
            EVENT_LIMIT_BREACHED, limit.reason, asked.asset, 0, side * asked.wanted,
            side * (asked.reducing + given),
        )
        event.rule = limit.rule
        return 0

    # ---- room for an order of a higher rank ----------------------------------------------------

    # Nobody gives way to what is refused, or adds less than a whole unit.
    cdef bint _takes_a_place(self, const Asked* asked, double base) noexcept nogil:
        cdef double less = base + asked.reducing
        if base == TAKES_NO_PLACE:
            return False
        return not self.broker.settings.whole_units or whole_units(less + asked.more) > less

    # The orders of lower ranks that stand in its way are cancelled.
    cdef int _make_room(self, Asked* asked, Cut* cut) except -1 nogil:
        cdef const Limit* limit
        cdef int32_t lowest
        cdef int32_t i
        for i in range(self.n):
            limit = &self._limits[i]
            self._refresh()
            if asked.more == 0.0 or limit.ranking == NULL or limit.on_breach == WARN or self._fits(limit, asked):
                continue
            lowest = self._lowest_below(limit, asked.asset)
            if lowest >= 0:
                self.room.cancel_all_of(lowest, limit.reason)
            else:
                self._cut(limit, asked, 0.0, cut)
        return 0

    # The asset whose orders give way; -1: nobody's do.
    cdef int32_t _lowest_below(self, const Limit* limit, int32_t asset) except -2 nogil:
        if limit.ranking == NULL or limit.on_breach == WARN or self._lets_nothing_pass(limit):
            return -1
        return self.room.lowest_below(limit.ranking, self.projection, asset)

    # The projection, and who may give way, as the orders are now.
    cdef int _refresh(self) except -1 nogil:
        cdef int32_t i
        if self._n_ranking > 0 and self.queues.n_changed > 0:
            for i in range(self.n):
                if self._limits[i].ranking != NULL:
                    self.room.take_changes(self._limits[i].ranking)
        self.projection.refresh()
        return 0

    # ---- what limits measure -------------------------------------------------------------------

    # While it halts, or rejects for a loss, nothing that adds risk passes.
    cdef bint _lets_nothing_pass(self, const Limit* limit) noexcept nogil:
        return limit.is_halting or (
            limit.kind <= DRAWDOWN and limit.is_breached and limit.on_breach == REJECT
        )

    cdef bint _fits(self, const Limit* limit, const Asked* asked) noexcept nogil:
        cdef double bound
        cdef double w
        cdef double edge
        cdef double measured
        if self._lets_nothing_pass(limit):
            return False
        if limit.kind <= DRAWDOWN or (limit.is_for != NULL and not limit.is_for[asked.asset]):
            return True
        if limit.kind == RESTRICTED:
            return False
        if limit.kind == ONE_SIDE:
            return asked.buys
        w = self.projection.w(asked.asset)
        if limit.kind == POSITIONS:
            return w > 0.0 or self.projection.n < limit.value
        if holds_gross(limit) and asked.start + asked.more <= w:
            return True
        bound = self._bound(limit, asked.asset)
        if bound == INFINITY:
            return True
        edge = bound + TOLERANCE * bound
        measured = self._measure(limit, asked, asked.more)
        if fabs(measured - edge) <= LOST * (edge + self.projection.gross + fabs(measured)):
            self.projection.make_exact()
            measured = self._measure(limit, asked, asked.more)
        return measured <= edge

    # What a limit measures once so many units beyond those that reduce have filled.
    cdef double _measure(self, const Limit* limit, const Asked* asked, double more) noexcept nogil:
        cdef double gross = self.projection.gross
        cdef double net = self.projection.net_up if asked.buys else -self.projection.net_low
        if limit.kind == WEIGHT:
            return (asked.start + more) * asked.size
        if limit.kind == NET:
            return net + (asked.reducing + more) * asked.size
        if limit.kind == TURNOVER:
            return self._traded(limit) + self.projection.asked + (asked.reducing + more) * asked.size
        if limit.kind == GROUP:
            gross = self.projection.group_gross(limit.grouping, asked.asset)
        return gross + ((asked.start + more) - self.projection.w(asked.asset)) * asked.size

    # T: what the fills have traded in the window of an order of now.
    cdef double _traded(self, const Limit* limit) noexcept nogil:
        return self._history.traded_within(
            limit.bars if self.broker.settings.fill_at == FILL_CLOSE else limit.bars - 1
        )

    # The units beyond those that reduce that fit, where not all do. A bound that is not met by all has a mark
    # of some size.
    @cython.cdivision(True)
    cdef double _fitting(self, const Limit* limit, const Asked* asked) noexcept nogil:
        cdef double bound
        cdef double room
        cdef double within = 0.0
        if not GROSS <= limit.kind <= TURNOVER:
            return 0.0
        bound = self._bound(limit, asked.asset)
        if holds_gross(limit):
            within = self.projection.w(asked.asset) - asked.start
            within = within if within > 0.0 else 0.0
        room = bound - self._measure(limit, asked, within)
        if room <= TOLERANCE * bound - LOST * (bound + self.projection.gross + fabs(bound - room)):
            return within
        self.projection.make_exact()
        room = bound - self._measure(limit, asked, within)
        if room <= TOLERANCE * bound:
            return within
        return within + room / asked.size

    # L of section 7.
    cdef double _bound(self, const Limit* limit, int32_t asset) noexcept nogil:
        cdef double value = limit.value if limit.values == NULL else limit.values[asset]
        cdef double equity = self.account.marked_equity
        if not limit.is_pct:
            return value
        if VOLATILITY <= limit.kind <= CVAR:
            if not limit.risk.now > 0.0:
                return INFINITY
            value = value / limit.risk.now
        return value * equity if equity > 0.0 else 0.0

    # What a unit of exposure risks, as far as it is known.
    cdef int _measure_risks(self) except -1 nogil:
        cdef int32_t i
        for i in range(self.n):
            if self._limits[i].risk != NULL:
                measure_risk(self._limits[i].risk, self._history)
        return 0

    # ---- the mark ----------------------------------------------------------------------------

    # The end of step 5. ``recorded``: the equity of the last record.
    cdef int try_at_mark(self, double recorded) except -1 nogil:
        cdef int32_t i
        if self.n_of_sessions > 0 and self.cursor.now > self._session_end:
            self._begin_session(recorded)
        if self._n_remembering > 0:
            self._history.take_mark(self.account.marked_equity, recorded, self.carried)
        self.carried = self.account._gross
        if self.account.marked_equity > self._peak:
            self._peak = self.account.marked_equity
        self.n_blocking = 0
        for i in range(self.n):
            if self._limits[i].at_marks:
                if self._limits[i].risk != NULL:
                    measure_risk(self._limits[i].risk, self._history)
                self._try_limit(&self._limits[i])
                self.n_blocking += self._lets_nothing_pass(&self._limits[i])
        return self._flatten() if self.n_halting > 0 else 0

    # After fills at a close, behind the strategy: halts end, and positions are ended, at marks alone.
    cdef int try_after_fills(self) except -1 nogil:
        cdef int32_t i
        self.n_blocking = 0
        for i in range(self.n):
            if self._limits[i].at_marks:
                if not self._limits[i].is_halting:
                    self._try_breach(&self._limits[i])
                self.n_blocking += self._lets_nothing_pass(&self._limits[i])
        return 0

    cdef int _begin_session(self, double recorded) except -1 nogil:
        if self._session_end != INT64_MIN:
            self._day_base = recorded
        self._session_end = self._session_ends.of_now()
        return 0

    cdef int _try_limit(self, Limit* limit) except -1 nogil:
        cdef double equity = self.account.marked_equity
        if limit.is_halting:
            if not self._halt_is_over(limit):
                return 0
            self._resume(limit)
        if equity > limit.peak:
            limit.peak = equity
        return self._try_breach(limit)

    cdef int _try_breach(self, Limit* limit) except -1 nogil:
        cdef Measured measured
        if limit.kind == PYTHON:
            self._at_mark_in_python(limit, &measured)
        else:
            measured = self._at_mark(limit)
        if measured.is_breached and not limit.is_breached:
            self._breach(limit, &measured)
        limit.is_breached = measured.is_breached
        return 0

    cdef bint _halt_is_over(self, const Limit* limit) noexcept nogil:
        if limit.resume == NEXT_SESSION:
            return self.cursor.now > limit.halted_until
        return limit.resume > 0 and self.cursor.run_t() - limit.halted_t >= limit.resume

    cdef int _resume(self, Limit* limit) except -1 nogil:
        cdef EventRecord* event = self.broker.events.add(EVENT_RESUMED, limit.reason, -1, 0, NAN, NAN)
        event.rule = limit.rule
        limit.is_halting = 0
        limit.is_breached = 0
        limit.peak = self.account.marked_equity
        self.n_halting -= 1
        return 0

    cdef int _breach(self, Limit* limit, const Measured* measured) except -1 nogil:
        cdef EventRecord* event = self.broker.events.add(
            EVENT_LIMIT_BREACHED, limit.reason, measured.asset, 0, measured.value, measured.bound
        )
        event.rule = limit.rule
        if limit.on_breach < HALT:
            return 0
        event = self.broker.events.add(EVENT_HALTED, limit.reason, -1, 0, NAN, NAN)
        event.rule = limit.rule
        limit.is_halting = 1
        limit.halted_t = self.cursor.run_t()
        limit.halted_until = self._session_end
        self.n_halting += 1
        return self._cancel_what_adds_risk(limit)

    # What a limit measures of what is held, and where it breaches.
    cdef Measured _at_mark(self, const Limit* limit) noexcept nogil:
        cdef Measured measured
        cdef double equity = self.account.marked_equity
        cdef double base
        measured.asset = -1
        measured.value = equity
        measured.is_breached = False
        if limit.kind <= DRAWDOWN:
            base = self._day_base if limit.kind == DAILY_LOSS else limit.peak
            measured.bound = base * (1.0 - limit.value) if limit.is_pct else base - limit.value
            measured.is_breached = equity <= measured.bound
            return measured
        if limit.kind == WEIGHT or limit.kind == GROUP:
            return self._heaviest_first(limit)
        if limit.kind == POSITIONS:
            measured.value = self.positions.n_open
        elif limit.kind == NET:
            measured.value = fabs(self.account._net)
        else:
            measured.value = self.account._gross
        measured.bound = self._bound(limit, 0)
        if not equity > 0.0 and limit.kind != POSITIONS and measured.bound < INFINITY:
            measured.bound = 0.0
        measured.is_breached = measured.value > measured.bound + TOLERANCE * measured.bound
        return measured

    # The first position, or the first of a group, whose value lies beyond its bound, in asset order.
    cdef Measured _heaviest_first(self, const Limit* limit) noexcept nogil:
        cdef Measured measured
        cdef int32_t i
        cdef int32_t asset
        measured.asset = -1
        measured.value = measured.bound = NAN
        measured.is_breached = False
        self.positions.settle()
        if limit.kind == GROUP:
            self._sum_groups(limit)
        for i in range(self.positions.n_open):
            asset = self.positions.open_asset[i]
            if limit.is_for != NULL and not limit.is_for[asset]:
                continue
            measured.value = self._held_of(limit, asset)
            measured.bound = self._bound(limit, asset)
            if not self.account.marked_equity > 0.0:
                measured.bound = 0.0
            if measured.value > measured.bound + TOLERANCE * measured.bound:
                measured.asset = asset
                measured.is_breached = True
                return measured
        return measured

    cdef double _held_of(self, const Limit* limit, int32_t asset) noexcept nogil:
        if limit.kind == GROUP:
            return self._group_held[self.projection.group_of(limit.grouping, asset)]
        return fabs(self.positions.at[asset].quantity * self.account.mark[asset])

    cdef void _sum_groups(self, const Limit* limit) noexcept nogil:
        cdef int32_t i
        cdef int32_t asset
        for i in range(self._n_groups):
            self._group_held[i] = 0.0
        for i in range(self.positions.n_open):
            asset = self.positions.open_asset[i]
            self._group_held[self.projection.group_of(limit.grouping, asset)] += fabs(
                self.positions.at[asset].quantity * self.account.mark[asset]
            )

    # What waits is cancelled; what waits against a position does no more than reduce it from now on.
    cdef int _cancel_what_adds_risk(self, const Limit* limit) except -1 with gil:
        cdef OrderRecord* order
        cdef const Position* position
        for order_id in self.broker.book.queues.ids():
            order = self.broker.book.order(order_id)
            position = &self.positions.at[order.asset]
            if order.source != SOURCE_STRATEGY or order.reduce_only or not order.waits:
                continue
            if position.quantity * order.rest < 0.0:
                self.broker.book.make_reduce_only(order, position, limit.reason, limit.rule)
            else:
                self.broker.book.cancel(order_id, limit.reason)
        return 0

    # Every position without an exit by rule gets one.
    cdef int _flatten(self) except -1 nogil:
        cdef const Limit* limit = self._flattening()
        cdef Position* position
        cdef int32_t i
        if limit == NULL:
            return 0
        self.positions.settle()
        for i in range(self.positions.n_open):
            position = &self.positions.at[self.positions.open_asset[i]]
            if not position.exit_is_decided:
                self.broker.book.accept_exit(
                    position, EXIT_RISK, limit.rule, limit.reason,
                    FILL_CLOSE if self.broker.settings.fill_at == FILL_CLOSE else FILL_NEXT_OPEN,
                )
        return 0

    cdef const Limit* _flattening(self) noexcept nogil:
        cdef int32_t i
        for i in range(self.n):
            if self._limits[i].is_halting and self._limits[i].on_breach == FLATTEN:
                return &self._limits[i]
        return NULL

    # ---- limits in Python ----------------------------------------------------------------------

    # The units beyond those that reduce that fit.
    cdef int _fit_in_python(self, const Limit* limit, const Asked* asked, double* given) except -1 with gil:
        cdef PortfolioContext context = self._context()
        cdef double side = 1.0 if asked.buys else -1.0
        cdef double units = asked.reducing + asked.more
        context.order = Order.unchecked(self.cursor.data.assets[asked.asset], side * units, False)
        context.asked_asset = asked.asset
        context.asked_units = side * units
        answer = self._ask_python(limit, context)
        if answer is None or answer.units >= units:
            given[0] = asked.more
        else:
            given[0] = answer.units - asked.reducing if answer.units > asked.reducing else 0.0
        return 0

    cdef int _at_mark_in_python(self, const Limit* limit, Measured* measured) except -1 with gil:
        measured.asset = -1
        measured.value = measured.bound = NAN
        answer = self._ask_python(limit, self._context())
        measured.is_breached = answer is not None
        if answer is not None:
            measured.value = answer.measured
            measured.bound = answer.limit
        return 0

    cdef PortfolioContext _context(self):
        cdef PortfolioContext context = new_portfolio_context()
        context.cursor = self.cursor
        context.account = self.account
        context.held = self.positions
        context.contexts = self.contexts
        context.projection = self.projection
        context.peak = self._peak
        context.asked_asset = -1
        return context

    cdef object _ask_python(self, const Limit* limit, PortfolioContext context):
        cdef bint was_asking = self.broker.is_asking
        evaluate, label = self._python[limit.python]
        self.broker.is_asking = True
        try:
            answer = evaluate(context)
        except Exception as error:
            raise _limit_error(label, context, f"raised {type(error).__name__}: {error}") from error
        finally:
            self.broker.is_asking = was_asking
            context.is_over = True
        if answer is not None and not isinstance(answer, LimitBreach):
            raise _limit_error(
                label, context, f"must return a LimitBreach, or None, returned {type(answer).__name__}"
            )
        return answer

    # ---- inside ------------------------------------------------------------------------------

    cdef double* _numbers_of(self, object values) except NULL:
        cdef double* numbers = <double*> calloc(<size_t> len(values) + 1, sizeof(double))
        cdef int32_t i
        if numbers == NULL:
            raise MemoryError("no memory for a limit")
        for i in range(<int32_t> len(values)):
            numbers[i] = values[i]
        return numbers

    cdef int _reserve_groups(self, int32_t n) except -1:
        cdef double* more
        if n <= self._n_groups:
            return 0
        more = <double*> realloc(self._group_held, <size_t> n * sizeof(double))
        if more == NULL:
            raise MemoryError("no memory for a limit")
        self._group_held = more
        self._n_groups = n
        return 0


def _limit_error(str label, PortfolioContext context, str what):
    moment = "the mark" if context.order is None else f"an order of {context.order.quantity} {context.order.asset!r}"
    time = pd.Timestamp(context.cursor.now, tz="UTC")
    return RuleError(f"rule {label} {what} (asked about {moment}, {time})")
