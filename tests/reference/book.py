"""Cash, positions, waiting orders, and what a fill does to them (semantics 2, 3, 5, 6)."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from math import floor, isnan

from reference import inputs, levels
from reference.basket import Shares
from reference.commission import Commission, commission_total
from reference.ledger import Ledger
from reference.limits import Limits, State
from reference.market import NAN, NO_BAR, Bar, Market
from reference.orders import (
    Order,
    floor_units,
    limit_on_tick,
    scale_down,
    search,
    within_target,
)
from reference.participation import Participation
from reference.positions import Position, RuleState, averaged
from reference.records import NO_TIME, Outcome, cause_of_fill
from reference.rules import Decision, Rule
from reference.settings import Settings
from reference.slippage import slipped


class Book:
    """The state of a run. `t` is the index of the timestamp being worked on."""

    def __init__(self, market: Market, rules: list[Rule], settings: Settings, mutation: str | None):
        self.market = market
        self.settings = settings
        self.mutation = mutation
        self.out = Outcome()
        self.ledger = Ledger(self)
        self.t = -1
        self.rules: dict[int, Rule] = dict(enumerate(rules))  # in force, by index as added
        self.rules_added = len(rules) + len(settings.limits)
        self.inputs = [one for rule in rules for one in rule.inputs]  # of every rule so far
        assets = range(len(market.assets))
        self.positions: list[Position | None] = [None for _ in assets]
        self.marks = [NAN for _ in assets]
        self.closes = [
            NAN for _ in assets
        ]  # the last close, without the splits and dividends since
        self.row_before = [-1 for _ in assets]  # the asset's last row before t
        self.since = [(1.0, 0.0) for _ in assets]  # splits and dividends since that row
        self.cash = settings.initial_cash
        self.orders: list[Order] = []
        self.waiting: list[Order] = []  # by submission
        self.positions_made = 0
        self.traded: set[int] = set()
        self.last_states: dict[int, dict[int, RuleState]] = {}
        self.sums: tuple[float, float] | None = None  # net, gross since the marks last moved
        self.made: list[Order] = []  # by the strategy, one by one: what another can name
        self.untold: list[tuple[str, dict]] = []  # fills and events of orders, as they happened
        self.n_told = 0
        self.touched: set[int] = set()  # assets whose holding a fill or a split changed at t
        self.participation = Participation(self)
        self.commission = Commission(self)
        self.limits = Limits(self, settings.limits, len(rules))
        # In step 3 cash, equity and gross exposure as they would be without its exits.
        self.as_if: tuple[float, float, float] | None = None

    def wrong(self, name: str) -> bool:
        """Whether this deliberate error is switched on (mutations.py)."""
        self.out.possible_errors.add(name)
        return self.mutation == name

    # ----- reading ------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """The timestamp of the moment; before the first bar (`on_start`) it is the first one."""
        return self.market.timestamps[self.t if self.t >= 0 else 0]

    def bar(self, asset: int) -> Bar | None:
        return self.market.bar(self.t, asset)

    def holds(self):
        """Open positions in asset order."""
        return [position for position in self.positions if position is not None]

    def equity(self) -> float:
        return self.cash + self.net()

    def gross(self) -> float:
        value = 0.0
        for position in self.holds():
            value = value + abs(position.quantity * self.marks[position.asset])
        return value

    def net(self) -> float:
        value = 0.0
        for position in self.holds():
            value = value + position.quantity * self.marks[position.asset]
        return value

    def move_mark(self, asset: int, price: float) -> None:
        self.marks[asset] = price
        self.sums = None

    def exposure(self) -> tuple[float, float]:
        """Net and gross between two moves of the marks: summed once, then moved by each fill."""
        if self.sums is None:
            self.sums = (self.net(), self.gross())
        return self.sums

    def move_exposure(self, asset: int, held: float) -> None:
        """The term of the asset as it was leaves the sums, the term as it is now joins them."""
        position, mark = self.positions[asset], self.marks[asset]
        before = held * mark
        after = (0.0 if position is None else position.quantity) * mark
        net, gross = self.exposure()
        if not self.wrong("fills_leave_exposure"):
            self.sums = (net + (after - before), gross + (abs(after) - abs(before)))

    def stop_and_target(self, position: Position) -> tuple[float, float]:
        """The levels in force."""
        stops = levels.in_force(position, self.rules, True, self.wrong)
        targets = levels.in_force(position, self.rules, False, self.wrong)
        return (stops[0].level if stops else NAN, targets[0].level if targets else NAN)

    def show(self) -> None:
        """What the strategy sees when it is asked for all assets together."""
        held = [
            (self.market.assets[p.asset], p.quantity, p.bars_held, *self.stop_and_target(p))
            for p in self.holds()
        ]
        self.out.seen.append(
            {
                "timestamp": self.now,
                "equity": self.equity(),
                "cash": self.cash,
                "held": held,
                "waiting": [order.id for order in self.waiting],
                "after_orders": [self.after_orders(a) for a in range(len(self.positions))],
            }
        )

    # ----- records ------------------------------------------------------------------------------

    def met(self, name: str) -> None:
        self.out.met[name] += 1

    def event(
        self, asset: int, kind: str, order_id: int, reason: str, asked=NAN, given=NAN, rule=-1
    ) -> None:
        row = {
            "timestamp": self.now,
            "asset": self.market.assets[asset] if asset >= 0 else "",
            "kind": kind,
            "order_id": order_id,
            "reason": reason,
            "asked": asked,
            "given": given,
            "rule": -1 if self.wrong("events_name_no_rule") else rule,
        }
        row["n_fills_before"] = len(self.out.fills)
        self.out.events.append(row)
        self.ledger.event(asset, row)
        of_an_order = kind in ("rejected", "scaled", "cancelled", "expired", "modified")
        if of_an_order:
            self.untold.append(("order", row))
        self.met(f"event_{kind}_{reason}" if of_an_order else kind)

    # ----- orders -------------------------------------------------------------------------------

    def new_order(
        self, asset: int, quantity: float, reason: str, hit_at: float = NAN, **more
    ) -> Order:
        started = self.wrong("start_decides_at_the_first_bar")
        decided = {
            "decision_t": self.t if self.bar(asset) is not None else self.row_before[asset],
            "decision_time": self.now if self.t >= 0 or started else NO_TIME,
            "decision_price": self.marks[asset]
            if self.bar(asset) is not None
            else self.closes[asset],
        }
        order = Order(
            id=len(self.orders) + 1,
            asset=asset,
            quantity=quantity,
            accepted_t=self.t,
            timestamp=self.now,
            reason=reason,
            place=len(self.out.fills) + len(self.out.events),
            **({"fill_at": self.settings.fill_at} | decided | more),
        )
        self.orders.append(order)
        self.ledger.made(order, hit_at)
        return order

    def closing_order(
        self, position: Position, reason: str, quantity: float = NAN, **more
    ) -> Order:
        """A reduce-only order for all the position holds now, or a part; it belongs to this position."""
        return self.new_order(
            position.asset,
            -position.quantity if isnan(quantity) else quantity,
            reason,
            reduce_only=True,
            position_number=position.number,
            **more,
        )

    def finish(self, order: Order, status: str, ended_by: str = "") -> None:
        """The order has ended: nothing of it is left to fill."""
        order.status = status
        order.ended = self.now
        order.ended_by = ended_by
        if not self.wrong("rest_after_the_end"):
            order.rest = 0.0
        if order in self.waiting:
            self.waiting.remove(order)
        if status != "filled" and order.ring:
            order.ring.remove(order)
            order.ring = []

    def reject(self, order: Order, reason: str, asked: float, rule: int = -1) -> None:
        """Nothing, or nothing more, is filled; with an exit fill the order is complete at it."""
        self.event(order.asset, "rejected", order.id, reason, asked, 0.0, rule)
        if order.filled != 0.0:
            self.met("entry_part_rejected")
            self.finish(order, "filled")
        else:
            self.finish(order, "rejected", reason)

    def cancel(self, order: Order, reason: str) -> None:
        self.event(order.asset, "cancelled", order.id, reason, order.quantity, order.filled)
        if not (reason == "cancel" and self.wrong("cancelled_order_fills")):
            self.finish(order, "cancelled", reason)

    def expire(self, order: Order) -> None:
        self.event(order.asset, "expired", order.id, "expired", order.quantity, order.filled)
        if not self.wrong("expired_order_fills"):
            self.finish(order, "expired", "expired")

    def end_immediate(self, order: Order) -> None:
        """Its one turn is over: what it has left is cancelled."""
        if not self.wrong("immediate_orders_wait"):
            self.cancel(order, "fill_or_kill" if order.valid == "fok" else "immediate_or_cancel")

    def leaves_its_bracket(self, order: Order, limit: float, stop: float) -> bool:
        """Whether a change of its price would bring it to an end of its bracket, or beyond."""
        if isnan(limit) and isnan(stop):
            return False
        if isnan(order.limit):
            own = stop
        else:
            own = order.limit if isnan(limit) else self.limit_on_tick(order, limit)
        side = order.direction
        return side * order.stop_loss >= side * own or side * own >= side * order.take_profit

    def modify(self, number: int, units: float, limit: float, stop: float) -> None:
        """Change one of the strategy's waiting orders, counted by submission and from the start again:
        the units still to fill, and the prices it has."""
        orders = [order for order in self.waiting if order.source == "strategy"]
        if not orders:
            return
        order = orders[number % len(orders)]
        waits_for_stop = not isnan(order.stop) and not order.triggered
        waits_for_stop = waits_for_stop and order.kind != "trailing_stop"
        limit = limit if not isnan(order.limit) else NAN
        stop = stop if waits_for_stop else NAN
        if self.settings.whole and not isnan(units):
            units = floor_units(units)
        if isnan(units) and isnan(limit) and isnan(stop):
            return
        if self.leaves_its_bracket(order, limit, stop):
            self.met("change_beyond_a_bracket_refused")
            return
        before = order.rest
        units, beyond, cut = self.within_limits(order, units)
        if not isnan(units):
            order.rest = order.direction * units
            order.quantity = order.filled + order.rest
            order.money = 0.0  # it has its units
        order.limit = order.limit if isnan(limit) else self.limit_on_tick(order, limit)
        order.stop = order.stop if isnan(stop) else stop
        self.event(order.asset, "modified", order.id, "modify", before, order.rest)
        if isinstance(cut, str):
            self.event(order.asset, "limit_breached", order.id, cut, beyond, order.rest - before)
        elif cut is not None:
            self.met("limit_cut_a_change")
            given, kind = order.rest - before, cut.limit.kind
            self.event(order.asset, "limit_breached", order.id, kind, beyond, given, cut.rule)
        if self.wrong("change_loses_its_place"):
            self.waiting.remove(order)
            self.waiting.append(order)

    def within_limits(self, order: Order, units: float) -> tuple[float, float, State | str | None]:
        """What a change adds to an order is asked for as an order of its own: the units that it has
        then, those that it was to add, and the limit that cut them, or why none can be measured."""
        more = units - abs(order.rest)
        if isnan(units) or order.reduce_only or not more > 0.0:
            return units, NAN, None
        if self.wrong("changes_pass_the_limits"):
            return units, NAN, None
        asked = order.direction * more
        if self.limits.cannot_measure(order.asset):
            return abs(order.rest), asked, "no_price"
        passed, cut = self.limits.admit(order.asset, asked, abs(order.rest))
        if cut is None:
            return units, NAN, None
        units = abs(order.rest) + abs(passed)
        return float(floor(units + 1e-9)) if self.settings.whole else units, asked, cut

    def limit_on_tick(self, order: Order, limit: float) -> float:
        """Of an order that is refused as asked for."""
        if order.quantity == 0.0 or self.wrong("limits_lie_between_ticks"):
            return limit
        rounded = limit_on_tick(self.settings, order.direction, limit)
        if not isnan(limit) and rounded != limit:
            self.met("limit_rounded_to_a_tick")
        return rounded

    def waiting_of(self, asset: int) -> list[Order]:
        return [order for order in self.waiting if order.asset == asset]

    def asking_of(self, asset: int) -> list[Order]:
        """Without a bracket's children: these only guard what is held, as levels do."""
        waiting = self.waiting_of(asset)
        if self.wrong("children_count_as_orders"):
            return waiting
        return [order for order in waiting if not order.is_child]

    def counted_of(self, asset: int) -> list[Order]:
        """Of orders of which one cancels the others the first is counted."""
        asking = self.asking_of(asset)
        if self.wrong("oco_counts_all"):
            return asking
        counted = [one for one in asking if one is first_of_ring(one)]
        if len(counted) < len(asking):
            self.met("oco_counted_once")
        return counted

    def after_orders(self, asset: int, orders: list[Order] | None = None) -> float:
        """The position after all that waits for the asset, or after these: p + R of section 3."""
        position = self.positions[asset]
        left = 0.0 if position is None else position.quantity
        entering, over = 0.0, False
        for order in self.counted_of(asset) if orders is None else orders:
            rest, d = order.rest, order.direction
            if order.reduce_only and self.wrong("closes_counted_in_full"):
                entering = entering + rest
                continue
            if left * rest < 0.0 and not (order.reduce_only and over):
                taken = min(abs(rest), abs(left))
                over_now = abs(left) - taken <= 1e-12 * taken
                left = 0.0 if over_now else left + d * taken
                over = over or over_now
                more = abs(rest) - taken
                rest = 0.0 if abs(more) <= 1e-12 * taken else d * more
            elif order.reduce_only:
                self.met("reduce_only_counted_once")
            if order.reduce_only:
                continue
            if self.settings.order_sequence == "submission":
                left = left + rest
            else:
                entering = entering + rest
        return left + entering

    # ----- filling market orders ----------------------------------------------------------------

    def fill_batch(self, batch: list[Order], moment: str) -> None:
        """Orders of all assets in one sequence, by submission (section 2): first every order
        against its position, then what is left; one pass under order_sequence="submission"."""
        if self.wrong("entries_before_exits"):
            for order in batch:
                self.fill_rest(order, moment, only_entries=True)
        if self.settings.order_sequence == "exits_first":
            for order in batch:
                if not self.has_one_turn(order, moment):
                    if self.is_against(order):
                        self.kill_unless_whole(order, moment)
                    self.fill_against(order, moment)
        tried: set[int] = set()
        for number, order in enumerate(batch):
            self.kill_unless_whole(order, moment)
            self.fill_against(order, moment)
            if self.opens_basket(order) and order.decision_time not in tried:
                tried.add(order.decision_time)
                self.fill_basket(batch[number:], order.decision_time, moment)
            self.fill_rest(order, moment)
            if order.immediate and order.status == "open":
                self.met("capped_immediate")
                self.end_immediate(order)

    def is_against(self, order: Order) -> bool:
        position = self.positions[order.asset]
        return position is not None and position.sign != order.direction

    def has_volume(self, order: Order) -> bool:
        """Whether an order whose turn has come finds volume left; the first that finds none tells."""
        if self.participation.left(order.asset) > 0.0:
            return True
        self.participation.tell(order.asset, order.id, order.rest, 0.0)
        return False

    def has_one_turn(self, order: Order, moment: str) -> bool:
        """A fill-or-kill order that goes beyond its position waits for its turn to enter."""
        position = self.positions[order.asset]
        if order.valid != "fok" or order.status != "open" or self.wrong("fok_exits_first"):
            return False
        if position is None or position.sign == order.direction:
            return False
        if order.money != 0.0 and not self.find_units(order, moment):
            return False
        return self.beyond(order)[1] > 0.0

    def kill_unless_whole(self, order: Order, moment: str) -> None:
        """Of a fill-or-kill market order, in its turn to enter."""
        if order.valid != "fok" or order.status != "open":
            return
        if order.money != 0.0 and not self.find_units(order, moment):
            return
        price = self.slip(order, self.marks[order.asset])
        if not self.fills_whole(order, price, may_enter=True):
            self.end_immediate(order)

    def beyond(self, order: Order) -> tuple[float, float]:
        """The units of an order against its position, and what it has beyond them."""
        position, wanted = self.positions[order.asset], abs(order.rest)
        if position is None or position.sign == order.direction:
            return 0.0, wanted
        closing = min(wanted, abs(position.quantity))
        rest = wanted - closing
        return closing, 0.0 if rest <= 1e-12 * closing else rest

    def fills_whole(self, order: Order, price: float, may_enter: bool) -> bool:
        """Whether all of a fill-or-kill order can fill: what goes beyond the position has to be paid,
        after its own exit."""
        closing, entering = self.beyond(order)
        if self.wrong("fok_fills_in_part"):
            return True
        if self.participation.cut(order.asset, abs(order.rest)) < abs(order.rest):
            self.met("fok_beyond_the_volume")
            return False
        if entering == 0.0:
            return True
        if not may_enter or (self.settings.account == "cash" and order.direction < 0.0):
            return False
        self.met("fok_through_zero" if closing > 0.0 else "fok_enters")
        if self.settings.on_insufficient == "allow":
            return True
        after, (cash, equity, gross) = copy(order), self.means()
        if closing > 0.0 and not self.wrong("fok_pays_before_its_exit"):
            units, mark = order.direction * closing, self.marks[order.asset]
            fee = self.fee(order, closing, price)
            cash = cash - (units * price + fee)
            equity = equity + (units * (mark - price) - fee)
            gross = gross - abs(units * mark)
            volume = self.commission.volume
            self.commission.count(after, closing, price, volume)
            volume = volume + self.commission.measure(closing, price)
            after.notional = order.notional + closing * price
            after.units = order.units + closing
        else:
            volume = None
        whole = self.can_pay(after, entering, price, cash, equity, gross, volume)
        return whole and (
            self.as_if is None or self.can_pay(after, entering, price, *self.as_if, volume)
        )

    def opens_basket(self, order: Order) -> bool:
        """Whether an order of a basket has come to its entry; under "allow" nothing has to be shared."""
        return (
            order.status == "open"
            and order.in_basket
            and not order.reduce_only
            and self.settings.on_insufficient != "allow"
            and not self.wrong("basket_pays_in_turn")
        )

    def fill_basket(self, batch: list[Order], accepted: int, moment: str) -> None:
        """All due orders of a basket as one: what each does against its position, then the entries."""
        joined: list[Order] = []
        for order in batch:
            if not (order.in_basket and order.decision_time == accepted and order.status == "open"):
                continue
            if self.before(order) in (None, *joined):
                joined.append(order)
                self.fill_against(order, moment)
        shares = Shares()
        for order in joined:
            if order.status == "open":
                self.add_share(shares, order)
        if len(shares) > 1:
            self.pay_shares(shares, moment)

    def before(self, order: Order) -> Order | None:
        """The market order that waits for the same asset before this one."""
        queue = [one for one in self.waiting_of(order.asset) if not one.rests]
        place = queue.index(order)
        return queue[place - 1] if place > 0 else None

    def add_share(self, shares: Shares, order: Order) -> None:
        """What the order is to enter once those before it have; the others come in their own turn."""
        before, position = self.before(order), self.positions[order.asset]
        held = 0.0 if position is None else position.quantity
        left = self.participation.left(order.asset)
        if before is not None:
            if before not in shares:
                self.met("basket_order_in_its_own_turn")
                return
            if not self.wrong("room_forgets_the_basket"):
                held = shares.reached[before]
            left = shares.left[before]
        if order.reduce_only or held * order.direction < 0.0 or left == 0.0:
            return
        units = self.within_target(order, abs(order.rest), held)
        if units == 0.0:
            self.cancel(order, "target_reached")
        elif self.settings.account == "cash" and order.direction < 0.0:
            self.reject(order, "short_in_cash_account", order.rest)
        else:
            price = self.slip(order, self.marks[order.asset])
            shares.add(order, held, units, price, left)

    def pay_shares(self, shares: Shares, moment: str) -> None:
        """All of them, or one part of each."""
        part = 1.0
        if not self.can_pay_shares(shares, 1.0):
            part = 0.0
            if self.settings.on_insufficient == "scale":
                part = search(1.0, lambda part: self.can_pay_shares(shares, part))
            self.met("basket_scaled" if part > 0.0 else "basket_rejected")
        else:
            self.met("basket_paid")
        for order in shares:
            if order.status == "open":  # else a rule has cancelled it at a fill before
                wanted, asked = shares.wanted[order], shares.units[order]
                units = shares.part_of(order, part, self.settings.whole)
                base, price = self.marks[order.asset], shares.price[order]
                if asked < wanted:
                    self.met("capped_in_a_basket")
                self.fill_entry(order, wanted, asked, units, base, price, moment)

    def can_pay_shares(self, shares: Shares, part: float) -> bool:
        """Whether so much of every share can be paid, one after the other."""
        margin, initial = self.settings.account == "margin", self.settings.initial_margin
        cash, (net, gross) = self.cash, self.exposure()
        equity = cash + net
        volume = self.commission.volume
        for order in shares:
            price = shares.price[order]
            units = shares.part_of(order, part, self.settings.whole)
            if units == 0.0:
                continue
            fee = 0.0 if self.wrong("scale_ignores_fee") else self.fee(order, units, price, volume)
            if margin and not initial * (gross + units * abs(price)) <= equity - fee:
                return False
            if not margin and not units * price + fee <= cash:
                return False
            if not self.wrong("basket_stays_in_its_tier"):
                volume = volume + self.commission.measure(units, price)
            if self.wrong("basket_spends_nothing"):
                continue
            cash = cash - (units * price + fee)
            equity = equity - fee
            gross = gross + units * abs(price)
        return True

    def within_target(self, order: Order, units: float, held: float) -> float:
        if self.wrong("target_goes_past"):
            return units
        return within_target(order, units, held)

    def fill_against(
        self,
        order: Order,
        moment: str,
        base: float = NAN,
        price: float = NAN,
        intrabar: str = "",
    ) -> None:
        """The part of an order against the position, up to the position's size; at the mark, but for
        orders that rest."""
        position = self.positions[order.asset]
        if order.status != "open" or position is None or order.direction == position.sign:
            return
        if not self.has_volume(order):
            return
        if order.money != 0.0:
            self.met("sized_against_a_position")
            if not self.find_units(order, moment):
                return
        wanted, held = abs(order.rest), abs(position.quantity)
        closing = wanted
        if len(self.asking_of(order.asset)) == 1:
            closing = self.within_target(order, wanted, position.quantity)
            if closing < wanted:
                self.met("exit_held_to_its_target")
            if closing == 0.0:
                return
        closing = closing if closing < held else held
        if held - closing <= 1e-12 * closing:
            closing = held  # the rest is exactly 0: the fill counts as the whole position
        full, closing = closing, self.participation.cut(order.asset, closing)
        is_cut = closing < full
        rest = wanted - closing
        if not is_cut and (rest <= 1e-12 * closing or order.reduce_only):
            rest = 0.0
        if is_cut:
            self.met("capped_inside" if moment == "inside" else f"capped_exit_{moment}")
            if not isnan(order.target):
                self.met("capped_target")
            asked, given = order.rest, order.direction * closing
            self.participation.tell(order.asset, order.id, asked, given)
        order.rest = order.direction * rest
        if order.reduce_only and held < wanted:
            self.met("reduce_only_cut")
        if not order.rests:
            base = self.marks[order.asset]
            price = self.slip(order, base)
        if rest == 0.0:
            self.finish(order, "filled")
        elif not is_cut:
            self.met("reversal")
        self.fill(order, order.direction * closing, price, base, moment, intrabar=intrabar)

    def find_units(self, order: Order, moment: str) -> bool:
        """At its first turn to fill an order of money becomes one of units; whether it is still open."""
        price, money = self.slip(order, self.marks[order.asset]), order.money
        if order.by_weight:
            equity = self.cash + self.exposure()[0]
            if equity <= 0.0:
                self.reject(order, "no_equity", order.rest)
                return False
            money = money * equity

        def within(units: float) -> bool:
            fee = 0.0 if self.wrong("fill_size_without_the_fee") else self.fee(order, units, price)
            return units * price + fee <= money

        whole, units = self.settings.whole, money / price
        if whole:
            units = floor_units(units)
        if not within(units):
            units = search(units, within)
            if whole:
                units = float(floor(units))
            self.met("sized_down_for_the_fee")
        if units < 1e-12:
            self.met("sized_to_nothing")
            self.reject(order, "zero_quantity", order.rest)
            return False
        order.money = 0.0
        signed = order.direction * units
        self.ledger.transition("sized", order, price=price, before=order.rest, after=signed)
        order.quantity = order.rest = signed
        self.met(f"sized_at_the_fill_{moment}")
        return True

    def slip(self, order: Order, price: float, is_stop: bool = False) -> float:
        if price < 0.0:
            self.met("fill_below_zero")
        bar = self.bar(order.asset)
        if self.wrong("costs_of_the_bar_before"):
            bar = self.market.bar(self.row_before[order.asset], order.asset)
        if bar is None:
            self.met("slipped_without_a_bar")
        return slipped(self, order, price, bar or NO_BAR, is_stop)

    def fill_rest(
        self,
        order: Order,
        moment: str,
        base: float = NAN,
        price: float = NAN,
        only_entries: bool = False,
    ) -> None:
        """The part of an order that opens a position or adds to it, if it can be paid; at the mark,
        but for orders that rest."""
        if order.status != "open":
            return
        position = self.positions[order.asset]
        if only_entries and position is not None and position.sign != order.direction:
            return
        if not self.has_volume(order):
            return
        if order.money != 0.0 and not self.find_units(order, moment):
            return
        settings = self.settings
        held = 0.0 if position is None else position.quantity
        wanted = self.within_target(order, abs(order.rest), held)
        if wanted == 0.0:
            self.cancel(order, "target_reached")
            return
        asked = self.participation.cut(order.asset, wanted)
        if not order.rests:
            base = self.marks[order.asset]
            price = self.slip(order, base)
        if settings.account == "cash" and order.direction < 0.0:
            self.reject(order, "short_in_cash_account", order.rest)
            return
        units = asked
        if settings.on_insufficient != "allow":
            payable = self.payable(order, price)
            if not payable(asked):
                units = 0.0
                if settings.on_insufficient == "scale":
                    units = scale_down(asked, payable, settings.whole)
        self.fill_entry(order, wanted, asked, units, base, price, moment)

    def fill_entry(
        self,
        order: Order,
        wanted: float,
        asked: float,
        units: float,
        base: float,
        price: float,
        moment: str,
    ) -> None:
        """Of the units wanted the volume leaves those asked, and so many of these can be paid. What the
        target left out is cancelled, what the volume cut off waits."""
        lack = "insufficient_cash" if self.settings.account == "cash" else "insufficient_margin"
        if units == 0.0:
            self.reject(order, lack, order.rest)
            return
        if units < asked:
            if units < 1e-9:
                self.met("scaled_to_dust")
            signed = order.direction * units
            self.event(order.asset, "scaled", order.id, lack, order.rest, signed)
        is_cut = asked < wanted and units == asked
        left_out = abs(order.rest) - (asked if is_cut else wanted)
        if is_cut:
            self.met("capped_inside" if moment == "inside" else f"capped_entry_{moment}")
            signed = order.direction * units
            self.participation.tell(order.asset, order.id, order.rest, signed)
            order.rest = order.direction * left_out
        elif left_out == 0.0:
            self.finish(order, "filled")
        else:
            order.rest = order.direction * left_out
            self.met("entry_held_to_its_target")
        self.fill(order, order.direction * units, price, base, moment)
        if order.status == "open" and (not is_cut or self.wrong("what_is_cut_off_is_cancelled")):
            self.cancel(order, "target_reached")
        self.protect(order, units)

    def protect(self, order: Order, units: float) -> None:
        """The children of a bracket: a stop and a limit for what an entry has brought."""
        position = self.positions[order.asset]
        prices = {
            "stop_loss": {"stop": order.stop_loss},
            "take_profit": {"limit": order.take_profit},
        }
        children = []
        for name, price in prices.items():
            if any(isnan(one) for one in price.values()):
                continue
            child = self.new_order(
                order.asset,
                -position.sign * units,
                name,
                reduce_only=True,
                position_number=position.number,
                exit_type=name,
                parent=order.id,
                decision_t=order.decision_t,
                decision_time=order.decision_time,
                decision_price=order.decision_price,
                **price,
            )
            child.limit = self.limit_on_tick(child, child.limit)
            self.waiting.append(child)
            self.met(f"bracket_{name}")
            children.append(child)
        if len(children) == 2:
            children[0].siblings, children[1].siblings = [children[1]], [children[0]]

    def join(self, order: Order, other: Order) -> None:
        """The order is one of those of which one cancels the others."""
        if not other.ring:
            other.ring = [other]
        other.ring.append(order)
        order.ring = other.ring

    def cancel_ring(self, order: Order) -> None:
        """The first fill of one cancels the others, by submission."""
        others = sorted((one for one in order.ring if one is not order), key=lambda one: one.id)
        if self.wrong("oco_others_wait") or (order.rest != 0.0 and self.wrong("oco_at_the_last")):
            return
        for one in (order, *others):
            one.ring = []
        for one in others:
            self.met("oco_cancelled" if one.asset == order.asset else "oco_cancelled_elsewhere")
            if order.rest != 0.0:
                self.met("oco_at_its_first_part")
            self.cancel(one, "one_cancels_other")

    def cut_siblings(self, order: Order, units: float) -> None:
        """One cancels the other: a fill takes as much from the others."""
        for other in order.siblings:
            if other.status != "open" or self.wrong("siblings_stay"):
                continue
            left = abs(other.rest) - units
            if left <= 1e-12 * units:
                self.cancel(other, "one_cancels_other")
                continue
            self.met("sibling_cut_in_part")
            before, rest = other.rest, other.direction * left
            other.rest, other.quantity = rest, other.filled + rest
            self.event(other.asset, "modified", other.id, "one_cancels_other", before, rest)

    def payable(self, order: Order, price: float):
        """Whether an entry of n at p can be paid (section 6), as a function of n: with the account as it
        is, and inside a bar with what it would be without the exits made there."""
        now = self.means()

        def can_pay(units: float) -> bool:
            with_now = self.can_pay(order, units, price, *now)
            if self.as_if is None or self.wrong("exits_inside_pay"):
                return with_now
            as_if = self.can_pay(order, units, price, *self.as_if)
            if with_now and not as_if:
                self.met("not_paid_by_exits_inside")
            if as_if and not with_now:
                self.met("paid_by_what_there_is_alone")
            return with_now and as_if

        return can_pay

    def means(self) -> tuple[float, float, float]:
        """Cash, equity and gross exposure."""
        net, gross = self.exposure()
        return self.cash, self.cash + net, gross

    def spend(self, fill: dict) -> None:
        """What an entry in step 3 takes of what there would be without the exits of the step."""
        cash, equity, gross = self.as_if
        units, price, fee = fill["quantity"], fill["price"], fill["commission"]
        mark = self.marks[self.market.assets.index(fill["asset"])]
        if self.wrong("entries_inside_spend_nothing"):
            return
        self.as_if = (
            cash - (units * price + fee),
            equity + (units * (mark - price) - fee),
            gross + abs(units * mark),
        )

    def can_pay(
        self,
        order: Order,
        units: float,
        price: float,
        cash: float,
        equity: float,
        gross: float,
        volume: float | None = None,
    ) -> bool:
        fee = 0.0 if self.wrong("scale_ignores_fee") else self.fee(order, units, price, volume)
        if self.settings.account == "cash":
            return units * price + fee <= cash
        size = price if self.wrong("negative_prices_free_margin") else abs(price)
        return self.settings.initial_margin * (gross + units * size) <= equity - fee

    def fee(self, order: Order, units: float, price: float, volume: float | None = None) -> float:
        """Of one more fill; volume: of the month before it, where that is not what has filled."""
        if self.wrong("minimum_for_each_fill"):
            return commission_total(self.settings, order.maker, units * abs(price), units)
        if self.wrong("no_fee_below_zero"):
            price = max(price, 0.0)
        fee = self.commission.fee(order, units, price, volume)
        return round(fee, 2) if self.wrong("fees_in_cents") else fee

    def tell_bounds(self, order: Order) -> None:
        """Count what has bounded what the order has paid."""
        notional, paid = abs(order.notional), order.paid
        if paid < 0.0:
            self.met("rebate")
        if order.maker and self.settings.commission_maker is not None:
            self.met("maker")
        if paid == self.settings.commission_maximum:
            self.met("commission_at_its_maximum")
        most = self.settings.commission_maximum_percent
        if most is not None and paid == notional * most:
            self.met("commission_at_its_maximum_percent")
            if paid < self.settings.commission_minimum:
                self.met("maximum_percent_below_the_minimum")

    # ----- one fill -----------------------------------------------------------------------------

    def fill(
        self,
        order: Order | None,
        quantity: float,
        price: float,
        base: float,
        moment: str,
        asset: int = -1,
        reason: str = "",
        intrabar: str = "",
    ) -> None:
        """Cash, position, trade and record of one fill. No order: cash in lieu."""
        units, fee, cash_before = abs(quantity), 0.0, self.cash
        if order is not None and order.on:
            self.met(f"{order.on}_under_{self.settings.fill_at}")
        self.exposure()
        if order is not None:
            asset, reason = order.asset, order.reason
            self.participation.take(asset, units)
            fee = self.fee(order, units, price)
            self.commission.book_fill(order, units, price)
            order.notional = order.notional + units * price
            order.average_price = averaged(order.average_price, order.units, price, units)
            order.units = order.units + units
            self.tell_bounds(order)
            order.filled = order.filled + quantity
            for name in order.stand_ins:
                self.met(name)
        if self.wrong("fee_credited"):
            self.cash = self.cash - (quantity * price - fee)
        else:
            self.cash = self.cash - (quantity * price + fee)
        position = self.positions[asset]
        held = 0.0 if position is None else position.quantity
        is_exit = position is not None and quantity * position.sign < 0.0
        after = (0.0 if position is None else position.quantity) + quantity
        if is_exit and units == abs(position.quantity):
            after = 0.0
        opens = position is None
        record = {
            "trade_id": self.positions_made + 1 if opens else position.number,
            "is_entry": not is_exit,
            "timestamp": self.now,
            "asset": self.market.assets[asset],
            "quantity": quantity,
            "price": price,
            "base_price": base,
            "commission": fee,
            "slippage_cost": units * abs(price - base),
            "spread_cost": units * (0.0 if order is None else order.split[0]),
            "impact_cost": units * (0.0 if order is None else order.split[1]),
            "moment": moment,
            "reason": reason,
            "intrabar": intrabar,
            "position_after": after,
            **cause_of_fill(order, is_exit),
        }
        self.out.fills.append(record)
        self.untold.append(("fill", record))
        self.ledger.fill(order, asset, record)
        self.tell_debt(cash_before, asset, 0 if order is None else order.id)
        self.touched.add(asset)
        self.met(f"fill_{moment}")
        prompt = 0 if self.settings.fill_at == "close" else 1
        if order is not None and order.filled == quantity and self.t - order.accepted_t > prompt:
            self.met("order_waited")
        if order is not None:
            self.cut_siblings(order, units)
            self.cancel_ring(order)
        if is_exit:
            self.reduce(position, order, record, after)
        elif position is None:
            self.open_position(order, record)
        else:
            self.add(position, order, record)
        self.move_exposure(asset, held)

    def tell_debt(self, cash_before: float, asset: int, order_id: int) -> None:
        """A cash account that a fill takes below zero: an event, once per fall."""
        falls = cash_before >= 0.0 or self.wrong("debt_told_again")
        if self.settings.account == "cash" and falls and self.cash < 0.0:
            self.event(asset, "negative_cash", order_id, "negative_cash", self.cash)
            if self.settings.on_insufficient != "allow":
                self.met("fee_took_cash_below_zero")

    def entry_price(self, record: dict) -> float:
        if self.wrong("commission_in_entry_price"):
            return record["price"] + record["commission"] / record["quantity"]
        return record["price"]

    def open_position(self, order: Order, record: dict) -> None:
        asset, moment = order.asset, record["moment"]
        price = self.entry_price(record)
        basis = price if isnan(order.decision_price) else order.decision_price
        self.positions_made += 1
        position = Position(
            number=self.positions_made,
            asset=asset,
            sign=order.direction,
            quantity=record["quantity"],
            entry=price,
            basis=basis,
            water=price,
            best=price,
            worst=price,
            opened_t=self.t,
            opened_at=moment,
            entry_time=record["timestamp"],
            entry_decision_t=order.decision_t,
            entry_decision_time=order.decision_time,
        )
        self.positions[asset] = position
        position.count_entry(record)
        if self.wrong("levels_survive_position") and asset in self.last_states:
            position.states = self.last_states[asset]
        # Section 4: at an opening at the open, features of the row before; at a close, of this row.
        # Market-wide values are those of the timestamp before.
        if moment != "close" and not self.wrong("features_of_today"):
            since = (
                (1.0, 0.0) if self.wrong("price_of_the_row_before_as_it_was") else self.since[asset]
            )
            inputs.read(self, position, self.t - 1, self.row_before[asset], since)
        else:
            inputs.read(self, position, self.t, self.t)
        self.ask(position, self.begin_states(position), opening=moment != "close")
        self.ledger.levels(position, self.row_before[asset] if moment != "close" else self.t)
        position.stop_at_entry, position.target_at_entry = self.stop_and_target(position)
        self.met(f"opened_at_{moment}")
        self.met("opened_long" if position.sign > 0.0 else "opened_short")
        if asset in self.traded:
            self.met("re_entry")

    def add(self, position: Position, order: Order, record: dict) -> None:
        price = self.entry_price(record)
        decided = record["price"] if isnan(order.decision_price) else order.decision_price
        if position.dividend_average > 0.0:
            self.met("add_after_a_dividend")
        position.add(abs(record["quantity"]), price, decided, self.wrong)
        if self.wrong("add_replaces_entry_price"):
            position.entry = price
        position.take_price(record["price"])
        position.count_entry(record)
        self.met("add")
        # An add at the open arms E-following levels anew at once, other adds at the next close.
        # A rule added since, not yet asked at a close, is not asked here.
        if record["moment"] == "open" and not self.wrong("add_leaves_levels"):
            self.ask(position, list(position.states), opening=True)
            self.ledger.levels(position, self.row_before[position.asset])

    # ----- asking the rules ---------------------------------------------------------------------

    def begin_states(self, position: Position) -> list[int]:
        """The rules that know nothing of the position yet; an event for each input they miss."""
        new = [
            index
            for index, rule in self.rules.items()
            if rule.applies_to(position.asset) and index not in position.states
        ]
        for index in new:
            position.states[index] = RuleState()
            inputs.warn_missing(self, index, position.states[index], position)
        return new

    def ask(self, position: Position, indexes: list[int], opening: bool) -> dict[int, Decision]:
        """Ask these rules for levels, one after the other; what a rule cancels is cancelled at
        once, also while orders fill. Returns what scripted rules answered."""
        answers = {}
        for index in indexes:
            rule = self.rules.get(index)
            if rule is None:  # removed; it left nothing but its state
                continue
            table = rule.opening if opening else rule.closing
            answer = table.get((self.t, position.asset))
            if answer is not None:
                answers[index] = answer
                if answer.cancel >= 0:
                    self.met("rule_cancelled_at_a_fill" if opening else "rule_cancelled_at_a_close")
                    self.cancel_waiting(answer.cancel)
            self.give_levels(rule, position.states[index], position, answer)
        self.measure_risk(position, indexes)
        return answers

    def measure_risk(self, position: Position, indexes: list[int]) -> None:
        """With the first stop in force the initial risk is known, and the targets that are multiples of it."""
        stop, _ = self.stop_and_target(position)
        known = not isnan(position.initial_risk) and not self.wrong("risk_follows_the_stop")
        if isnan(stop) or known:
            return
        if position.bars_held > 0 and isnan(position.initial_risk):
            self.met("risk_known_later")
        position.initial_risk = levels.risk(position, stop, self.settings)
        for index in indexes:
            rule = self.rules.get(index)
            if rule is not None and rule.form == "risk":
                side = "long" if position.sign > 0.0 else "short"
                some = position.initial_risk > 0.0
                self.met(f"target_by_the_risk_of_a_{side}" if some else "risk_of_nothing")
                self.give_levels(rule, position.states[index], position, None)

    def give_levels(self, rule: Rule, state: RuleState, position: Position, answer) -> None:
        before, target = state.stop, state.target
        if rule.kind == "regime":
            self.give_in_regimes(rule, state, position)
            return
        levels.give_levels(rule, state, position, self.settings, answer, self.wrong)
        self.count_gained(rule, position, before, state.stop)
        self.count_max_loss(rule, position, before, state.stop)
        if state.stop != before and (rule.tightens or rule.schedule) and not isnan(before):
            self.met("trail_tightened_by_bars" if rule.tightens else "trail_tightened_by_a_gain")
        if rule.live and (before, target) != (state.stop, state.target):
            self.met("live_input_moved_a_level")
        if rule.only_tighten and state.stop == before:
            free = RuleState()
            levels.give_levels(
                replace(rule, only_tighten=False), free, position, self.settings, None
            )
            if free.stop != before:
                self.met("stop_kept_from_loosening")

    def give_in_regimes(self, rule: Rule, state: RuleState, position: Position) -> None:
        before, ruled = state.regime, [said.stop for said in state.members]
        levels.give_levels(rule, state, position, self.settings, None, self.wrong)
        self.met("regime_by_bands" if rule.are_edges else "regime_by_labels")
        if rule.are_edges and before >= 0:
            at_once = levels.regime_of(replace(rule, hysteresis=0.0), state, position)
            if at_once != state.regime:
                self.met("regime_kept_by_hysteresis")
        if before in (-1, state.regime):
            return
        self.met("regime_changed")
        old, new = ruled[before], state.members[state.regime].stop
        if rule.only_tighten and not isnan(old):
            self.met("regime_left_a_stop")
        elif (new - old) * position.sign < 0.0:
            self.met("regime_loosened_a_stop")

    def count_max_loss(self, rule: Rule, position: Position, before: float, stop: float) -> None:
        if rule.form != "currency" or isnan(stop) or stop == before:
            return
        if isnan(before):
            self.met(f"max_loss_{'long' if position.sign > 0.0 else 'short'}")
        elif (stop - before) * position.sign < 0.0 and position.exited > 0.0:
            self.met("max_loss_moved_by_a_partial_exit")
        elif (stop - before) * position.sign > 0.0 and position.entered > abs(position.quantity):
            self.met("max_loss_moved_by_an_add")

    def count_gained(self, rule: Rule, position: Position, before: float, stop: float) -> None:
        """What becomes of a stop that waits for a gain."""
        if not rule.waits and rule.form != "gain":
            return
        if isnan(before) and not isnan(stop):
            name = "broke_even" if rule.form == "gain" else "trail_activated"
            self.met(f"{name}_{'long' if position.sign > 0.0 else 'short'}")
            if rule.costs * position.entry_commission > 0.0:
                self.met("broke_even_with_costs")
        if not isnan(before) and not levels.has_gained(rule, position, self.settings):
            self.met("stop_rests_below_its_gain")

    def cancel_waiting(self, number: int) -> None:
        """Cancel one of the orders that wait, counted by submission and from the start again."""
        if self.waiting:
            order = self.waiting[number % len(self.waiting)]
            if order.filled != 0.0:
                self.met("rest_cancelled")
            self.cancel(order, "cancel")

    def reduce(self, position: Position, order: Order | None, record: dict, after: float) -> None:
        """Realise at average cost; a position that is gone becomes a trade at once."""
        units, price = abs(record["quantity"]), record["price"]
        position.realised = position.realised + (price - position.entry) * (position.sign * units)
        position.exit_average = averaged(position.exit_average, position.exited, price, units)
        position.exited = position.exited + units
        position.commission = position.commission + record["commission"]
        position.slippage_cost = position.slippage_cost + record["slippage_cost"]
        position.quantity = after
        self.met(f"exit_{record['reason']}")
        if after != 0.0:
            position.take_price(price)
            self.met("partial_close")
            if self.wrong("partial_exit_disarms"):
                position.states = {}
            return
        asset = position.asset
        bar = self.bar(asset)
        in_bar = record["moment"] != "close" and record["order_id"] != 0
        opened_inside = position.opened_at == "inside" and position.opened_t == self.t
        if opened_inside and self.wrong("entry_inside_sees_the_open"):
            opened_inside = False
        if in_bar and bar is not None and not opened_inside:
            position.take_price(bar.open)
            if self.wrong("exit_bar_extremes"):
                position.take_price(bar.high)
                position.take_price(bar.low)
        position.take_price(price)
        stop, target = self.stop_and_target(position)
        decision_t = -1 if order is None else order.decision_t
        self.out.trades.append(
            position.trade(self.market, record, decision_t, stop, target, self.wrong)
        )
        self.positions[asset] = None
        self.traded.add(asset)
        self.last_states[asset] = position.states
        for order in list(self.waiting):
            own = order.position_number == position.number
            if own and not self.wrong("exits_outlive_the_position"):
                self.cancel(order, "position_closed")


def first_of_ring(order: Order) -> Order:
    """Of those of its ring that wait for the same asset, the first."""
    return min(
        (one for one in (order, *order.ring) if one.asset == order.asset), key=lambda one: one.id
    )
