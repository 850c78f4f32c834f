"""What the strategy is told, and what it does then (semantics 2)."""

from __future__ import annotations

from reference import strategy
from reference.book import Book
from reference.records import told_fill, told_order
from reference.script import Script


def tell(book: Book, script: Script, equity: float) -> None:
    """The queue as it stands now; what is rejected or cancelled meanwhile stands in the next one."""
    waiting, book.untold = book.untold, []
    if book.wrong("orders_told_after_fills"):
        waiting.sort(key=lambda one: one[0] == "order")
    for number, (kind, row) in enumerate(waiting):
        _tell(book, kind, row)
        _react(book, script, equity)
        if book.wrong("told_within_the_queue") and number + 1 == len(waiting):
            waiting += book.untold
            book.untold = []


def tell_the_rest(book: Book, script: Script, equity: float) -> None:
    """What is left, before `on_end`."""
    waiting, book.untold = book.untold, []
    if book.wrong("last_fills_untold"):
        waiting = [one for one in waiting if one[0] == "order"]
    for kind, row in waiting:
        book.met(f"{kind}_told_at_the_end")
        _tell(book, kind, row)
        _react(book, script, equity)
    book.out.told.append({"what": "end"})


def _tell(book: Book, kind: str, row: dict) -> None:
    book.n_told += 1
    if kind == "fill":
        book.out.told.append(told_fill(row))
        return
    book.met(f"told_{row['kind']}")
    order = book.orders[row["order_id"] - 1]
    book.out.told.append(told_order(row, order, book.wrong))


def _react(book: Book, script: Script, equity: float) -> None:
    act = script.replies.get(book.n_told)
    if act is None:
        return
    if act.kind == "cancel":
        book.met("cancelled_when_told" if book.waiting else "nothing_to_cancel_when_told")
        book.cancel_waiting(act.index)
    elif act.kind == "modify":
        book.modify(act.index, act.amount, act.limit, act.stop)
    else:
        book.met("ordered_when_told")
        strategy.per_asset(book, act, equity)
