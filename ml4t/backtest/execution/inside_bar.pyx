"""InsideBar: step 3. Armed levels and the orders that wait for a price, along one path through the bar.

It knows levels and orders, not rules: who armed a level stands beside it, and comes with the fill.
"""

cimport cython
from libc.math cimport INFINITY, NAN, fabs
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.settings cimport (
    ADVERSE_FIRST, FAVOURABLE_FIRST, NEAREST_TO_OPEN, START_ENTRY_HIGH, TELL_FILLS, Settings,
)
from ml4t.backtest.core.types cimport (
    CHOICE_ADVERSE, CHOICE_FAVOURABLE, CHOICE_FINE, CHOICE_NONE, EVENT_FINE_BARS_DIFFER,
    EVENT_NO_FINE_BARS, LEDGER_TRIGGERED, MOMENT_INSIDE, MOMENT_OPEN, ORDER_OPEN, REASON_FINE_BARS_DIFFER,
    REASON_NO_FINE_BARS, REASON_NONE, SOURCE_LEVEL, TYPE_STOP, FillRecord, OrderRecord, TermsRecord,
)
from ml4t.backtest.execution.buying_power cimport means_of
from ml4t.backtest.execution.costs cimport FillPrice, unslipped
from ml4t.backtest.execution.cut_orders cimport TriggeredStops, go_on_at_the_open
from ml4t.backtest.execution.fine_bars cimport FineBar, FineBars, a_little_below
from ml4t.backtest.execution.matching cimport Matching
from ml4t.backtest.execution.order_terms cimport (
    awaited_price, is_bracket, is_immediate, is_limit, is_met, is_stop, is_within, waits_above,
)
from ml4t.backtest.execution.price_heap cimport PriceHeap, WaitingAt
from ml4t.backtest.execution.target_parts cimport units_of_target
from ml4t.backtest.portfolio.armed_levels cimport LevelSource, levels_hold, stop_source
from ml4t.backtest.portfolio.position cimport (
    HIGH_UNSEEN, LOW_UNSEEN, Position, better, is_negligible, side_of, worse,
)

# A stop-limit that this bar has triggered inside beyond its limit is on no path: it has the close left.
cdef enum:
    TRIGGERED = 1
    TRIGGERED_NOW = 2


@cython.final
cdef class InsideBar:
    """What a bar does to armed levels and resting orders.

    Parameters
    ----------
    matching : Matching
    fine : FineBars, optional
    """

    def __cinit__(self, Matching matching not None, FineBars fine=None):
        self.matching = matching
        self.fills = matching.fills
        self.book = matching.book
        self.resting = matching.book.resting
        self.triggered = TriggeredStops(matching.book)
        self.participation = matching.participation
        self.cursor = matching.cursor
        self.account = matching.account
        self.positions = matching.positions
        self.settings = matching.settings
        self.fine = fine

    # Every bar of the timestamp: positions open and end on the way.
    cdef int _try_rows(self) except -1 nogil:
        cdef int64_t row
        self.account.mark_open(self.cursor)
        self._as_if = means_of(&self.settings, self.account)
        self.matching.as_if = &self._as_if
        for row in range(self.cursor.first, self.cursor.last):
            self.try_bar(self.cursor.data.asset[row], row)
        self.matching.as_if = NULL
        return 0

    # The bar of one asset.
    cdef int try_bar(self, int32_t asset, int64_t row) except -1 nogil:
        cdef Position* position = &self.positions.at[asset]
        cdef double high = self.cursor.data.high_[row]
        cdef double low = self.cursor.data.low_[row]
        cdef Walk walk
        if self.resting.may_touch(asset, high, low):
            self.resting.collect_touched(asset, high, low)
            if self.resting.rising.n + self.resting.falling.n > 0:
                self._stand_before(&walk, asset, row)
                return self._walk(&walk)
        if position.quantity != 0.0 and touches(position, high, low):
            return self._hit(position, row)
        return 0

    # ---- a level alone -----------------------------------------------------------------------

    # The bar touches a level of the position: which one, at what price (the ten bars of section 4).
    cdef int _hit(self, Position* position, int64_t row) except -1 nogil:
        cdef double open_price = self.cursor.data.open_[row]
        cdef double side = side_of(position.quantity)
        cdef double adverse = self.cursor.data.low_[row]
        cdef double favourable = self.cursor.data.high_[row]
        cdef double stop = position.levels.stop
        cdef double target = position.levels.target
        cdef bint stop_reached
        cdef bint at_level = self.settings.gap_fill_level
        cdef int choice = self.settings.intrabar
        cdef Walk walk
        if CHECKED:
            self._check_hit(position, row)
        if not self._tries_levels(position):
            return 0
        # A target of a part, and an exit that the volume of the bar cuts, leave a position that the rest of the path
        # still meets.
        if self.fine is not None or self.settings.is_capped or position.levels.target_part > 0.0:
            self._stand_before(&walk, position.asset, row)
            self.resting.collect_none()
            return self._walk(&walk)
        self.account.mark_open(self.cursor)
        if side < 0.0:
            adverse = self.cursor.data.high_[row]
            favourable = self.cursor.data.low_[row]
        stop_reached = side * adverse <= side * stop
        if side * open_price <= side * stop:
            if at_level and stop != open_price:
                self.fills.counters.stop_better_than_possible += 1
            return self._exit_stop(position, stop if at_level else open_price, MOMENT_OPEN, 0)
        if side * open_price >= side * target:
            if stop_reached and not self.settings.open_decides:
                return self._exit_stop(position, stop, MOMENT_INSIDE, 0)
            return self._exit_target(position, target if at_level else open_price, MOMENT_OPEN, 0)
        if not stop_reached:
            return self._exit_target(position, target, MOMENT_INSIDE, CHOICE_NONE)
        if side * favourable < side * target:
            return self._exit_stop(position, stop, MOMENT_INSIDE, CHOICE_NONE)
        self.fills.counters.ambiguous_bars += 1
        if choice == NEAREST_TO_OPEN:
            choice = (
                ADVERSE_FIRST if fabs(open_price - adverse) <= fabs(favourable - open_price)
                else FAVOURABLE_FIRST
            )
        if choice == ADVERSE_FIRST:
            return self._exit_stop(position, stop, MOMENT_INSIDE, CHOICE_ADVERSE)
        return self._exit_target(position, target, MOMENT_INSIDE, CHOICE_FAVOURABLE)

    # A switch of the settings leaves the bar of the entry out.
    cdef inline bint _tries_levels(self, const Position* position) noexcept nogil:
        return self.settings.check_entry_bar or position.opened_t != self.cursor.run_t()

    # The stop, as far as it is tried: one that was reached and cut by the volume has its exit waiting.
    cdef inline double _stop(self, const Position* position) noexcept nogil:
        if position.exit_is_decided & SOURCE_LEVEL:
            return -side_of(position.quantity) * INFINITY
        return position.levels.stop

    # The target, for which nobody waits any more once the volume of the bar is used up.
    cdef inline double _target(self, const Position* position) noexcept nogil:
        if self.settings.is_capped and self.participation.is_over(position.asset):
            return side_of(position.quantity) * INFINITY
        return position.levels.target

    # The one of both that lies on that side.
    cdef inline double _level(self, const Position* position, bint above) noexcept nogil:
        if above == (position.quantity > 0.0):
            return self._target(position)
        return self._stop(position)

    # ---- the walk ----------------------------------------------------------------------------

    cdef void _stand_before(self, Walk* walk, int32_t asset, int64_t row) noexcept nogil:
        walk.asset = asset
        walk.open = self.cursor.data.open_[row]
        walk.high = self.cursor.data.high_[row]
        walk.low = self.cursor.data.low_[row]
        walk.close = self.cursor.data.close_[row]
        walk.bar_high = walk.high
        walk.bar_low = walk.low
        walk.moment = MOMENT_OPEN
        walk.is_fine = False
        walk.has_ended = False
        walk.is_ambiguous = False

    # Levels and orders together: the open, the path, the close (semantics section 4).
    cdef int _walk(self, Walk* walk) except -1 nogil:
        self.account.mark_open(self.cursor)
        self._meet_open(walk)
        walk.moment = MOMENT_INSIDE
        if self._is_to_be_opened(walk) and self._opens(walk):
            self._walk_fine(walk)
        else:
            self._walk_on(walk)
        self.fills.counters.ambiguous_bars += walk.is_ambiguous
        if self.triggered.waiting.n > 0:
            self.triggered.move()
        return self.resting.wait_again()

    # From the open to the close.
    cdef int _walk_on(self, Walk* walk) except -1 nogil:
        walk.is_on_path = True
        self._choose_path(walk)
        if self._reaches(walk, True) and self._reaches(walk, False):
            walk.is_ambiguous = True
        self._walk_path(walk)
        return self._at_the_close(walk)

    # What the open meets fills at the open: levels, orders by submission, the levels of what they opened.
    cdef int _meet_open(self, Walk* walk) except -1 nogil:
        cdef int64_t order_id = 0
        cdef int32_t i
        walk.is_on_path = False
        walk.unseen = 0
        self._meet_levels(walk, walk.open)
        # By submission; the children that an entry makes come after all that have waited.
        while self.resting.collect_met(walk.open, order_id) > 0:
            for i in range(self.resting.met.n):
                order_id = self.resting.met.at[i].order_id
                self._take_turn(walk, order_id, self.resting.met.at[i].key > 0.0)
        return self._meet_levels(walk, walk.open)

    # ---- fine bars ---------------------------------------------------------------------------

    # There are fine bars of the asset, and something is left that the bar reaches.
    cdef bint _is_to_be_opened(self, const Walk* walk) except -1 nogil:
        return self.fine is not None and self.fine.has(walk.asset) and (
            self._reaches(walk, True) or self._reaches(walk, False)
        )

    # Find the fine bars of the bar. Returns whether there are some, and they are its own.
    cdef bint _opens(self, Walk* walk) except -1 nogil:
        cdef int64_t row_before = self.cursor.row_before(walk.asset)
        cdef int64_t i
        cdef double highest
        cdef double lowest
        self.fine.n = 0
        if row_before >= 0:
            self.fine.find(walk.asset, self.cursor.time_of(row_before), self.cursor.now)
        if self.fine.n == 0:
            self._tell_no_fine_bars(walk)
            return False
        i = self.fine.first_beyond(walk.low, walk.high)
        if i < self.fine.n:
            if self.fine.at[i].low < a_little_below(walk.low):
                self._tell_difference(walk, walk.low, self.fine.at[i].low)
            else:
                self._tell_difference(walk, walk.high, self.fine.at[i].high)
            return False
        self.fine.cut(walk.low, walk.high)
        highest = max(walk.open, walk.close, self.fine.highest())
        lowest = min(walk.open, walk.close, self.fine.lowest())
        if self._reaches_beyond(walk, True, highest):
            self._tell_difference(walk, walk.high, highest)
            return False
        if self._reaches_beyond(walk, False, lowest):
            self._tell_difference(walk, walk.low, lowest)
            return False
        self.fills.counters.bars_opened += 1
        return True

    cdef int _tell_no_fine_bars(self, const Walk* walk) except -1 nogil:
        self.fills.counters.no_fine_bars += 1
        self.book.events.add(EVENT_NO_FINE_BARS, REASON_NO_FINE_BARS, walk.asset, 0, NAN, NAN)
        return 0

    cdef int _tell_difference(self, const Walk* walk, double asked, double given) except -1 nogil:
        self.fills.counters.fine_bars_differ += 1
        self.book.events.add(
            EVENT_FINE_BARS_DIFFER, REASON_FINE_BARS_DIFFER, walk.asset, 0, asked, given
        )
        return 0

    # The fine bars, each as a bar of its own, then the close of the bar.
    cdef int _walk_fine(self, Walk* walk) except -1 nogil:
        cdef double close = walk.close
        cdef FineBar bar
        cdef int64_t i
        walk.is_fine = True
        walk.has_opened = False
        for i in range(self.fine.n):
            bar = self.fine.at[i]
            walk.open = bar.open
            walk.high = bar.high
            walk.low = bar.low
            walk.close = bar.close
            self._walk_fine_bar(walk)
        if walk.close != close:
            walk.open = walk.high = walk.low = walk.close = close
            self._meet_open(walk)
        self._take_in_seen(walk)
        return 0

    cdef int _walk_fine_bar(self, Walk* walk) except -1 nogil:
        if walk.has_opened:
            walk.seen_high = max(walk.seen_high, walk.high)
            walk.seen_low = min(walk.seen_low, walk.low)
        self._meet_open(walk)
        self._walk_on(walk)
        return self.resting.go_on()

    # A position has opened inside: what comes of this fine bar after it.
    cdef void _see_from_here(self, Walk* walk) noexcept nogil:
        walk.has_opened = True
        walk.seen_high = walk.close if walk.unseen & HIGH_UNSEEN else walk.high
        walk.seen_low = walk.close if walk.unseen & LOW_UNSEEN else walk.low

    # It takes in now what it has seen inside, at the close of the bar nothing but the close.
    cdef void _take_in_seen(self, const Walk* walk) noexcept nogil:
        cdef Position* position = &self.positions.at[walk.asset]
        cdef double side = side_of(position.quantity)
        cdef double best = walk.seen_high if side > 0.0 else walk.seen_low
        cdef double worst = walk.seen_low if side > 0.0 else walk.seen_high
        if not walk.has_opened or position.quantity == 0.0:
            return
        position.best = better(side, position.best, best)
        position.worst = worse(side, position.worst, worst)
        if self.settings.watermark_start == START_ENTRY_HIGH and not self.settings.watermark_close:
            position.water = better(side, position.water, best)

    # ---- what an open meets ------------------------------------------------------------------

    # What the open makes of an order; one that is tried once has had its turn.
    cdef int _take_turn(self, Walk* walk, int64_t order_id, bint above) except -1 nogil:
        cdef const OrderRecord* order = self.book.order(order_id)
        cdef const TermsRecord* terms = self.book.terms_of(order)
        if self._may_fill(walk, order_id, above) and is_met(order, terms, walk.open):
            self._reach(walk, self.book.order(order_id), walk.open)
        order = self.book.order(order_id)
        if order.status == ORDER_OPEN and is_immediate(self.book.terms_of(order)):
            self.book.end_immediate(order_id)
        return 0

    # Of the orders made after that one, the children of an entry inside: those that its price meets leave there.
    cdef int _meet_children(self, Walk* walk, double price, int64_t after) except -1 nogil:
        cdef int64_t n_orders = self.book.orders.count
        cdef int64_t order_id
        cdef OrderRecord* order
        cdef const TermsRecord* terms
        for order_id in range(after + 1, n_orders + 1):
            order = self.book.order(order_id)
            terms = self.book.terms_of(order)
            if order.is_child and is_met(order, terms, price) and (
                self._may_fill(walk, order_id, waits_above(order, terms))
            ):
                self._fill(walk, order, price, is_stop(terms))
        return 0

    # The levels that a price meets exit there: the stop first. A target that is done gives way to the next one.
    cdef int _meet_levels(self, Walk* walk, double price) except -1 nogil:
        cdef const Position* position = &self.positions.at[walk.asset]
        cdef int32_t place = position.levels.target_place
        self._meet_level(walk, price)
        while position.quantity != 0.0 and position.levels.target_place != place:
            place = position.levels.target_place
            self._meet_level(walk, price)
        return 0

    cdef int _meet_level(self, Walk* walk, double price) except -1 nogil:
        cdef Position* position = &self.positions.at[walk.asset]
        cdef double side = side_of(position.quantity)
        cdef double adverse = walk.low if side > 0.0 else walk.high
        cdef double stop = self._stop(position)
        cdef double target = self._target(position)
        cdef bint at_level = self.settings.gap_fill_level and walk.moment == MOMENT_OPEN
        cdef bint is_met_by_an_open = not walk.is_on_path
        cdef int8_t choice
        if position.quantity == 0.0 or not self._tries_levels(position):
            return 0
        if side * price <= side * stop:
            if at_level and stop != price:
                self.fills.counters.stop_better_than_possible += 1
            choice = self._choice(walk, position, True) if is_met_by_an_open else CHOICE_NONE
            self._exit_stop(position, stop if at_level else price, walk.moment, choice)
        elif side * price >= side * target:
            if (
                walk.moment == MOMENT_OPEN and not self.settings.open_decides
                and side * adverse <= side * stop
            ):
                self._exit_stop(position, stop, MOMENT_INSIDE, CHOICE_NONE)
            else:
                choice = self._choice(walk, position, False) if is_met_by_an_open else CHOICE_NONE
                self._exit_target(position, target if at_level else price, walk.moment, choice)
        walk.has_ended = walk.has_ended or position.quantity == 0.0
        return 0

    # ---- the path ----------------------------------------------------------------------------

    # From the open to one extreme, to the other, to the close.
    cdef void _choose_path(self, Walk* walk) noexcept nogil:
        cdef double side = self.positions.at[walk.asset].quantity
        cdef double to_low = fabs(walk.open - walk.low)
        cdef double to_high = fabs(walk.high - walk.open)
        cdef bint low_first = to_low <= to_high
        if side < 0.0 and to_low == to_high:
            low_first = False
        if side != 0.0 and self.settings.intrabar != NEAREST_TO_OPEN:
            low_first = (side > 0.0) == (self.settings.intrabar == ADVERSE_FIRST)
        walk.at = 0
        walk.rises = False
        walk.n_points = 4
        walk.point[0] = walk.open
        walk.point[1] = walk.low if low_first else walk.high
        walk.point[2] = walk.high if low_first else walk.low
        walk.point[3] = walk.close

    # Does the bar hold what can still fill on that side: a level of the position, an order?
    cdef bint _reaches(self, const Walk* walk, bint above) except -1 nogil:
        cdef const WaitingAt* order
        if self._reaches_level(walk, above, -INFINITY if above else INFINITY):
            return True
        order = self._nearest(walk, above)
        # What the open has triggered may wait beyond the bar.
        return order != NULL and order.key <= (walk.high if above else -walk.low)

    # The same, of what lies beyond a price alone.
    cdef bint _reaches_beyond(self, const Walk* walk, bint above, double price) noexcept nogil:
        cdef const PriceHeap* waiting = &self.resting.rising if above else &self.resting.falling
        cdef int32_t i
        if self._reaches_level(walk, above, price):
            return True
        for i in range(waiting.n):
            if (price if above else -price) < waiting.at[i].key <= (walk.high if above else -walk.low) and (
                self._may_fill(walk, waiting.at[i].order_id, above)
            ):
                return True
        return False

    cdef bint _reaches_level(self, const Walk* walk, bint above, double price) noexcept nogil:
        cdef const Position* position = &self.positions.at[walk.asset]
        cdef double level
        if position.quantity == 0.0 or not self._tries_levels(position):
            return False
        level = self._level(position, above)
        return price < level <= walk.high if above else price > level >= walk.low

    # A position opened inside at a price: the path starts anew there, with what else waits for that price, then what must
    # still come of the bar. Under nearest_to_open the old path goes on.
    cdef void _path_from(self, Walk* walk, double price) noexcept nogil:
        cdef bint is_long = self.positions.at[walk.asset].quantity > 0.0
        cdef bint low_first = is_long == (self.settings.intrabar == ADVERSE_FIRST)
        if self.settings.intrabar == NEAREST_TO_OPEN:
            return
        walk.at = 0
        walk.n_points = 3
        walk.point[0] = price
        walk.point[1] = price
        walk.point[2] = walk.low if low_first else walk.high
        if not walk.unseen & (HIGH_UNSEEN if low_first else LOW_UNSEEN):
            walk.point[3] = walk.high if low_first else walk.low
            walk.n_points = 4
        walk.point[walk.n_points] = walk.close
        walk.n_points += 1

    # Leg by leg: the nearest of what waits on it, the levels first at one price. Where the path stands still, at the end of a
    # leg, it goes the way it came: what waits for one price has its turn, one after the other.
    cdef int _walk_path(self, Walk* walk) except -1 nogil:
        cdef Position* position = &self.positions.at[walk.asset]
        cdef double end
        cdef double price = 0.0
        cdef int64_t order_id
        cdef bint rises
        cdef double level
        while walk.at < walk.n_points - 1:
            end = walk.point[walk.at + 1]
            if end != walk.point[walk.at]:
                walk.rises = end > walk.point[walk.at]
            rises = walk.rises
            order_id = self._next_on_leg(walk, rises, end, &price)
            if position.quantity != 0.0 and self._tries_levels(position):
                level = self._level(position, rises)
                if (level <= end if rises else level >= end) and (
                    order_id == 0 or (level <= price if rises else level >= price)
                ):
                    self._reach_level(walk, position, level, rises)
                    continue
            if order_id == 0:
                walk.at += 1
                continue
            walk.point[walk.at] = price
            walk.unseen = LOW_UNSEEN if rises else HIGH_UNSEEN
            self._reach(walk, self.book.order(order_id), price)
        return 0

    # The next order on a leg to that end, and the price that it waits for; 0: none.
    cdef int64_t _next_on_leg(self, const Walk* walk, bint rises, double end, double* price) except -1 nogil:
        cdef const WaitingAt* order = self._nearest(walk, rises)
        if order == NULL or order.key > (end if rises else -end):
            return 0
        price[0] = order.key if rises else -order.key
        return order.order_id

    # The nearest order of a side that can fill; NULL: none can. One that cannot will not in this bar.
    cdef const WaitingAt* _nearest(self, const Walk* walk, bint above) except? NULL nogil:
        cdef const PriceHeap* waiting = &self.resting.rising if above else &self.resting.falling
        while waiting.n > 0:
            if self._may_fill(walk, waiting.at[0].order_id, above):
                return &waiting.at[0]
            self.resting.pass_over(above)
        return NULL

    # It waits still, on that side; once a position has ended, only to reduce another.
    cdef bint _may_fill(self, const Walk* walk, int64_t order_id, bint above) noexcept nogil:
        cdef const OrderRecord* order = self.book.order(order_id)
        cdef const TermsRecord* terms = self.book.terms_of(order)
        if waits_above(order, terms) != above or terms.is_triggered == TRIGGERED_NOW:
            return False
        return self._waits(walk, order)

    cdef bint _waits(self, const Walk* walk, const OrderRecord* order) noexcept nogil:
        if self.settings.is_capped and not self._is_reached_still(order):
            return False
        return order.status == ORDER_OPEN and (
            not walk.has_ended or self.positions.at[walk.asset].quantity * order.quantity < 0.0
        )

    # Where the volume of the bar is used up a stop is triggered, once, and no limit fills.
    cdef bint _is_reached_still(self, const OrderRecord* order) noexcept nogil:
        cdef const TermsRecord* terms = self.book.terms_of(order)
        if is_stop(terms):
            return not terms.is_triggered
        return not (is_limit(terms) and self.participation.is_over(order.asset))

    cdef int _reach_level(self, Walk* walk, Position* position, double level, bint rises) except -1 nogil:
        cdef bint is_stop = rises != (position.quantity > 0.0)
        cdef int8_t choice = self._choice(walk, position, is_stop)
        cdef int32_t place = position.levels.target_place
        walk.point[walk.at] = level
        if is_stop:
            self._exit_stop(position, level, MOMENT_INSIDE, choice)
        else:
            self._exit_target(position, level, MOMENT_INSIDE, choice)
        walk.has_ended = walk.has_ended or position.quantity == 0.0
        if position.levels.target_place != place and position.quantity != 0.0:
            return self._meet_levels(walk, level)
        return 0

    # Of two levels that the bar holds, which side was taken; or that fine bars have told.
    cdef int8_t _choice(self, const Walk* walk, const Position* position, bint is_stop) noexcept nogil:
        return _choice_between(walk, self._stop(position), self._target(position), is_stop)

    # Of a bracket whose children the bar holds both: which of them was taken.
    cdef int8_t _choice_of_child(self, const Walk* walk, const OrderRecord* order) noexcept nogil:
        cdef const TermsRecord* terms = self.book.terms_of(order)
        cdef double other
        if walk.moment == MOMENT_OPEN or terms.sibling == 0:
            return CHOICE_NONE
        other = awaited_price(self.book.terms_of(self.book.order(terms.sibling)))
        return _choice_between(walk, other, other, terms.type == TYPE_STOP)

    cdef int _reach(self, Walk* walk, OrderRecord* order, double price) except -1 nogil:
        cdef TermsRecord* terms = self.book.terms_of(order)
        cdef int64_t order_id = order.order_id
        if is_stop(terms):
            return self._fill(walk, order, price, True)
        if is_limit(terms):
            return self._fill(walk, order, price, False)
        terms.is_triggered = TRIGGERED
        if self.settings.ledger != TELL_FILLS:
            self.book.ledger.tell_order(
                LEDGER_TRIGGERED, order, REASON_NONE, terms.stop, price, NAN, NAN
            )
        if is_within(order, price, terms.limit):
            self._fill(walk, order, price, False)
        elif walk.is_on_path:
            terms.is_triggered = TRIGGERED_NOW
            return self.resting.wait_for_the_close(order_id)
        # A limit order from here on, for what is left: it waits on the other side.
        order = self.book.order(order_id)
        if order.status == ORDER_OPEN:
            self.resting.add_touched(order)
        return 0

    # Last of all, by submission: what was triggered beyond its limit, if the close is within it. What one of
    # them opens walks on from there; what that triggers waits for its turn here.
    cdef int _at_the_close(self, Walk* walk) except -1 nogil:
        cdef int64_t order_id = self.resting.next_late()
        cdef OrderRecord* order
        cdef const TermsRecord* terms
        while order_id != 0:
            order = self.book.order(order_id)
            terms = self.book.terms_of(order)
            if is_within(order, walk.close, terms.limit) and self._waits(walk, order):
                walk.at = 0
                walk.rises = False
                walk.n_points = 2
                walk.point[0] = terms.limit
                walk.point[1] = walk.close
                walk.unseen = HIGH_UNSEEN | LOW_UNSEEN
                if self._fill_last(walk, order, terms.limit):
                    self._walk_path(walk)
            order_id = self.resting.next_late()
        return 0

    # Returns whether it has opened a position.
    cdef int _fill_last(self, Walk* walk, OrderRecord* order, double limit) except -1 nogil:
        cdef const Position* position = &self.positions.at[walk.asset]
        cdef int64_t position_id = position.position_id if position.quantity != 0.0 else 0
        cdef int64_t n_fills = self.fills.buffer.count
        self._fill(walk, order, limit, False)
        return self.fills.buffer.count > n_fills and position.position_id != position_id

    # ---- a fill ------------------------------------------------------------------------------

    # What reduces, then what enters, both at one price. Stops slip, limits do not.
    cdef int _fill(self, Walk* walk, OrderRecord* order, double base_price, bint slips) except -1 nogil:
        cdef int64_t order_id = order.order_id
        cdef FillPrice price = unslipped(base_price)
        if slips:
            self.matching.costs.slip(order, base_price, True, &price)
        if self.book.is_fill_or_kill(order) and not self.matching.fills_whole(
            order, price.paid, not walk.has_ended
        ):
            return 0
        if not self.settings.is_capped:
            return self._fill_both_parts(walk, order, &price)
        if self.participation.has_volume(order):
            self._fill_both_parts(walk, order, &price)
        return self._trigger(order_id)

    # A stop that has been reached, and has a rest while nothing is left of the volume.
    cdef int _trigger(self, int64_t order_id) except -1 nogil:
        cdef const OrderRecord* order = self.book.order(order_id)
        cdef const TermsRecord* terms = self.book.terms_of(order)
        if order.status != ORDER_OPEN or self.participation.left(order.asset) > 0.0:
            return 0
        if not is_stop(terms) or is_immediate(terms) or terms.is_triggered:
            return 0
        return self.triggered.add(order_id)

    cdef int _fill_both_parts(self, Walk* walk, OrderRecord* order, const FillPrice* price) except -1 nogil:
        cdef const Position* position = &self.positions.at[walk.asset]
        cdef bint had_ended = walk.has_ended
        cdef bint was_held = position.quantity != 0.0
        cdef int8_t choice = CHOICE_NONE
        if order.is_child:
            order.level = awaited_price(self.book.terms_of(order))
            choice = self._choice_of_child(walk, order)
        self.matching.reduce(order, price, walk.moment, choice)
        if was_held and position.quantity == 0.0:
            walk.has_ended = True
        # The rest of the order that has ended a position enters; no other does.
        if order.status != ORDER_OPEN or had_ended:
            return 0
        if self.settings.is_capped and not self.participation.has_volume(order):
            return 0
        return self._enter(walk, order, price)

    cdef int _enter(self, Walk* walk, OrderRecord* order, const FillPrice* price) except -1 nogil:
        cdef Position* position = &self.positions.at[walk.asset]
        cdef bint was_flat = position.quantity == 0.0
        cdef bint has_children = is_bracket(self.book.terms_of(order))
        cdef int64_t order_id = order.order_id
        cdef int64_t n_fills = self.fills.buffer.count
        cdef int64_t n_orders = self.book.orders.count
        self.matching.enter(order, price, walk.moment)
        if self.settings.is_capped:
            self._trigger(order_id)  # nothing that follows meets it again
        if self.fills.buffer.count == n_fills:
            return 0
        self._spend(<const FillRecord*> self.fills.buffer.at(n_fills))
        if has_children:
            self.resting.collect_more(walk.asset, walk.bar_high, walk.bar_low)
        if position.quantity == 0.0 or walk.moment == MOMENT_OPEN:
            return 0
        if was_flat and walk.is_fine:
            position.unseen = HIGH_UNSEEN | LOW_UNSEEN
            self._see_from_here(walk)
        if not walk.is_on_path:
            return 0
        if was_flat:
            if not walk.is_fine:
                position.unseen = walk.unseen
            self._path_from(walk, price.base)
            self._meet_levels(walk, price.base)
        if has_children:
            self._meet_children(walk, price.base, n_orders)
        if was_flat or has_children:
            walk.is_ambiguous = (
                walk.is_ambiguous or self._reaches(walk, True) or self._reaches(walk, False)
            )
        return 0

    # An entry takes from what there would be without the exits of the step.
    cdef void _spend(self, const FillRecord* fill) noexcept nogil:
        cdef double mark = self.account.mark[fill.asset]
        self._as_if.cash -= fill.quantity * fill.price + fill.commission
        self._as_if.equity += fill.quantity * (mark - fill.price) - fill.commission
        self._as_if.gross += fabs(fill.quantity * mark)

    # Guard: the row is the position's bar of now, something is held, and its levels lie on their sides.
    cdef int _check_hit(self, const Position* position, int64_t row) except -1 nogil:
        if not (
            self.cursor.first <= row < self.cursor.last
            and self.cursor.data.asset[row] == position.asset and position.quantity != 0.0
            and levels_hold(&position.levels, side_of(position.quantity))
        ):
            return _broken_hit(position, row)
        return 0

    cdef int _exit_stop(
        self, Position* position, double price, int8_t moment, int8_t intrabar
    ) except -1 nogil:
        return self._exit_at_level(
            position, fabs(position.quantity), stop_source(&position.levels), position.levels.stop, price,
            True, moment, intrabar,
        )

    cdef int _exit_target(
        self, Position* position, double price, int8_t moment, int8_t intrabar
    ) except -1 nogil:
        if position.levels.target_part > 0.0:
            return self._close_part(position, price, moment, intrabar)
        return self._exit_at_level(
            position, fabs(position.quantity), &position.levels.target_source, position.levels.target, price,
            False, moment, intrabar,
        )

    # A target of a part closes it, as far as the volume goes. A split may have left it with nothing to close.
    cdef int _close_part(
        self, Position* position, double price, int8_t moment, int8_t intrabar
    ) except -1 nogil:
        cdef double units = units_of_target(position, self.settings.whole_units)
        cdef double closed = 0.0
        cdef int64_t n_fills = self.fills.buffer.count
        if units > 0.0:
            self._exit_at_level(
                position, units, &position.levels.target_source, position.levels.target, price, False,
                moment, intrabar,
            )
            if position.quantity == 0.0 or self.fills.buffer.count == n_fills:
                return 0
            closed = fabs((<const FillRecord*> self.fills.buffer.at(n_fills)).quantity)
        return self.fills.listener.on_part_closed(
            position, closed, is_negligible(units - closed, closed)
        )

    # A level that is hit makes an order of so many units of the position, decided on the bar before, and fills it.
    cdef int _exit_at_level(
        self, Position* position, double units, const LevelSource* source, double level, double base_price,
        bint is_stop, int8_t moment, int8_t intrabar
    ) except -1 nogil:
        cdef int32_t asset = position.asset
        cdef int64_t row_before = self.cursor.row_before(asset)
        cdef FillPrice price = unslipped(base_price)
        cdef OrderRecord* order
        if not is_stop and self.settings.is_capped and self.participation.left(asset) == 0.0:
            return self.participation.tell(asset, 0, -side_of(position.quantity) * units, 0.0)
        order = self.book.make_exit(
            position, -side_of(position.quantity) * units, SOURCE_LEVEL, source.kind, source.reason
        )
        order.maker = not is_stop
        if is_stop and self.settings.slip_stops:
            self.matching.costs.slip(order, base_price, True, &price)
        order.decision_row = self.cursor.number_of(row_before)
        order.decision_time = self.cursor.time_of(row_before)
        order.decision_close = self.account.close_before(asset, self.cursor)
        order.rule = source.rule
        order.level = level
        if self.settings.is_capped and (
            self.participation.cut(asset, fabs(order.quantity)) < fabs(order.quantity)
        ):
            return self._fill_what_is_left(position, order, is_stop, &price, moment, intrabar)
        return self.fills.of_order(
            order, order.quantity, 0.0, &price, moment, intrabar
        )

    # The exit of a level is cut by the volume of the bar. For the rest a stop goes on at the next open; the position
    # keeps its target.
    cdef int _fill_what_is_left(
        self, Position* position, OrderRecord* order, bint is_stop, const FillPrice* price, int8_t moment, int8_t intrabar
    ) except -1 nogil:
        cdef double units = side_of(order.quantity) * self.participation.left(order.asset)
        self.participation.tell(order.asset, order.order_id, order.quantity, units)
        if not is_stop:
            order.quantity = units
            return self.fills.of_order(order, units, 0.0, price, moment, intrabar)
        if units != 0.0:
            self.fills.of_order(order, units, order.quantity - units, price, moment, intrabar)
        return go_on_at_the_open(self.book, order)


cdef int8_t _choice_between(const Walk* walk, double one, double other, bint is_stop) noexcept nogil:
    if walk.is_on_path and walk.low <= min(one, other) and max(one, other) <= walk.high:
        return CHOICE_ADVERSE if is_stop else CHOICE_FAVOURABLE
    if walk.is_fine and walk.bar_low <= min(one, other) and max(one, other) <= walk.bar_high:
        return CHOICE_FINE
    return CHOICE_NONE


cdef int _broken_hit(const Position* position, int64_t row) except -1 with gil:
    raise AssertionError(
        f"row {row} is tried against asset {position.asset}: {position.quantity} units, stop "
        f"{position.levels.stop}, target {position.levels.target}"
    )
