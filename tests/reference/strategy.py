"""What the strategy asks for becomes orders (semantics 2.6 and 3)."""

from __future__ import annotations

from math import isnan

from reference.book import Book
from reference.market import NAN
from reference.opening_stop import may_arm_a_stop, opening_stop
from reference.orders import Order, floor_units, floored_target
from reference.rules import Rule
from reference.script import ON_START, Act, Script


def on_start(book: Book, script: Script) -> None:
    """Before the first bar: cash is all there is, and no asset has a mark."""
    book.t = ON_START
    for asset in range(len(book.market.assets)):
        for one in script.per_asset(ON_START, asset):
            per_asset(book, one, book.cash)
    _per_timestamp(book, script, book.cash)
    book.out.met["ordered_on_start"] += len(book.waiting)


def act(book: Book, script: Script, equity: float) -> None:
    """Step 6. `equity` is that of step 5; the marks are those of step 5 too."""
    for asset in range(len(book.market.assets)):
        if book.bar(asset) is not None:
            book.out.told.append({"what": "bar", "asset": book.market.assets[asset]})
            for one in script.per_asset(book.t, asset):
                per_asset(book, one, equity)
    book.out.told.append({"what": "batch", "timestamp": book.now})
    book.show()
    _per_timestamp(book, script, equity)


def _per_timestamp(book: Book, script: Script, equity: float) -> None:
    for one in script.per_timestamp(book.t):
        if one.kind == "target_weights":
            _target_weights(book, one, equity)
        elif one.kind == "cancel":
            book.cancel_waiting(one.index)
        elif one.kind == "modify":
            book.modify(one.index, one.amount, one.limit, one.stop)
        elif one.kind == "add_rule" and _lacks_a_stop(book, one.rule):
            book.met("risk_without_a_stop")  # an error, and no rule
        elif one.kind == "add_rule":
            book.rules[book.rules_added] = one.rule
            book.rules_added += 1
            book.inputs.extend(one.rule.inputs)
            book.met("rule_added_while_held" if book.holds() else "rule_added")
        else:
            for index in _meant(book, one):
                _remove_rule(book, index)
            for position in book.holds():
                has_row = book.bar(position.asset) is not None
                known_t = book.t if has_row else book.row_before[position.asset]
                book.ledger.levels(position, known_t)


def _lacks_a_stop(book: Book, rule: Rule) -> bool:
    """It multiplies the initial risk of an asset of which no rule can arm a stop."""
    meant = [asset for asset in range(len(book.market.assets)) if rule.applies_to(asset)]
    return rule.form == "risk" and not all(may_arm_a_stop(book, asset) for asset in meant)


def _meant(book: Book, one: Act) -> list[int]:
    """The rules in force that a removal means: one index, or every one that is this very object.
    Where none is, the one that equals it; several equals are several rules, and none is meant."""
    if one.rule is None:
        return [one.index] if one.index in book.rules or book.limits.has(one.index) else []
    same = [index for index, rule in book.rules.items() if rule is one.rule]
    equal = [index for index, rule in book.rules.items() if rule.equals(one.rule)]
    if len(equal) > len(same) > 0:
        book.met("equal_rules_left")
    if book.wrong("equal_rules_go_together"):
        return equal
    if same or len(equal) != 1:
        return same
    book.met("equal_rule_removed")
    return equal


def _remove_rule(book: Book, index: int) -> None:
    if book.limits.has(index):
        book.limits.remove(index)
        return
    book.met("rule_removed_while_held" if book.holds() else "rule_removed")
    for position in book.holds():
        state = position.states.get(index)
        if state is not None and not (isnan(state.stop) and isnan(state.target)):
            book.met("rule_removed_with_level")
    del book.rules[index]  # and with it, at once, its levels


def per_asset(book: Book, one: Act, equity: float) -> None:
    asset, mark = one.asset, _mark(book, one.asset)
    if one.kind != "close" and _trails(one) and _is_lost(book, one):
        _on_its_terms(book, _refuse(book, asset, "no_price"), one)
    elif one.kind == "buy":
        _plain(book, asset, one.amount, one)
    elif one.kind == "sell":
        _plain(book, asset, -one.amount, one)
    elif one.kind == "close":
        order = _close(book, asset)
        if order is not None:
            _on_its_terms(book, order, Act("close", asset, fill_at=one.fill_at))
    elif one.kind == "reduce":
        _reduce(book, asset, one.amount)
    elif one.kind == "target_quantity":
        _target(book, asset, one.amount, equity)
    elif one.kind in ("target_percent", "target_value"):
        _target_money(book, asset, one.kind, one.amount, equity)
    elif isnan(mark):
        _on_its_terms(book, _refuse(book, asset, "no_price"), one)
    elif one.kind in ("order_percent", "order_risk") and equity <= 0.0:
        _on_its_terms(book, _refuse(book, asset, "no_equity"), one)
    elif one.kind == "order_risk":
        _at_risk(book, one, _sized_at(book, one, mark), equity)
    else:
        _plain_money(book, one, _sized_at(book, one, mark), equity)


def _plain_money(book: Book, one: Act, price: float, equity: float) -> None:
    """An order of the units at this price; one that is sized at its fill keeps its money too."""
    by_weight = one.kind == "order_percent"
    units = one.amount * equity / price if by_weight else one.amount / price
    order = _plain(book, one.asset, units, one)
    if one.at_fill and not book.wrong("fill_size_of_the_close"):
        order.money, order.by_weight = abs(one.amount), by_weight
        if order.passed != 1.0:
            order.money = order.money * order.passed
        if by_weight and book.wrong("fill_size_of_the_equity_before"):
            order.money, order.by_weight = order.money * equity, False


def _at_risk(book: Book, one: Act, price: float, equity: float) -> None:
    """Units that lose so much of equity where they leave at their stop."""
    side, position = _side(one), book.positions[one.asset]
    risk = side * (price - _stop_of(book, one, side, price))
    if not 0.0 < risk <= 1e6 * abs(price):
        if isnan(one.stop_loss) and not may_arm_a_stop(book, one.asset):
            book.met("no_rule_to_size_by")  # an error, and no order
            return
        book.met("no_stop_to_size_by")
        _on_its_terms(book, _refuse(book, one.asset, "no_stop"), one)
        return
    if position is None:
        book.met("sized_by_the_risk_of_an_opening")
    elif position.sign * side < 0.0:
        book.met("sized_by_the_risk_of_the_other_side")
    else:
        book.met("sized_by_the_risk_of_an_add")
    _plain(book, one.asset, side * (abs(one.amount) * equity / risk), one)


def _stop_of(book: Book, one: Act, side: float, price: float) -> float:
    position = book.positions[one.asset]
    if not isnan(one.stop_loss):
        return one.stop_loss
    if (
        position is not None
        and position.sign * side > 0.0
        and not book.wrong("adds_risk_a_new_stop")
    ):
        return book.stop_and_target(position)[0]
    if book.wrong("risk_by_the_mark"):
        price = book.marks[one.asset]
    return opening_stop(book, one.asset, side, price)


def _sized_at(book: Book, one: Act, mark: float) -> float:
    """The price at which an amount of money becomes units."""
    price = one.stop if isnan(one.limit) else one.limit
    if _trails(one):
        price = _first_stop(book, one)
    return mark if isnan(price) or book.wrong("limits_sized_at_the_mark") else price


def _trails(one: Act) -> bool:
    return not (isnan(one.trail) and isnan(one.trail_percent))


def _is_lost(book: Book, one: Act) -> bool:
    """There is nothing to follow, or its stop is no price."""
    stop = _first_stop(book, one)
    size = abs(stop) if one.asset in book.market.negative else stop
    return not (1e-12 <= size <= 1e15 or (stop == 0.0 and one.asset in book.market.negative))


def _first_stop(book: Book, one: Act) -> float:
    """Behind the mark of the asset."""
    mark, s = book.marks[one.asset], -_side(one)
    if isnan(one.trail):
        return mark * (1.0 - s * one.trail_percent)
    return mark - s * one.trail


def _side(one: Act) -> float:
    if one.kind in ("buy", "sell"):
        return 1.0 if one.kind == "buy" else -1.0
    return 1.0 if one.amount >= 0.0 else -1.0


def _mark(book: Book, asset: int) -> float:
    bar = book.bar(asset)
    if bar is not None and book.wrong("sized_at_the_open"):
        return bar.open
    tomorrow = book.market.bar(book.t + 1, asset)
    if tomorrow is not None and book.wrong("sized_at_the_next_close"):
        return tomorrow.close
    return book.marks[asset]


def _target_weights(book: Book, one: Act, equity: float) -> None:
    """In asset order; a NaN weight leaves its asset alone; what is held or waited for and not
    named goes to zero unless keep_others."""
    for asset in range(len(book.market.assets)):
        if asset in one.weights:
            if not isnan(one.weights[asset]):
                _target_money(book, asset, "target_percent", one.weights[asset], equity)
                if book.wrong("weights_of_what_is_left"):
                    equity = equity - one.weights[asset] * equity
        elif not one.keep_others and (book.positions[asset] is not None or book.asking_of(asset)):
            _target(book, asset, 0.0, equity)
        elif not one.keep_others and book.wrong("weights_order_the_flat"):
            _submit(book, asset, 0.0)


def _target_money(book: Book, asset: int, kind: str, amount: float, equity: float) -> None:
    mark = _mark(book, asset)
    if amount == 0.0:
        _target(book, asset, 0.0, equity)
    elif isnan(mark):
        _refuse(book, asset, "no_price")
    elif equity <= 0.0:
        _refuse(book, asset, "no_equity")
    elif kind == "target_percent":
        _target(book, asset, amount * equity / mark, equity)
    else:
        _target(book, asset, amount / mark, equity)


def _target(book: Book, asset: int, units: float, equity: float) -> None:
    """The change from what the position is after all that waits; zero with nothing waiting is a close."""
    position = book.positions[asset]
    _take_back(book, asset, units)
    waiting = book.asking_of(asset)
    if units == 0.0 and not waiting:
        order = _close(book, asset)
        if order is not None:
            order.in_basket = True
        return
    whole = book.settings.whole
    floors_change = book.wrong("change_is_floored")
    target = floored_target(units) if whole and not floors_change else units + 0.0
    held = 0.0 if position is None else position.quantity
    after = held if book.wrong("target_ignores_waiting") else book.after_orders(asset)
    if waiting:
        book.met("target_counted_waiting")
    change = target - after
    tolerance = 1e-12 * max(abs(target), abs(after), _largest(held, book.counted_of(asset)))
    if abs(change) <= (0.0 if book.wrong("met_target_is_traded") else tolerance):
        book.met("target_met" if change == 0.0 else "target_met_but_for_rounding")
        return
    if whole and not floors_change and floor_units(change) == 0.0:
        return
    exit_waits = any(order.by_rule for order in waiting)
    if exit_waits and target * held > 0.0 and not book.wrong("target_beside_an_exit"):
        book.reject(book.new_order(asset, 0.0, "order"), "exit_pending", change)
        return
    if target != 0.0 and _is_left_alone(book, asset, target, change, equity):
        book.met("left_alone")
        return
    order = _submit(book, asset, change)
    order.target = target
    order.in_basket = True


def _take_back(book: Book, asset: int, units: float) -> None:
    """What the volume has cut off of an order of another target is not waited for."""
    position, waiting = book.positions[asset], book.asking_of(asset)
    if book.settings.max_participation is None or book.wrong("targets_take_nothing_back"):
        return
    exit_waits = any(order.by_rule for order in waiting)
    target = floored_target(units) if book.settings.whole else units
    if exit_waits and position is not None and target * position.quantity > 0.0:
        return
    for order in waiting:
        said = 0.0 if order.reduce_only else order.target
        if order.in_basket and said != target:
            book.met("target_took_back")
            book.cancel(order, "cancel")


def _largest(held: float, waiting: list[Order]) -> float:
    """The largest number of units in the sum after orders."""
    return max((abs(held), *(abs(order.rest) for order in waiting)))


def _is_left_alone(book: Book, asset: int, target: float, change: float, equity: float) -> bool:
    """Whether the settings hold the change for too small; without a mark it has no value."""
    settings, units = book.settings, abs(change)
    value = units * abs(book.marks[asset])
    if units <= settings.drift_band * abs(target):
        book.met("inside_the_drift_band")
        return not book.wrong("drift_is_traded")
    small = {
        "units": units < settings.min_trade_units,
        "value": value < settings.min_trade_value,
        "percent": value < settings.min_trade_percent * equity,
    }
    for name in small:
        if small[name]:
            book.met(f"too_small_by_{name}")
    return any(small[name] and not book.wrong(f"small_{name}_traded") for name in small)


def _plain(book: Book, asset: int, asked: float, one: Act) -> Order:
    """Buy or sell. Where an exit is taking the units already, an event says so."""
    position, waiting = book.positions[asset], book.asking_of(asset)
    after = book.after_orders(asset)
    order = _on_its_terms(book, _submit(book, asset, asked, _named(book, one)), one)
    if order.rest == 0.0 or position is None or position.sign * order.rest > 0.0:
        return order
    wanted = min(abs(order.rest), abs(position.quantity))
    free = max(position.sign * after, 0.0)
    closes = any(other.reduce_only for other in waiting)
    if closes and wanted - free > 1e-12 * wanted and not book.wrong("duplicate_exit_untold"):
        given = order.direction * free
        book.event(asset, "duplicate_exit", order.id, "exit_pending", order.quantity, given)
    return order


def _on_its_terms(book: Book, order: Order, one: Act) -> Order:
    """What it waits for, and how long; an order that is refused has them too."""
    book.made.append(order)
    order.limit, order.stop = book.limit_on_tick(order, one.limit), one.stop
    order.valid, order.valid_until = one.valid, one.valid_until
    order.on = {"next_open": "market_on_open", "next_close": "market_on_close"}.get(one.fill_at, "")
    if one.fill_at and not book.wrong("fill_at_of_all"):
        order.fill_at = one.fill_at
    if _trails(one):
        order.trail, order.trail_percent = one.trail, one.trail_percent
        order.water = book.marks[order.asset]
        order.stop = NAN if _is_lost(book, one) else _first_stop(book, one)
    order.stop_loss, order.take_profit = one.stop_loss, one.take_profit
    return order


def _named(book: Book, one: Act) -> Order | None:
    return book.made[-1 - one.oco] if 0 <= one.oco < len(book.made) else None


def _submit(book: Book, asset: int, asked: float, other: Order | None = None) -> Order:
    """A plain market order, floored under whole units; zero units are rejected. It may name another,
    of which one cancels the other."""
    passed, cut = asked, None
    late = other is not None and other.filled != 0.0 and not book.wrong("oco_of_what_has_filled")
    if abs(asked) >= 1e-12:
        if book.limits.cannot_measure(asset):
            order = book.new_order(asset, 0.0, "order")
            book.reject(order, "no_price", asked)
            return order
        passed, cut = book.limits.admit(asset, asked, is_refused=late)
    quantity = floor_units(passed) if book.settings.whole else passed
    if abs(quantity) < 1e-12:
        quantity = 0.0
    if quantity != 0.0 and late:
        order = book.new_order(asset, 0.0, "order")
        book.reject(order, "one_cancels_other", quantity)
        return order
    order = book.new_order(asset, quantity, "order")
    if quantity == 0.0 and cut is not None:
        book.reject(order, cut.limit.kind, asked, cut.rule)
        return order
    if quantity == 0.0:
        book.reject(order, "zero_quantity", asked)
        return order
    order.passed = 1.0 if cut is None else passed / asked
    no_short = book.limits.forbids_short(quantity)
    if (book.limits.halts or no_short) and not book.wrong("limits_ask_nobody"):
        book.met("reduce_only_for_long_only" if no_short else "reduce_only_in_a_halt")
        order.reduce_only, order.position_number = True, book.positions[asset].number
    book.waiting.append(order)
    if other is not None and other.status == "open":
        book.join(order, other)
    elif other is not None:
        book.met("oco_of_what_has_ended")
    if cut is not None:
        book.event(asset, "scaled", order.id, cut.limit.kind, asked, quantity, cut.rule)
    return order


def _close(book: Book, asset: int) -> Order | None:
    """What the position holds now, reduce-only and unrounded; flat, it makes no order."""
    position = book.positions[asset]
    if position is None:
        return None
    order = book.closing_order(position, "close")
    book.waiting.append(order)
    return order


def _reduce(book: Book, asset: int, asked: float) -> None:
    """A reduce-only order of so many units; without a position against it, it is rejected."""
    position = book.positions[asset]
    if position is None or position.sign * asked > 0.0:
        book.reject(book.new_order(asset, 0.0, "order"), "no_position", asked)
        return
    order = book.closing_order(position, "order")
    order.quantity = order.rest = asked
    book.waiting.append(order)


def _refuse(book: Book, asset: int, reason: str) -> Order:
    order = book.new_order(asset, 0.0, "order")
    book.reject(order, reason, 0.0)
    return order
