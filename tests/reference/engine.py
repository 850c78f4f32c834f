"""The seven steps of semantics 2, each done for all assets, in asset order, before the next."""

from __future__ import annotations

from dataclasses import replace
from math import floor, isnan

from reference import inputs, levels, sessions_end, strategy, telling
from reference.book import Book
from reference.market import NAN, Bar, Market
from reference.orders import Order, floor_units, floored_target
from reference.positions import Position, RuleState
from reference.records import NO_END, NO_TIME, Equity, Outcome, order_record
from reference.rules import EXIT_ORDER, Rule
from reference.script import Script
from reference.settings import Settings
from reference.walk import Walk, touched


def run(
    market: Market,
    script: Script,
    rules: list[Rule],
    settings: Settings,
    mutation: str | None = None,
) -> Outcome:
    if not market.timestamps:
        raise ValueError("a run needs at least one timestamp, had none")
    return Engine(market, script, rules, settings, mutation).run()


class Engine:
    def __init__(self, market, script, rules, settings, mutation):
        book = Book(market, rules, settings, mutation)
        if market.calendar is not None and book.wrong("sessions_end_with_their_close"):
            market = replace(market, calendar=market.calendar._replace(after_hours=False))
            book = Book(market, rules, settings, mutation)
        self.market: Market = market
        self.script: Script = script
        self.settings: Settings = settings
        self.book = book
        self.wrong = self.book.wrong
        self.met = self.book.met
        self.peak = settings.initial_cash
        self.under_water = False  # equity <= 0 has been told
        self.mark_equity = settings.initial_cash

    def run(self) -> Outcome:
        book, market = self.book, self.market
        assets = range(len(market.assets))
        strategy.on_start(book, self.script)
        for t in range(len(market.timestamps)):
            book.t = t
            self.count_scene()
            self.corporate_actions()
            self.expire()
            self.at_the_open()
            self.inside()
            self.at_the_close()
            self.mark()
            self.strategy()
            if t == len(market.timestamps) - 1 and self.settings.close_at_end:
                self.close_at_end()
            self.record()
            for asset in assets:
                if book.bar(asset) is not None:
                    book.row_before[asset] = t
                    book.since[asset] = (1.0, 0.0)
        book.limits.equity = book.equity()
        telling.tell_the_rest(book, self.script, book.limits.equity)
        return self.report()

    def count_scene(self) -> None:
        book = self.book
        if all(book.bar(asset) is None for asset in range(len(self.market.assets))):
            self.met("no_row_at_all_while_held" if book.holds() else "no_row_at_all")
            if len(self.market.assets) == 1:
                self.met("no_row_of_a_single_asset")
        if len(self.market.assets) > 4 and len(book.holds()) > 4:
            self.met("many_held")

    # ----- 1. corporate actions -----------------------------------------------------------------

    def corporate_actions(self) -> None:
        whole_days = self.wrong("actions_at_midnight")
        splits, dividends = self.market.actions_of(self.book.t, whole_days)
        if splits and dividends:
            self.met("split_and_dividend_in_one_window")
        if self.wrong("dividends_before_splits"):
            for action in dividends:
                self.dividend(action.asset, action.value)
            dividends = []
        for action in splits:
            self.split(action.asset, action.value)
        for action in dividends:
            self.dividend(action.asset, action.value)

    def split(self, asset: int, ratio: float) -> None:
        """Mark, position, cash in lieu of a fraction, then the waiting orders."""
        book = self.book
        book.move_mark(asset, book.marks[asset] / ratio)
        book.closes[asset] = book.closes[asset] / ratio
        splits, paid = book.since[asset]
        book.since[asset] = (splits * ratio, paid / ratio)
        position = book.positions[asset]
        if position is not None:
            self.met("split_while_held")
            if self.closes_parts(position):
                self.met("scaled_split")
            if not self.wrong("split_keeps_the_holding"):
                book.touched.add(asset)
            position.split(
                ratio,
                levels_too=not self.wrong("split_leaves_levels"),
                risk_too=not self.wrong("splits_leave_risk"),
                parts_too=not self.wrong("splits_leave_parts"),
            )
            if self.settings.whole:
                self.cash_in_lieu(position)
            if book.positions[asset] is position:
                book.ledger.levels(position, book.row_before[asset], "split")
        for order in list(book.waiting):
            if order.asset == asset and not self.wrong("split_leaves_orders"):
                self.met("split_while_waiting")
                if position is None:
                    self.met("split_of_a_flat_asset_while_waiting")
                before = order.rest
                quantity = before * ratio
                if self.settings.whole:
                    quantity = floor_units(quantity)
                self.split_target(order, ratio)
                if quantity == 0.0:
                    book.cancel(order, "split")
                else:
                    order.rest = quantity
                    order.quantity = order.filled + quantity
                    if not self.wrong("split_leaves_order_prices"):
                        names = ["limit", "stop", "stop_loss", "take_profit", "water", "trail"]
                        if self.wrong("split_leaves_trails"):
                            names.remove("trail")
                        for name in names:
                            setattr(order, name, getattr(order, name) / ratio)
                    if not self.wrong("split_leaves_decision_close"):
                        order.decision_price = order.decision_price / ratio
                    book.ledger.adjusted(order, "split", before)

    def split_target(self, order: Order, ratio: float) -> None:
        if self.wrong("split_leaves_target"):
            return
        order.target = order.target * ratio
        if self.settings.whole and not isnan(order.target):
            order.target = floored_target(order.target)

    def cash_in_lieu(self, position: Position) -> None:
        """Under whole units the fraction left is paid out at the new mark, without costs."""
        book, held = self.book, abs(position.quantity)
        whole = float(floor(held + 1e-9))
        fraction = held - whole
        if fraction > 1e-9:
            mark = book.marks[position.asset]
            paid = -position.sign * fraction
            book.fill(None, paid, mark, mark, "open", asset=position.asset, reason="cash_in_lieu")
        position.quantity = position.sign * whole

    def dividend(self, asset: int, amount: float) -> None:
        """Credits longs and debits shorts on the units held now; lowers what lies below the market."""
        book, position = self.book, self.book.positions[asset]
        adjusts = self.settings.dividend_adjusts == "levels" or self.wrong(
            "dividend_always_adjusts"
        )
        if adjusts:
            splits, paid = book.since[asset]
            book.since[asset] = (splits, paid + amount)
            if not self.wrong("dividend_leaves_decision_close"):
                self.lower_decision_closes(asset, amount)
            self.lower_orders(asset, amount)
            if book.marks[asset] > amount and not self.wrong("dividend_leaves_the_mark"):
                book.move_mark(asset, book.marks[asset] - amount)
        if position is None and any(order.asset == asset for order in book.waiting):
            self.met("dividend_of_a_flat_asset_while_waiting")
        if position is None or (position.sign < 0.0 and self.wrong("shorts_pay_no_dividend")):
            return
        self.met("dividend_while_long" if position.sign > 0.0 else "dividend_while_short")
        value = position.quantity * amount
        book.cash = book.cash + value
        position.dividends = position.dividends + value
        if adjusts:
            before = book.stop_and_target(position)
            position.go_ex_dividend(amount, self.wrong)
            self.count_fallen(before, book.stop_and_target(position))
            book.ledger.levels(position, book.row_before[asset], "dividend")

    def lower_orders(self, asset: int, amount: float) -> None:
        """Orders that wait for prices below the market fall with it."""
        for order in self.book.waiting_of(asset):
            if not self.wrong("dividend_leaves_brackets"):
                self.lower_bracket(order, amount)
            if not order.rests or self.wrong("dividend_leaves_orders"):
                continue
            if order.waits_above and not self.wrong("dividend_lowers_all_orders"):
                continue
            order.limit = order.limit - amount
            order.stop = order.stop - amount
            if not self.wrong("dividend_leaves_trails"):
                order.water = order.water - amount
            self.met("dividend_lowered_an_order")
            gone = order.limit <= 0.0 or order.stop <= 0.0
            if gone and asset not in self.market.negative:
                self.book.cancel(order, "dividend")
            else:
                self.book.ledger.adjusted(order, "dividend", order.rest)

    def lower_bracket(self, order: Order, amount: float) -> None:
        """What the children of an order are to wait for below the market."""
        below = "stop_loss" if order.direction > 0.0 else "take_profit"
        price = getattr(order, below) - amount
        if price <= 0.0 and order.asset not in self.market.negative:
            self.met("dividend_took_a_bracket")
            price = NAN
        setattr(order, below, price)

    def lower_decision_closes(self, asset: int, amount: float) -> None:
        """What was decided before the dividend was decided at a price with it."""
        book = self.book
        book.closes[asset] = book.closes[asset] - amount
        for order in book.waiting:
            if order.asset == asset:
                order.decision_price = order.decision_price - amount

    def count_fallen(self, before: tuple[float, float], after: tuple[float, float]) -> None:
        for side, old, new in zip(("stop", "target"), before, after, strict=True):
            if new < old:
                self.met(f"dividend_lowered_a_{side}")
            if isnan(new) and not isnan(old):
                self.met("dividend_took_a_level")

    # ----- orders whose time is over ------------------------------------------------------------

    def expire(self) -> None:
        book = self.book
        for order in list(book.waiting):
            if order.valid == "day" and order.valid_until == NO_END:
                order.valid_until = self.market.day_orders_end(book.now)
                self.count_day(order.valid_until)
                if self.wrong("day_orders_live_after_hours"):
                    order.valid_until = self.market.session_end(book.now)
                if self.wrong("midnight_opens_a_session"):
                    order.valid_until -= 1
            over = order.valid_until < book.now
            if self.wrong("expires_at_its_time"):
                over = order.valid_until <= book.now
            if over:
                book.expire(order)

    def count_day(self, until: int) -> None:
        if self.market.calendar is not None:
            after_hours = self.market.calendar.session(self.book.now).close < self.book.now
            self.met("day_order_after_hours" if after_hours else "day_order_until_the_close")

    # ----- 2. the open --------------------------------------------------------------------------

    def at_the_open(self) -> None:
        book = self.book
        for asset in range(len(self.market.assets)):
            bar = book.bar(asset)
            if bar is not None:
                book.move_mark(asset, bar.open)
        book.fill_batch(self.with_row(self.due("next_open")), "open")

    def due(self, *fill_at: str) -> list[Order]:
        return [one for one in self.book.waiting if not one.rests and one.fill_at in fill_at]

    def with_row(self, orders) -> list[Order]:
        """The orders whose asset has a row at t; the others wait."""
        book = self.book
        if self.wrong("stale_fill"):
            return [order for order in orders if not isnan(book.marks[order.asset])]
        return [order for order in orders if book.bar(order.asset) is not None]

    # ----- 3. inside the bar --------------------------------------------------------------------

    def inside(self) -> None:
        book = self.book
        book.as_if = book.means()
        for asset in range(len(self.market.assets)):
            bar = book.bar(asset)
            if bar is None:
                continue
            if self.wrong("trailing_order_sees_today"):
                self.trail(book.waiting_of(asset))
            is_walked = self.settings.max_participation is not None or (
                book.positions[asset] is not None and self.settings.is_fine
            )
            is_walked = is_walked or self.closes_parts(book.positions[asset])
            if is_walked or touched(book.waiting_of(asset), bar):
                Walk(book, asset, bar, self.exit_by_level).walk()
            elif book.positions[asset] is not None:
                self.try_levels(book.positions[asset], bar)
        book.as_if = None

    def closes_parts(self, position: Position | None) -> bool:
        """The target in force leaves a position that the rest of the bar still meets."""
        if position is None or self.wrong("one_part_a_bar"):
            return False
        targets = levels.in_force(position, self.book.rules, False, self.wrong)
        return bool(targets) and targets[0].part > 0.0

    def try_levels(self, position: Position, bar: Bar) -> None:
        """A bar that reaches no order: levels alone."""
        book, settings = self.book, self.settings
        entry_bar = position.opened_t == book.t and position.opened_at == "open"
        if entry_bar and (not settings.check_entry_bar or self.wrong("entry_bar_skipped")):
            return
        if self.wrong("trail_sees_today"):
            position.take_water(bar.high if position.sign > 0.0 else bar.low)
            for index, state in position.states.items():
                if index in book.rules and book.rules[index].kind == "trailing_stop":
                    rule = book.rules[index]
                    levels.give_levels(rule, state, position, settings, None, self.wrong)
        stops = levels.in_force(position, book.rules, True, self.wrong)
        targets = levels.in_force(position, book.rules, False, self.wrong)
        stop = stops[0] if stops else None
        target = targets[0] if targets else None
        if stop is not None and target is not None:
            self.count_open(position.sign, bar, stop.level, target.level)
        hit = levels.try_bar(bar, position.sign, stop, target, settings, self.wrong)
        if hit is not None:
            self.count_hit(position, hit, stops if hit.is_stop else targets, entry_bar, bar)
            self.exit_by_level(position, hit)

    def exit_by_level(self, position: Position, hit: levels.Hit) -> None:
        """A level that is hit makes an order; its decision is the asset's row before this bar."""
        book = self.book
        before = book.row_before[position.asset]
        close = book.closes[position.asset]
        if self.wrong("level_decides_at_the_open"):
            close = book.marks[position.asset]
        quantity = -position.sign * levels.units_of_target(
            hit.won, position, self.settings, self.wrong
        )
        if quantity == 0.0:
            self.met("scaled_nothing_left_by_a_split")
            self.done(position, hit.won, 0.0, before)
            return
        units = book.participation.cut(position.asset, abs(quantity))
        is_cut, given = units < abs(quantity), -position.sign * units
        if is_cut and hit.won.part > 0.0:
            self.met("scaled_capped")
        if is_cut and not hit.is_stop and units == 0.0:
            self.met("capped_target_level")
            book.participation.tell(position.asset, 0, quantity, 0.0)
            return
        if (rule := book.rules[hit.won.rule]).form == "distance":
            self.met(f"{rule.kind}_at_a_distance")
            if position.split_ratio != 1.0:
                self.met("level_at_a_distance_after_a_split")
        forms = {
            book.rules[index].form
            for index, state in position.states.items()
            if index in book.rules
            and book.rules[index].kind == "trailing_stop"
            and not isnan(state.stop)
        }
        if len(forms) == 2 and rule.kind == "trailing_stop":
            self.met("trails_by_a_fraction_and_at_a_distance")
        if hit.is_stop and position.scaled_t >= 0:
            self.met("scaled_the_rest_by_a_stop")
        order = book.closing_order(
            position,
            hit.won.reason,
            source="level",
            exit_type=hit.won.exit_type,
            rule=hit.won.rule,
            level=hit.won.level,
            hit_at=hit.price if units > 0.0 else NAN,
            at_target=not hit.is_stop,
            decision_t=book.t if self.wrong("level_decides_in_its_bar") else before,
            decision_time=self.market.timestamps[before] if before >= 0 else NO_TIME,
            decision_price=close,
            quantity=quantity,
        )
        price = hit.price
        if (hit.is_stop and self.settings.slip_stops) or (
            not hit.is_stop and self.wrong("target_slipped")
        ):
            price = book.slip(order, hit.price, is_stop=hit.is_stop)
        if is_cut:
            book.participation.tell(position.asset, order.id, quantity, given)
        if is_cut and hit.is_stop:
            self.met("capped_stop_level_goes_on")
            at_close = self.wrong("rest_of_a_stop_level_waits_for_the_close")
            order.fill_at = "next_close" if at_close else "next_open"
            order.rest = quantity - given
            book.waiting.append(order)
        else:
            order.quantity = given
            book.finish(order, "filled")
            if is_cut:
                self.met("capped_target_level")
        if units > 0.0:
            book.fill(order, given, price, hit.price, hit.moment, intrabar=hit.intrabar)
        if hit.won.state is not None and book.positions[position.asset] is position:
            hit.won.state.closed = hit.won.state.closed + units
            if abs(quantity) - units <= 1e-12 * units:
                self.done(position, hit.won, units, before)

    def done(self, position: Position, won: levels.InForce, units: float, before: int) -> None:
        """A target has closed its part, or has none to close: it gives way to the next one at once."""
        won.state.done = units > 0.0
        won.state.target = NAN
        if not self.wrong("next_target_untold"):
            self.book.ledger.levels(position, before)
        self.count_part(position, won)

    def count_part(self, position: Position, won: levels.InForce) -> None:
        self.met(f"scaled_{'long' if position.sign > 0.0 else 'short'}")
        if position.scaled_t == self.book.t:
            self.met("scaled_twice_in_one_bar")
        position.scaled_t = self.book.t
        if position.largest < position.entered:
            self.met("scaled_after_an_add_to_less")
        targets = levels.in_force(position, self.book.rules, False)
        if targets and targets[0].rule != won.rule:
            self.met("scaled_gave_way_to_another_rule")

    def count_hit(self, position, hit, candidates, entry_bar, bar) -> None:
        side = "stop" if hit.is_stop else "target"
        self.met(f"{side}_{'gap' if hit.moment == 'open' else 'inside'}")
        self.met(f"{side}_{'long' if position.sign > 0.0 else 'short'}")
        if entry_bar:
            self.met("entry_bar_exit")
        if hit.intrabar:
            self.met(f"chose_{hit.intrabar}")
            self.met("both_levels_in_one_bar")
            self.met("ambiguous_bar")
        if hit.won.level in (bar.high, bar.low):
            self.met("level_just_touched")
        for loser in candidates[1:]:
            self.conflict(self.book.rules[hit.won.rule].kind, self.book.rules[loser.rule].kind)

    def count_open(self, sign: float, bar, stop: float, target: float) -> None:
        adverse = bar.low if sign > 0.0 else bar.high
        if (bar.open - target) * sign >= 0.0:
            if (bar.open - stop) * sign <= 0.0:
                self.met("open_meets_stop_and_target")
            elif (adverse - stop) * sign <= 0.0:
                self.met("open_beyond_target_stop_in_bar")

    def conflict(self, winner: str, loser: str) -> None:
        self.met("conflict")
        self.met(f"won_{winner}")
        self.met(f"lost_{loser}")

    # ----- 4. the close -------------------------------------------------------------------------

    def at_the_close(self) -> None:
        book = self.book
        for asset in range(len(self.market.assets)):
            bar = book.bar(asset)
            if bar is not None:
                book.closes[asset] = bar.close
                book.move_mark(asset, bar.close)
        if not self.wrong("trailing_order_sees_today"):
            self.trail(self.by_submission(book.waiting))
        decided: list[Order] = []
        for position in book.holds():
            if book.bar(position.asset) is None:
                if self.wrong("missing_rows_count_as_held"):
                    position.bars_held += 1
                continue
            self.track(position)
            order = self.ask_at_close(position)
            if order is not None:
                decided.append(order)
        earlier = [order for order in self.due("next_close", "close") if order not in decided]
        book.fill_batch(self.with_row(earlier), "close")
        if self.exits_at_close:
            book.fill_batch(decided, "close")

    def by_submission(self, waiting: list[Order]) -> list[Order]:
        """The order is seen where moves are written down, of two of them at least."""
        orders = sorted(waiting, key=lambda one: one.id)
        assets = [one.asset for one in orders if one.kind == "trailing_stop" and one.rests]
        if assets == sorted(assets) or not self.wrong("trailing_orders_told_by_asset"):
            return orders
        return sorted(orders, key=lambda one: one.asset)

    def trail(self, orders: list[Order]) -> None:
        """Trailing stop orders follow the bar."""
        for order in orders:
            bar = self.book.bar(order.asset)
            if bar is not None and order.kind == "trailing_stop" and order.rests:
                before, extreme = order.stop, bar.high if order.direction < 0.0 else bar.low
                by_close = self.settings.watermark == "close"
                if by_close or self.wrong("trailing_order_follows_closes"):
                    extreme = bar.close
                order.follow(extreme)
                if order.stop != before:
                    self.met("trailing_stop_moved")
                    self.book.ledger.trailed(order, before)

    @property
    def exits_at_close(self) -> bool:
        """Exits decided at a close fill at this close."""
        return self.settings.fill_at == "close" or self.settings.exit_decided_at_close == "close"

    def count_signal(self, rule: Rule, position: Position) -> None:
        self.met(
            f"signal_{'below' if isinstance(rule.below, str) or not isnan(rule.below) else 'above'}"
        )
        self.met(f"signal_of_a_{'long' if position.sign > 0.0 else 'short'}")
        if rule.side != 0:
            self.met("signal_of_one_side")

    def track(self, position: Position) -> None:
        """bars_held, water mark, best and worst price (sections 4 and 5)."""
        bar, settings = self.book.bar(position.asset), self.settings
        entry_bar = position.opened_t == self.book.t
        if not (entry_bar and self.wrong("entry_bar_not_held")):
            position.bars_held += 1
        high, low = bar.high, bar.low
        if (
            entry_bar
            and position.opened_at == "inside"
            and not self.wrong("entry_inside_sees_it_all")
        ):
            high, low = max(*position.seen, bar.close), min(*position.seen, bar.close)
        position.take_price(high)
        position.take_price(low)
        extreme = high if position.sign > 0.0 else low
        if settings.watermark == "close" or self.wrong("trail_from_close"):
            extreme = bar.close
        if entry_bar and settings.watermark_start == "entry_close":
            extreme = bar.close
        if not (entry_bar and settings.watermark_start == "fill"):
            position.take_water(extreme)
        if self.wrong("water_mark_falls"):
            position.water = extreme
            for index, state in position.states.items():
                if index in self.book.rules and self.book.rules[index].kind == "trailing_stop":
                    state.stop = NAN

    def ask_at_close(self, position: Position) -> Order | None:
        """Every rule, in the order added: levels for t+1, and exits decided now."""
        book, asset = self.book, position.asset
        exits = []
        inputs.read(book, position, book.t, book.t)
        asked = [index for index, rule in book.rules.items() if rule.applies_to(asset)]
        for index in asked:
            state = position.states.setdefault(index, RuleState())
            inputs.warn_missing(book, index, state, position)
        answers = book.ask(position, asked, opening=False)
        book.ledger.levels(position, book.t)
        for index in asked:
            rule, answer = book.rules[index], answers.get(index)
            rule = levels.in_regime(rule, position.states[index])
            exit_type, priority, reason = "", rule.priority, rule.kind
            compared = (NAN, NAN)
            if rule.kind == "time_exit":
                max_bars = levels.parameter(rule, position)  # NaN: no comparison holds
                late = position.bars_held >= max_bars
                if self.wrong("time_exit_late"):
                    late = position.bars_held > max_bars
                exit_type = "time_exit" if late else ""
                compared = (float(position.bars_held), max_bars)
            elif rule.kind == "session_exit":
                late, compared = sessions_end.is_late(book, rule, position, self.exits_at_close)
                exit_type = "time_exit" if late else ""
            elif rule.kind == "signal":
                says = levels.signals(rule, position, self.wrong)
                exit_type, reason = ("other" if says else ""), rule.column
                compared = levels.compared_by_signal(rule, position)
                if says:
                    self.count_signal(rule, position)
            elif rule.kind == "scripted" and answer is not None and answer.exit:
                exit_type, priority, reason = answer.exit_type, answer.priority, answer.reason
            elif self.wrong("silence_takes_exits_back"):
                exits.clear()
            if exit_type:
                if self.wrong("priority_ignored"):
                    priority = 0
                rank = (-priority, EXIT_ORDER.index(exit_type), index)
                exits.append((rank, exit_type, index, reason, compared))
        if not exits:
            return None
        exits.sort(key=lambda item: item[0])
        _, exit_type, index, reason, compared = exits[0]
        for loser in exits[1:]:
            self.conflict(book.rules[index].kind, book.rules[loser[2]].kind)
        for order in book.waiting:
            if order.by_rule and order.position_number == position.number:
                return None  # one exit by rule per position
        order = book.closing_order(
            position,
            reason,
            source="rule",
            fill_at="close" if self.exits_at_close else "next_open",
            exit_type=exit_type,
            rule=index,
        )
        book.waiting.append(order)
        book.ledger.compared(order, *compared)
        return order

    # ----- 5. the mark --------------------------------------------------------------------------

    def mark(self) -> None:
        self.book.sums = None
        self.mark_equity = self.book.equity()
        if self.mark_equity <= 0.0 and not self.under_water:
            self.book.event(-1, "negative_equity", 0, "negative_equity", self.mark_equity)
        self.under_water = self.mark_equity <= 0.0
        self.book.limits.at_the_mark(self.mark_equity)

    # ----- 6. the strategy ----------------------------------------------------------------------

    def strategy(self) -> None:
        book = self.book
        telling.tell(book, self.script, self.mark_equity)
        strategy.act(book, self.script, self.mark_equity)
        if book.untold:
            self.met("told_after_the_batch")
        if not self.wrong("refusals_told_next_time"):
            telling.tell(book, self.script, self.mark_equity)
        own_close = ("close", "next_close") if self.wrong("own_close_is_the_next") else ("close",)
        if self.settings.fill_at == "close":
            filled = len(book.out.fills)
            book.fill_batch(self.with_row(self.due(*own_close)), "close")
            if len(book.out.fills) > filled:
                book.limits.after_fills(book.equity())
        if self.wrong("told_after_the_strategy"):
            telling.tell(book, self.script, self.mark_equity)

    def close_at_end(self) -> None:
        book = self.book
        for position in book.holds():
            order = book.closing_order(position, "end_of_data", source="engine")
            base = book.marks[position.asset]
            units = abs(order.quantity)
            if book.participation.cut(position.asset, units) < units:
                self.met("closed_beyond_the_volume")
            book.finish(order, "filled")
            book.fill(order, order.quantity, book.slip(order, base), base, "close")

    # ----- 7. the record ------------------------------------------------------------------------

    def record(self) -> None:
        book = self.book
        equity, gross = book.equity(), book.gross()
        if equity > self.peak:
            self.peak = equity
        book.limits.record(equity, gross)
        leverage = gross / equity if equity > 0.0 else NAN
        drawdown = equity / self.peak - 1.0
        book.out.equity.append(
            Equity(book.now, equity, book.cash, gross, book.net(), leverage, drawdown)
        )
        book.out.held += [self.held(position) for position in book.holds()]
        for asset in sorted(book.touched):
            position = book.positions[asset]
            book.out.holdings.append(
                {
                    "time_index": book.t,
                    "asset": self.market.assets[asset],
                    "quantity": 0.0 if position is None else position.quantity,
                    "entry_price": NAN if position is None else position.entry,
                }
            )
        book.touched.clear()

    def held(self, position: Position) -> dict:
        mark = self.book.marks[position.asset]
        return {
            "timestamp": self.book.now,
            "asset": self.market.assets[position.asset],
            "quantity": position.quantity,
            "entry_price": position.entry,
            "mark": mark,
            "value": position.quantity * mark,
            "unrealized_pnl": (mark - position.entry) * position.quantity,
        }

    def report(self) -> Outcome:
        book = self.book
        for order in book.orders:
            book.out.orders.append(order_record(order, self.market, book.wrong))
        for position in book.holds():
            stop, target = book.stop_and_target(position)
            mark = book.marks[position.asset]
            book.out.positions.append(position.record(self.market, mark, stop, target, self.wrong))
            self.met("open_at_end")
        book.out.met["waiting_at_end"] += len(book.waiting)
        book.ledger.name_trades()
        return book.out
