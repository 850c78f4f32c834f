"""The walk of semantics 4: levels and resting orders of one asset along one path through its bar."""

from __future__ import annotations

from math import isnan

from reference.fine import differences, fine_bars_of
from reference.levels import Hit, InForce, in_force
from reference.market import Bar
from reference.orders import Order
from reference.positions import Position

CLOSE_ALONE = -1.0  # the volume of what is no bar, but the close after the fine bars


def touched(orders: list[Order], bar: Bar) -> bool:
    """Whether the bar reaches what one of these orders waits for."""
    return any(
        order.rests
        and (
            order.immediate
            or (order.awaited <= bar.high if order.waits_above else order.awaited >= bar.low)
        )
        for order in orders
    )


class Walk:
    """One bar of one asset. `exit_by_level(position, hit)` makes the order of a level that is hit."""

    def __init__(self, book, asset: int, bar: Bar, exit_by_level) -> None:
        self.book = book
        self.asset = asset
        self.whole = bar
        self.bar = bar  # the one that is walked: it, or one of its fine bars
        self.moment = "open"  # of fills: that of the bar, then inside
        self.on_path = False  # else an open is met
        self.fine = False  # on fine bars
        self.exit_by_level = exit_by_level
        self.ended = False  # a position ended here: other orders only reduce
        self.ambiguous = False  # reached on both sides of the open, or after an entry inside
        self.late: list[Order] = []  # stop-limits triggered inside beyond their limit
        self.late_before: list[Order] = []  # in fine bars before
        self.path: list[float] = []  # from where it stands to the close
        self.rises = False  # which way it goes, or came to where it stands

    def walk(self) -> None:
        self.meet_open()
        self.moment = "inside"
        fine = self.fine_bars()
        if fine:
            self.walk_fine(fine)
        else:
            self.walk_on()
        if self.ambiguous:
            self.book.met("ambiguous_bar")

    def walk_on(self) -> None:
        """From the open to the close."""
        self.on_path = True
        self.path, self.rises = self.path_of_the_bar(), False
        self.ambiguous |= self.reaches(above=True) and self.reaches(above=False)
        self.follow()
        self.last_of_all()

    # ----- fine bars ----------------------------------------------------------------------------

    def fine_bars(self) -> list[Bar]:
        """Those of the bar, where it is opened; none: the bar decides."""
        book, asset = self.book, self.asset
        if not (book.settings.is_fine and asset in book.market.fine and self.reaches_anything()):
            return []
        bars = fine_bars_of(book, asset)
        if not bars:
            book.met("no_fine_bars")
            book.event(asset, "no_fine_bars", 0, "no_fine_bars")
            return []
        bars, asked, given = differences(self.whole, bars, self.awaited_prices(), book)
        if not bars:
            book.event(asset, "fine_bars_differ", 0, "fine_bars_differ", asked, given)
            return []
        book.met("bar_opened")
        return [] if book.wrong("bars_stay_closed") else bars

    def walk_fine(self, bars: list[Bar]) -> None:
        """Each fine bar as a bar of its own, then the close of the bar."""
        self.fine = True
        for self.bar in bars:
            self.book.participation.begin_fine_bar(self.asset)
            if self.opened_inside() and not self.book.wrong("fine_bars_after_an_entry_unseen"):
                self.book.met("fine_bar_after_an_entry")
                self.position.seen += self.bar.high, self.bar.low
            if not self.book.wrong("fine_opens_meet_nothing"):
                self.meet_open()
            self.walk_on()
            if not self.book.wrong("fine_bars_leave_stop_limits"):
                self.late_before += self.late
                self.late = []
            if self.book.wrong("trails_move_between_fine_bars"):
                self.trail()
        close = self.whole.close
        self.bar = Bar(close, close, close, close, CLOSE_ALONE)
        if bars[-1].close != close and not self.book.wrong("close_after_fine_bars_untried"):
            self.meet_open()

    def met_at_a_fine_open(self, what: str) -> None:
        is_close = self.bar.volume == CLOSE_ALONE
        self.book.met("met_by_the_close_after_fine_bars" if is_close else f"{what}_at_a_fine_open")

    def opened_inside(self) -> bool:
        """A position has opened inside this bar."""
        position = self.position
        return (
            position is not None
            and position.opened_t == self.book.t
            and position.opened_at == "inside"
        )

    def trail(self) -> None:
        for order in self.book.waiting_of(self.asset):
            if order.kind == "trailing_stop":
                order.follow(self.bar.high if order.direction < 0.0 else self.bar.low)

    # ----- what there is ------------------------------------------------------------------------

    @property
    def position(self) -> Position | None:
        return self.book.positions[self.asset]

    def orders(self) -> list[Order]:
        """The orders that can fill, by submission."""
        return [one for one in self.resting() if one not in self.late and self.may_fill(one)]

    def resting(self) -> list[Order]:
        return [one for one in self.book.waiting_of(self.asset) if one.rests]

    def may_fill(self, order: Order) -> bool:
        position = self.position
        if self.book.participation.is_over(self.asset) and order.is_limit:
            return False
        if not self.ended or self.book.wrong("enters_after_the_end"):
            return True
        return position is not None and position.sign != order.direction

    def levels(self) -> tuple[InForce | None, InForce | None]:
        """Stop and target as far as they are tried in this bar."""
        book, position = self.book, self.position
        if position is None:
            return None, None
        if position.opened_t == book.t and not book.settings.check_entry_bar:
            return None, None
        stops = in_force(position, book.rules, True, book.wrong)
        targets = in_force(position, book.rules, False, book.wrong)
        if any(one.source == "level" for one in book.waiting_of(self.asset)):
            stops = []  # it has been reached, and its exit goes on
        if book.participation.is_over(self.asset):
            targets = []
        return stops[0] if stops else None, targets[0] if targets else None

    # ----- the open -----------------------------------------------------------------------------

    def meet_open(self) -> None:
        opened, self.on_path = self.bar.open, False
        self.meet_levels(opened)
        tried = 0  # by submission; what an entry makes here, a bracket's children, comes after
        while later := [one for one in self.resting() if one.id > tried]:
            order = later[0]
            tried = order.id
            if self.may_fill(order) and order.met_by(opened):
                self.meet(order, opened)
            if order.immediate and order.status == "open":
                self.book.end_immediate(order)
        self.meet_levels(opened)

    def meet(self, order: Order, opened: float) -> None:
        """What the open does to an order that it meets."""
        if self.fine:
            self.met_at_a_fine_open("order")
        if order.is_stop:
            self.fill(order, opened, slips=True)
        elif order.is_limit or order.within(opened):
            self.trigger_limit(order, opened)  # what is left of a stop-limit is a limit order
            self.fill(order, opened, slips=False)
        else:
            self.trigger_limit(order, opened)
            self.book.met("stop_limit_triggered_by_the_open")

    def trigger_limit(self, order: Order, price: float) -> None:
        """A stop-limit is a limit order from here on; a limit order is one already."""
        if not order.is_limit:
            self.book.ledger.transition("triggered", order, level=order.stop, price=price)
        order.triggered = True

    def meet_levels(self, price: float) -> None:
        """What this price meets exits at it; a target that is done gives way to the next one."""
        self.meet_again(price, self.meet_level(price))

    def meet_again(self, price: float, done: bool) -> None:
        while done and self.position is not None and not self.book.wrong("one_target_at_a_price"):
            before = len(self.book.out.fills)
            done = self.meet_level(price, again=True)
            if len(self.book.out.fills) > before:
                self.book.met(f"scaled_twice_at_one_price_{self.moment}")

    def meet_level(self, price: float, again: bool = False) -> bool:
        """Whether a target has closed a part here and is done."""
        stop, target = self.levels()
        position, settings, book = self.position, self.book.settings, self.book
        if position is None:
            return False
        moment, at_open = self.moment, self.moment == "open"
        at_price = settings.gap_fill == "open" or not at_open
        sign = position.sign
        if stop is not None and (price - stop.level) * sign <= 0.0:
            hit = Hit(stop, True, price if at_price else stop.level, moment, "")
        elif target is not None and (price - target.level) * sign >= 0.0:
            adverse = self.bar.low if sign > 0.0 else self.bar.high
            in_bar = stop is not None and (adverse - stop.level) * sign <= 0.0
            hit = Hit(target, False, price if at_price else target.level, moment, "")
            if at_open and in_bar and not settings.open_decides:
                hit = Hit(stop, True, stop.level, "inside", "")
        else:
            return False
        if self.fine and not self.on_path:
            self.met_at_a_fine_open("level")
            hit = hit._replace(intrabar=self.level_choice(hit.is_stop))
        elif not at_open and not again:
            book.met("level_met_by_an_entry_inside")
            if book.wrong("entry_inside_meets_nothing"):
                return False
        self.exit(position, hit)
        return hit.gave_way

    def meet_children(self, parent: Order, price: float) -> None:
        """An entry inside at a price that a child of its bracket waits for: it leaves there."""
        tried = 0
        while later := [one for one in self.orders() if one.id > tried and one.parent == parent.id]:
            order = later[0]
            tried = order.id
            if order.met_by(price) and not self.book.wrong("entry_inside_meets_nothing"):
                self.book.met("child_met_by_an_entry_inside")
                self.fill(order, price, slips=order.kind == "stop")

    def exit(self, position: Position, hit: Hit) -> None:
        if position.opened_at == "inside" and position.opened_t == self.book.t:
            self.book.met("level_after_an_entry_inside")
        self.book.met("level_in_a_walk")
        if hit.intrabar:
            self.book.met("both_levels_in_one_bar")
            self.book.met(f"chose_{hit.intrabar}")
        self.exit_by_level(position, hit)
        self.ended = self.ended or self.position is None

    # ----- the path -----------------------------------------------------------------------------

    def path_of_the_bar(self) -> list[float]:
        """Open, first extreme, other extreme, close; the first by the position after the open."""
        opened, high, low, close = self.bar[:4]
        position, choice = self.position, self.book.settings.first_side
        low_first = opened - low <= high - opened
        if position is not None and choice == "nearest_to_open":
            adverse, favourable = (low, high) if position.sign > 0.0 else (high, low)
            adverse_first = abs(opened - adverse) <= abs(favourable - opened)
            low_first = adverse_first == (position.sign > 0.0)
        elif position is not None:
            low_first = (position.sign > 0.0) == (choice == "adverse_first")
        if self.book.wrong("flat_path_high_first") and position is None:
            low_first = False
        return [opened, low, high, close] if low_first else [opened, high, low, close]

    def reaches(self, above: bool) -> bool:
        """Whether the bar holds what can still fill on that side: a level of the position, an order."""
        bar, waited_for = self.bar, self.awaited_prices()[above]
        return any(one <= bar.high if above else one >= bar.low for one in waited_for)

    def awaited_prices(self) -> tuple[list[float], list[float]]:
        """What levels and orders wait for: below the market, and above it."""
        stop, target = self.levels()
        sides: tuple[list[float], list[float]] = ([], [])
        for level in (stop, target):
            if level is not None:
                sides[(level is target) == (self.position.sign > 0.0)].append(level.level)
        for order in self.orders():
            sides[order.waits_above].append(order.awaited)
        return sides

    def reaches_anything(self) -> bool:
        return self.reaches(above=True) or self.reaches(above=False)

    def path_from(self, price: float, must_come: str) -> list[float]:
        """After an entry inside at a price; what must still come is "low", "high" or nothing."""
        choice = self.book.settings.first_side
        if choice == "nearest_to_open":
            return [price, *self.path[1:]]
        extremes = {"low": self.bar.low, "high": self.bar.high}
        low_first = (self.position.sign > 0.0) == (choice == "adverse_first")
        first, other = ("low", "high") if low_first else ("high", "low")
        path = [price, price, extremes[first]]  # what else waits for the price comes first
        if other == must_come or self.book.wrong("all_of_the_bar_after_an_entry"):
            path.append(extremes[other])
        return [*path, self.bar.close]

    def follow(self) -> None:
        """Piece by piece, the nearest first."""
        while len(self.path) > 1:
            here, end = self.path[:2]
            if end != here or self.book.wrong("legs_end_falling"):
                self.rises = end > here
            rises = self.rises
            level = self.next_level(here, end, rises)
            order = self.next_order(here, end, rises)
            if order is None and level is None:
                self.path.pop(0)
            elif order is None or (level is not None and not self.before(order, level, rises)):
                self.path[0] = level.level
                self.reach_level(level, rises)
            else:
                self.path[0] = order.awaited
                self.reach(order, rises)

    def before(self, order: Order, level: InForce, rises: bool) -> bool:
        """Whether the path meets the order first; at one price the level."""
        if self.book.wrong("orders_before_levels") and order.awaited == level.level:
            return True
        return order.awaited < level.level if rises else order.awaited > level.level

    def next_level(self, here: float, end: float, rises: bool) -> InForce | None:
        position = self.position
        stop, target = self.levels()
        if position is None:
            return None
        level = target if rises == (position.sign > 0.0) else stop
        if level is None or not min(here, end) <= level.level <= max(here, end):
            return None
        if self.book.wrong("short_stop_strict") and rises and level is stop:
            return level if level.level < self.bar.high else None
        return level

    def next_order(self, here: float, end: float, rises: bool) -> Order | None:
        low, high = min(here, end), max(here, end)
        orders = [one for one in self.orders() if one.waits_above == rises]
        if self.book.wrong("resting_strict"):
            orders = [one for one in orders if one.awaited not in (self.bar.low, self.bar.high)]
        orders = [one for one in orders if low <= one.awaited <= high]
        orders.sort(key=lambda one: (one.awaited if rises else -one.awaited, one.id))
        if self.book.wrong("resting_by_submission_alone"):
            orders.sort(key=lambda one: one.id)
        return orders[0] if orders else None

    def reach_level(self, level: InForce, rises: bool) -> None:
        is_stop = rises != (self.position.sign > 0.0)
        choice = self.level_choice(is_stop)
        hit = Hit(level, is_stop, level.level, "inside", choice)
        self.exit(self.position, hit)
        self.meet_again(level.level, hit.gave_way)

    def level_choice(self, is_stop: bool) -> str:
        """Of two levels that the bar holds both: the side that was taken, or that fine bars told."""
        levels = self.levels()
        if None in levels:
            return ""
        return self.choice_of([one.level for one in levels], is_stop)

    def choice_of(self, prices: list[float], is_stop: bool) -> str:
        def held_by(bar: Bar) -> bool:
            return all(bar.low <= one <= bar.high for one in prices)

        if self.on_path and held_by(self.bar):
            return "adverse_first" if is_stop else "favourable_first"
        if self.fine and held_by(self.whole) and not self.book.wrong("fine_choice_lost"):
            self.book.met("told_by_fine_bars")
            return "fine"
        return ""

    def reach(self, order: Order, rises: bool) -> None:
        price, must_come = order.awaited, "high" if rises else "low"
        if order.is_stop:
            self.fill(order, price, slips=True, must_come=must_come)
        elif order.is_limit:
            if order.kind == "stop_limit":
                self.book.met("stop_limit_filled_as_a_limit")
            self.fill(order, price, slips=False, must_come=must_come)
        else:
            self.trigger_limit(order, price)
            if order.within(price):
                self.book.met("stop_limit_filled_at_its_trigger")
                self.fill(order, price, slips=False, must_come=must_come)
            elif not self.book.wrong("stop_limit_fills_on_the_path"):
                self.late.append(order)

    def last_of_all(self) -> None:
        """Stop-limits triggered inside beyond L, by submission, each once: at L, if the close is within."""
        done: list[Order] = []
        while len(done) < len(self.late):
            order = min((one for one in self.late if one not in done), key=lambda one: one.id)
            done.append(order)
            if order.status != "open":
                continue
            within = order.within(self.bar.close) and self.may_fill(order)
            self.book.met("stop_limit_filled_last" if within else "stop_limit_rests_triggered")
            if within:
                self.path, self.rises = [order.limit, self.bar.close], False
                if self.fill(order, order.limit, slips=False):
                    self.follow()

    # ----- a fill -------------------------------------------------------------------------------

    def fill(self, order: Order, base: float, slips: bool, must_come: str = "") -> bool:
        """Against the position, then the rest. Returns whether it opened one on the path."""
        moment = self.moment
        book, held, may_enter = self.book, self.position, not self.ended
        slips = slips or book.wrong("limit_slipped")
        price = book.slip(order, base, is_stop=order.is_stop) if slips else base
        if order.valid == "fok" and not book.fills_whole(order, price, may_enter):
            return False
        if not book.has_volume(order):
            self.trigger(order)
            return False
        book.met(f"{order.kind}_{moment}")
        if order in self.late_before:
            book.met("limit_since_the_fine_bar_before")
        choice = self.child_choice(order)
        if order.is_child:
            order.level = order.awaited
            book.met(f"child_{order.reason}_{moment}")
        book.fill_against(order, moment, base, price, choice)
        if held is not None and self.position is None:
            self.ended = True
        if order.status != "open":
            return False
        if not (may_enter or book.wrong("enters_after_the_end")):
            book.met("rest_waits_after_the_end")
            self.trigger(order)
            return False
        held, n_fills = self.position, len(book.out.fills)
        book.fill_rest(order, moment, base, price)
        self.trigger(order)
        if len(book.out.fills) == n_fills:
            return False
        book.spend(book.out.fills[n_fills])
        if self.position is None or moment == "open":
            return False
        if held is None:
            self.position.seen = self.still_to_come(must_come)
        if not self.on_path:
            self.book.met("entered_at_a_fine_open")
            return False
        if held is not None:
            self.meet_children(order, base)
            is_bracket = not (isnan(order.stop_loss) and isnan(order.take_profit))
            self.ambiguous |= is_bracket and self.reaches_anything()
            return False
        if self.ended:
            book.met("through_zero_in_a_walk")
        self.path = self.path_from(base, must_come)
        self.meet_levels(base)
        self.meet_children(order, base)
        self.ambiguous |= self.reaches_anything()
        return True

    def trigger(self, order: Order) -> None:
        """A stop that was reached, and has a rest while the bar has nothing left."""
        over = self.book.participation.left(self.asset) == 0.0
        if not (over and order.is_stop and order.status == "open") or order.immediate:
            return
        self.book.met("stop_waits_for_the_open")
        if self.fine:
            self.book.met("stop_on_a_fine_bar_waits_for_the_open")
        if order.is_child:
            self.book.met("child_waits_for_the_open")
            order.level = order.awaited
        self.book.ledger.transition("triggered", order, "participation", level=order.awaited)
        order.triggered = True
        at_close = self.book.wrong("rest_of_a_stop_waits_for_the_close")
        order.fill_at = "next_close" if at_close else "next_open"

    def still_to_come(self, must_come: str) -> tuple[float, ...]:
        """What the bar shows after an entry inside it: all of it after one at the open of a fine bar."""
        high, low, close = self.bar[1:4]
        if not self.on_path:
            return high, low, close
        return {"high": (high, close), "low": (low, close), "": (close,)}[must_come]

    def child_choice(self, order: Order) -> str:
        """Of a bracket whose children the bar holds both: the side that was taken, or was told."""
        waiting = [one for one in order.siblings if one.is_child and one.status == "open"]
        if self.moment == "open" or not waiting:
            return ""
        choice = self.choice_of([waiting[0].awaited], order.kind == "stop")
        if choice:
            self.book.met("both_children_in_one_bar")
        return choice
