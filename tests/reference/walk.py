"""The walk of semantics 4: levels and resting orders of one asset along one path through its bar."""

from __future__ import annotations

from math import isnan

from reference.levels import Hit, InForce, in_force
from reference.market import Bar
from reference.orders import Order
from reference.positions import Position


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
        self.bar = bar
        self.exit_by_level = exit_by_level
        self.ended = False  # a position ended here: other orders only reduce
        self.ambiguous = False  # reached on both sides of the open, or after an entry inside
        self.late: list[Order] = []  # stop-limits triggered inside beyond their limit
        self.path: list[float] = []  # from where it stands to the close

    def walk(self) -> None:
        self.meet_open()
        self.path = self.path_of_the_bar()
        self.ambiguous = self.reaches(above=True) and self.reaches(above=False)
        self.follow()
        self.last_of_all()
        if self.ambiguous:
            self.book.met("ambiguous_bar")

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
        opened = self.bar.open
        self.meet_levels(opened, "open")
        tried = 0  # by submission; what an entry makes here, a bracket's children, comes after
        while later := [one for one in self.resting() if one.id > tried]:
            order = later[0]
            tried = order.id
            if self.may_fill(order) and order.met_by(opened):
                self.meet(order, opened)
            if order.immediate and order.status == "open":
                self.book.end_immediate(order)
        self.meet_levels(opened, "open")

    def meet(self, order: Order, opened: float) -> None:
        """What the open does to an order that it meets."""
        if order.is_stop:
            self.fill(order, opened, "open", slips=True)
        elif order.is_limit or order.within(opened):
            order.triggered = True  # what is left of a stop-limit is a limit order
            self.fill(order, opened, "open", slips=False)
        else:
            order.triggered = True
            self.book.met("stop_limit_triggered_by_the_open")

    def meet_levels(self, price: float, moment: str) -> None:
        """What this price meets exits at it."""
        stop, target = self.levels()
        position, settings, book = self.position, self.book.settings, self.book
        if position is None:
            return
        at_open = moment == "open"
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
            return
        if not at_open:
            book.met("level_met_by_an_entry_inside")
            if book.wrong("entry_inside_meets_nothing"):
                return
        self.exit(position, hit)

    def meet_children(self, price: float) -> None:
        """An entry inside at a price that a child of its bracket waits for: it leaves there."""
        tried = 0
        while later := [one for one in self.orders() if one.id > tried and one.is_child]:
            order = later[0]
            tried = order.id
            if order.met_by(price) and not self.book.wrong("entry_inside_meets_nothing"):
                self.book.met("child_met_by_an_entry_inside")
                self.fill(order, price, "inside", slips=order.kind == "stop")

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
        position, choice = self.position, self.book.settings.intrabar
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
        stop, target = self.levels()
        position, bar = self.position, self.bar
        level = None
        if position is not None:
            level = target if above == (position.sign > 0.0) else stop
        waited_for = [] if level is None else [level.level]
        waited_for += [one.awaited for one in self.orders() if one.waits_above == above]
        return any(one <= bar.high if above else one >= bar.low for one in waited_for)

    def reaches_anything(self) -> bool:
        return self.reaches(above=True) or self.reaches(above=False)

    def path_from(self, price: float, must_come: str) -> list[float]:
        """After an entry inside at a price; what must still come is "low", "high" or nothing."""
        choice = self.book.settings.intrabar
        if choice == "nearest_to_open":
            return [price, *self.path[1:]]
        extremes = {"low": self.bar.low, "high": self.bar.high}
        low_first = (self.position.sign > 0.0) == (choice == "adverse_first")
        first, other = ("low", "high") if low_first else ("high", "low")
        path = [price, extremes[first]]
        if other == must_come or self.book.wrong("all_of_the_bar_after_an_entry"):
            path.append(extremes[other])
        return [*path, self.bar.close]

    def follow(self) -> None:
        """Piece by piece, the nearest first."""
        while len(self.path) > 1:
            here, end = self.path[:2]
            rises = end > here
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
        position, (stop, target) = self.position, self.levels()
        is_stop = rises != (position.sign > 0.0)
        both = stop is not None and target is not None
        both = both and all(self.bar.low <= one.level <= self.bar.high for one in (stop, target))
        choice = ("adverse_first" if is_stop else "favourable_first") if both else ""
        self.exit(position, Hit(level, is_stop, level.level, "inside", choice))

    def reach(self, order: Order, rises: bool) -> None:
        price, must_come = order.awaited, "high" if rises else "low"
        if order.is_stop:
            self.fill(order, price, "inside", slips=True, must_come=must_come)
        elif order.is_limit:
            if order.kind == "stop_limit":
                self.book.met("stop_limit_filled_as_a_limit")
            self.fill(order, price, "inside", slips=False, must_come=must_come)
        else:
            order.triggered = True
            if order.within(price):
                self.book.met("stop_limit_filled_at_its_trigger")
                self.fill(order, price, "inside", slips=False, must_come=must_come)
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
                self.path = [order.limit, self.bar.close]
                if self.fill(order, order.limit, "inside", slips=False):
                    self.follow()

    # ----- a fill -------------------------------------------------------------------------------

    def fill(
        self, order: Order, base: float, moment: str, slips: bool, must_come: str = ""
    ) -> bool:
        """Against the position, then the rest. Returns whether it opened one inside the bar."""
        book, held, may_enter = self.book, self.position, not self.ended
        slips = slips or book.wrong("limit_slipped")
        price = book.slip(order, base, is_stop=order.is_stop) if slips else base
        if order.valid == "fok" and not book.fills_whole(order, price, may_enter):
            return False
        if not book.has_volume(order):
            self.trigger(order)
            return False
        book.met(f"{order.kind}_{moment}")
        choice = self.choice(order, moment)
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
        if held is not None:
            self.meet_children(base)
            is_bracket = not (isnan(order.stop_loss) and isnan(order.take_profit))
            self.ambiguous |= is_bracket and self.reaches_anything()
            return False
        if self.ended:
            book.met("through_zero_in_a_walk")
        self.position.must_come = must_come
        self.path = self.path_from(base, must_come)
        self.meet_levels(base, moment)
        self.meet_children(base)
        self.ambiguous |= self.reaches_anything()
        return True

    def trigger(self, order: Order) -> None:
        """A stop that was reached, and has a rest while the bar has nothing left."""
        over = self.book.participation.left(self.asset) == 0.0
        if not (over and order.is_stop and order.status == "open") or order.immediate:
            return
        self.book.met("stop_waits_for_the_open")
        if order.is_child:
            self.book.met("child_waits_for_the_open")
            order.level = order.awaited
        order.triggered = True
        at_close = self.book.wrong("rest_of_a_stop_waits_for_the_close")
        order.fill_at = "next_close" if at_close else "next_open"

    def choice(self, order: Order, moment: str) -> str:
        """Of a bracket whose children the bar holds both: the side that was taken."""
        low, high = self.bar.low, self.bar.high
        waiting = [one for one in order.siblings if one.is_child and one.status == "open"]
        if moment == "open" or not any(low <= one.awaited <= high for one in waiting):
            return ""
        self.book.met("both_children_in_one_bar")
        return "adverse_first" if order.kind == "stop" else "favourable_first"
