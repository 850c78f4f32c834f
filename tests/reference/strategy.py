"""What the strategy asks for becomes orders (semantics 2.6 and 3)."""

from __future__ import annotations

from math import isnan

from reference.book import Book
from reference.orders import Order, floor_units
from reference.script import ON_START, Act, Script


def on_start(book: Book, script: Script) -> None:
    """Before the first bar: cash is all there is, and no asset has a mark."""
    book.t = ON_START
    for asset in range(len(book.market.assets)):
        for one in script.per_asset(ON_START, asset):
            _per_asset(book, one, book.cash)
    _per_timestamp(book, script, book.cash)
    book.out.met["ordered_on_start"] += len(book.waiting)


def act(book: Book, script: Script, equity: float) -> None:
    """Step 6. `equity` is that of step 5; the marks are those of step 5 too."""
    for asset in range(len(book.market.assets)):
        if book.bar(asset) is not None:
            for one in script.per_asset(book.t, asset):
                _per_asset(book, one, equity)
    book.show()
    _per_timestamp(book, script, equity)


def _per_timestamp(book: Book, script: Script, equity: float) -> None:
    for one in script.per_timestamp(book.t):
        if one.kind == "target_weights":
            _target_weights(book, one, equity)
        elif one.kind == "cancel":
            book.cancel_waiting(one.index)
        elif one.kind == "add_rule":
            book.rules[book.rules_added] = one.rule
            book.rules_added += 1
            if one.rule.column:
                book.columns.append(one.rule.column)
            book.met("rule_added_while_held" if book.holds() else "rule_added")
        else:
            for index in _meant(book, one):
                _remove_rule(book, index)


def _meant(book: Book, one: Act) -> list[int]:
    """The rules in force that a removal means: one index, or every one that is this very object.
    Where none is, the one that equals it; several equals are several rules, and none is meant."""
    if one.rule is None:
        return [one.index] if one.index in book.rules else []
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
    book.met("rule_removed_while_held" if book.holds() else "rule_removed")
    for position in book.holds():
        state = position.states.get(index)
        if state is not None and not (isnan(state.stop) and isnan(state.target)):
            book.met("rule_removed_with_level")
    del book.rules[index]  # and with it, at once, its levels


def _per_asset(book: Book, one: Act, equity: float) -> None:
    asset, mark = one.asset, _mark(book, one.asset)
    if one.kind == "buy":
        _submit(book, asset, one.amount)
    elif one.kind == "sell":
        _submit(book, asset, -one.amount)
    elif one.kind == "close":
        _close(book, asset)
    elif one.kind == "reduce":
        _reduce(book, asset, one.amount)
    elif one.kind == "target_percent":
        _target(book, asset, one.amount, equity, None)
    elif one.kind == "target_value":
        _target(book, asset, None, equity, one.amount)
    elif isnan(mark):
        _refuse(book, asset, "no_price")
    elif one.kind == "order_percent" and equity <= 0.0:
        _refuse(book, asset, "no_equity")
    elif one.kind == "order_percent":
        _submit(book, asset, one.amount * equity / mark)
    else:
        _submit(book, asset, one.amount / mark)


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
                _target(book, asset, one.weights[asset], equity, None)
                if book.wrong("weights_of_what_is_left"):
                    equity = equity - one.weights[asset] * equity
        elif not one.keep_others and (book.positions[asset] is not None or _waiting(book, asset)):
            _target(book, asset, 0.0, equity, None)
        elif not one.keep_others and book.wrong("weights_order_the_flat"):
            _submit(book, asset, 0.0)


def _target(book: Book, asset: int, weight, equity: float, value) -> None:
    """The difference to what is held and waited for. Zero with nothing waiting is a close."""
    waiting = _waiting(book, asset)
    if (weight if value is None else value) == 0.0 and not waiting:
        _close(book, asset)
        return
    mark = _mark(book, asset)
    if isnan(mark):
        _refuse(book, asset, "no_price")
        return
    if equity <= 0.0:
        _refuse(book, asset, "no_equity")
        return
    target = weight * equity / mark if value is None else value / mark
    position = book.positions[asset]
    pending = 0.0
    if not book.wrong("target_ignores_waiting"):
        for order in waiting:
            pending = pending + order.rest
            book.met("target_counted_waiting")
    change = target - ((0.0 if position is None else position.quantity) + pending)
    if change != 0.0:
        _submit(book, asset, change)


def _waiting(book: Book, asset: int) -> list[Order]:
    return [order for order in book.waiting if order.asset == asset]


def _submit(book: Book, asset: int, asked: float) -> None:
    """A plain market order, floored under whole units; zero units are rejected."""
    quantity = floor_units(asked) if book.settings.whole else asked
    if abs(quantity) < 1e-12:
        quantity = 0.0
    order = book.new_order(asset, quantity, "order")
    if quantity == 0.0:
        book.reject(order, "zero_quantity", asked)
    else:
        book.waiting.append(order)


def _close(book: Book, asset: int) -> None:
    """What the position holds now, reduce-only and unrounded; flat, it makes no order."""
    position = book.positions[asset]
    if position is not None:
        book.waiting.append(book.closing_order(position, "close"))


def _reduce(book: Book, asset: int, asked: float) -> None:
    """A reduce-only order of so many units; without a position against it, it is rejected."""
    position = book.positions[asset]
    if position is None or position.sign * asked > 0.0:
        book.reject(book.new_order(asset, 0.0, "order"), "no_position", asked)
        return
    order = book.closing_order(position, "order")
    order.quantity = order.rest = asked
    book.waiting.append(order)


def _refuse(book: Book, asset: int, reason: str) -> None:
    book.reject(book.new_order(asset, 0.0, "order"), reason, 0.0)
