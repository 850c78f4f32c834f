"""The ledger of semantics 8: a row for every decision, and for what comes of it."""

from __future__ import annotations

from math import isnan

from reference import levels
from reference.market import NAN
from reference.orders import Order
from reference.positions import Position
from reference.records import NO_TIME

NO_LEVEL = (
    -1,
    NAN,
    "",
    "",
    None,
)  # rule, level, exit type, reason, and which target of a scaled exit


class Ledger:
    """Writes the rows of a run as they happen; the trades of orders are known at its end."""

    def __init__(self, book) -> None:
        self.book = book
        self.told: dict[tuple[int, bool], tuple] = {}  # (position, is a stop)

    @property
    def tells_decisions(self) -> bool:
        return self.book.settings.ledger != "fills"

    @property
    def tells_moves(self) -> bool:
        return self.book.settings.ledger == "all" or (
            self.tells_decisions and self.book.wrong("moves_are_decisions")
        )

    def row(self, kind: str, asset: int, **given) -> dict:
        book = self.book
        row = {
            "timestamp": book.now,
            "kind": kind,
            "asset": book.market.assets[asset] if asset >= 0 else "",
            "order_id": 0,
            "trade_id": 0,
            "fill": -1,
            "rule": -1,
            "exit_type": "",
            "reason": "",
            "level": NAN,
            "price": NAN,
            "before": NAN,
            "after": NAN,
            "decision_time": NO_TIME,
            "information_time": NO_TIME,
        } | given
        book.out.ledger.append(row)
        book.met(f"ledger_{kind}")
        return row

    def of_order(self, order: Order) -> dict:
        return {
            "order_id": order.id,
            "rule": order.rule,
            "decision_time": order.decision_time,
            "information_time": self.time_of(order.decision_t),
        }

    def time_of(self, t: int) -> int:
        return self.book.market.timestamps[t] if t >= 0 else NO_TIME

    # ----- orders, fills, events ----------------------------------------------------------------

    def made(self, order: Order, hit_at: float) -> None:
        """An order has been made; one of no units was refused."""
        bar = self.book.market.bar(order.decision_t, order.asset) if order.decision_t >= 0 else None
        close = NAN if bar is None else bar.close
        own = self.of_order(order) | {"reason": order.reason}
        if order.source == "rule":
            self.row("decided", order.asset, price=close, exit_type=order.exit_type, **own)
        elif order.source == "level":
            level = {"level": order.level, "price": hit_at, "exit_type": order.exit_type}
            self.row("hit", order.asset, **level, **own)
        if order.quantity != 0.0 or self.book.wrong("refusals_are_accepted"):
            self.row("accepted", order.asset, price=close, after=order.quantity, **own)

    def fill(self, order: Order | None, asset: int, fill: dict) -> None:
        kind = "paid_out" if order is None else "partly_filled"
        if order is not None and (
            order.status == "filled" or self.book.wrong("a_part_is_the_whole")
        ):
            kind = "filled"
        own = {} if order is None else self.of_order(order)
        own |= {name: fill[name] for name in ("exit_type", "reason", "level", "price", "rule")}
        number = len(self.book.out.fills) - 1
        own |= {"trade_id": fill["trade_id"], "fill": number, "after": fill["quantity"]}
        self.row(kind, asset, **own)

    def event(self, asset: int, event: dict) -> None:
        order_id, rule = event["order_id"], event["rule"]
        if order_id:
            own = self.of_order(self.book.orders[order_id - 1])
        else:
            position = self.book.positions[asset] if asset >= 0 else None
            now, known = self.book.now, event["kind"] != "nan_input"
            own = {
                "trade_id": 0 if position is None else position.number,
                "rule": -1,
                "decision_time": now,
                "information_time": now if known else NO_TIME,
            }
        own |= {"rule": own["rule"] if rule < 0 else rule, "reason": event["reason"]}
        self.row(event["kind"], asset, before=event["asked"], after=event["given"], **own)

    # ----- what becomes of orders that wait -----------------------------------------------------

    def transition(self, kind: str, order: Order, reason: str = "", **numbers) -> None:
        untold = kind == "triggered" and self.book.wrong("triggers_untold")
        if self.tells_decisions and not untold:
            self.row(kind, order.asset, **(self.of_order(order) | {"reason": reason} | numbers))

    def compared(self, order: Order, number: float, bound: float) -> None:
        """On what an exit was decided at a close."""
        if isnan(number) or self.book.wrong("comparisons_untold"):
            return
        if self.book.wrong("compared_the_other_way_round"):
            number, bound = bound, number
        self.transition("compared", order, order.reason, before=number, after=bound)

    def adjusted(self, order: Order, reason: str, before: float) -> None:
        if reason == "dividend" and self.book.wrong("adjusted_by_splits_alone"):
            return
        level = order.awaited if order.rests else NAN
        self.transition("adjusted", order, reason, level=level, before=before, after=order.rest)

    def trailed(self, order: Order, before: float) -> None:
        if self.tells_moves:
            numbers = {"level": order.stop, "price": order.water}
            self.book.met("ledger_trailing_order_moved")
            self.transition("moved", order, before=before, after=order.stop, **numbers)

    # ----- levels -------------------------------------------------------------------------------

    def levels(self, position: Position, known_t: int, reason: str = "") -> None:
        """Tell the levels in force that are others than those told last."""
        if not self.tells_decisions:
            return
        if self.book.wrong("levels_known_in_their_bar"):
            known_t = self.book.t
        sides = (False, True) if self.book.wrong("targets_told_first") else (True, False)
        for is_stop in sides:
            self.level(position, is_stop, known_t, reason)

    def level(self, position: Position, is_stop: bool, known_t: int, reason: str) -> None:
        found = levels.in_force(position, self.book.rules, is_stop)
        rule, level, exit_type, why, _ = now = NO_LEVEL
        if found:
            one = found[0]
            now = (one.rule, one.level, one.exit_type, one.reason, one.state)
            rule, level, exit_type, why, _ = now
        key = (position.number, is_stop)
        before = self.told.get(key, NO_LEVEL)
        self.told[key] = now
        own = {
            "trade_id": position.number,
            "price": position.water,
            "decision_time": self.book.now,
            "information_time": self.time_of(known_t),
        }
        if rule == before[0] and now[4] is before[4]:
            moves = rule >= 0 and level != before[1]
            if not (moves and self.tells_moves):
                return
            own |= {"before": before[1]}
            kind = "moved"
        elif rule >= 0:
            kind = "armed"
            if before[0] >= 0 and before[0] != rule:
                self.book.met("ledger_armed_by_another_rule")
            elif before[0] >= 0:
                self.book.met("ledger_armed_the_next_target")
        else:
            kind = "disarmed"
            rule, _, exit_type, why, _ = before
            if self.book.wrong("silence_of_levels_that_go"):
                return
        if reason and not self.book.wrong("rules_move_what_actions_move"):
            why = reason
            self.book.met("ledger_level_moved_by_an_action")
        own |= {"rule": rule, "exit_type": exit_type, "reason": why, "level": level, "after": level}
        self.row(kind, position.asset, **own)

    # ----- the end ------------------------------------------------------------------------------

    def name_trades(self) -> None:
        """The trade of each order: of a reduce-only one its position's; else that of its first entry fill, of its
        first fill where it has entered nothing."""
        book = self.book
        for row in book.out.ledger:
            if row["order_id"] and not row["trade_id"]:
                row["trade_id"] = self.trade_of(book.orders[row["order_id"] - 1])
            if row["kind"] == "accepted" and book.wrong("accepted_as_it_ended"):
                row["after"] = book.orders[row["order_id"] - 1].quantity

    def trade_of(self, order: Order) -> int:
        if order.position_number:
            return order.position_number
        fills = [fill for fill in self.book.out.fills if fill["order_id"] == order.id]
        entries = [fill for fill in fills if fill["is_entry"]]
        if fills and entries and entries[0] is not fills[0]:
            self.book.met("ledger_order_of_two_trades")
        if entries and not self.book.wrong("an_order_is_of_its_first_trade"):
            return entries[0]["trade_id"]
        return fills[0]["trade_id"] if fills else 0
