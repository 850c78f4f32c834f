"""The ledger: what orders, fills and events say, and what the engine kept beside them, in one order."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ml4t.backtest.core import records as codes

Arrays = Mapping[str, npt.NDArray[Any]]
Int64s = npt.NDArray[np.int64]

OWN_KINDS = ("decided", "hit", "accepted", "filled", "partly_filled", "paid_out")
DECIDED, HIT, ACCEPTED, FILLED, PARTLY_FILLED, PAID_OUT = range(len(OWN_KINDS))

KINDS = (*OWN_KINDS, *codes.EVENT_KINDS, *codes.LEDGER_KINDS)
"""What a row tells: the words of events are theirs."""

_FIRST_EVENT = len(OWN_KINDS)
_FIRST_KEPT = _FIRST_EVENT + len(codes.EVENT_KINDS)
_REJECTED = codes.EVENT_KINDS.index("rejected")
_NAN_INPUT = codes.EVENT_KINDS.index("nan_input")
_STATUS_FILLED = codes.ORDER_STATUSES.index("filled")
_BY_RULE, _BY_LEVEL = codes.ORDER_SOURCES.index("rule"), codes.ORDER_SOURCES.index("level")

COLUMNS: dict[str, tuple[Any, Any]] = {
    "timestamp": (np.int64, codes.NO_TIME),
    "kind": (np.int64, 0),
    "asset": (np.int64, -1),
    "order_id": (np.int64, 0),
    "trade_id": (np.int64, 0),
    "fill": (np.int64, -1),
    "rule": (np.int64, -1),
    "exit_kind": (np.int64, 0),
    "reason": (np.int64, 0),
    "level": (np.float64, np.nan),
    "price": (np.float64, np.nan),
    "before": (np.float64, np.nan),
    "after": (np.float64, np.nan),
    "decision_time": (np.int64, codes.NO_TIME),
    "information_time": (np.int64, codes.NO_TIME),
}
"""Column to its type, and what stands where a row has none."""


class Decisions(NamedTuple):
    """What was known at the decision row of each order."""

    time: Int64s
    """nanoseconds UTC; the smallest int64: there was no row"""
    close: npt.NDArray[np.float64]


def decisions_of(data: Any, rows: Int64s) -> Decisions:
    """Read the times and closes of decision rows; -1 is none.

    Parameters
    ----------
    data : MarketData
    rows : int64 array
    """
    if data.n_rows == 0:
        return Decisions(np.full(len(rows), codes.NO_TIME), np.full(len(rows), np.nan))
    missing = rows < 0
    time = data.timestamps[np.searchsorted(data.offsets, rows, side="right") - 1]
    return Decisions(
        np.where(missing, codes.NO_TIME, time), np.where(missing, np.nan, data.close[rows])
    )


def ledger_columns(records: Arrays, decisions: Decisions) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of the ledger, codes for names, rows in the order in which things happened.

    Parameters
    ----------
    records : mapping
        The structured arrays of ``core/records.py``: ``orders``, ``fills``, ``events`` and ``ledger``.
    decisions : Decisions
        By order.
    """
    parts = _Parts(records, decisions)
    rows = [parts.made(), parts.accepted(), parts.filled(), parts.told(), parts.kept()]
    # Each part is in order: sorting is merging.
    in_order = np.argsort(np.concatenate([place for place, _ in rows]), kind="stable")
    return {
        name: np.concatenate(
            [np.broadcast_to(one.get(name, none), len(place)) for place, one in rows]
        ).astype(kind, copy=False)[in_order]
        for name, (kind, none) in COLUMNS.items()
    }


Part = tuple[Int64s, dict[str, Any]]
TURNS = 4


class _Parts:
    """The rows of each record, with where they stand.

    Fills and events have numbers in one sequence. An order and what was kept stand before the one of that number,
    among each other by the orders made, and of one order by turns.
    """

    def __init__(self, records: Arrays, decisions: Decisions) -> None:
        self.orders, self.fills = records["orders"], records["fills"]
        self.events, self.own = records["events"], records["ledger"]
        self.decisions = decisions
        n_events, before = np.arange(len(self.events)), self.events["n_fills_before"]
        self.place_of_event = before + n_events
        n_fills = np.arange(len(self.fills))
        self.place_of_fill = n_fills + np.searchsorted(before, n_fills, side="right")

    def made(self) -> Part:
        """What a rule or a level made an order for."""
        orders = self.orders
        by_level = orders["source"] == _BY_LEVEL
        rows = np.flatnonzero(by_level | (orders["source"] == _BY_RULE))
        by_level, made = by_level[rows], orders[rows]
        return self._before_place(made["place"], made["order_id"], 0), {
            **self._of_orders(made["order_id"]),
            "timestamp": made["timestamp"],
            "kind": np.where(by_level, HIT, DECIDED),
            "exit_kind": made["exit_kind"],
            "reason": made["cause"],
            "level": np.where(by_level, made["level"], np.nan),
            "price": np.where(by_level, self._hit_at()[rows], self.decisions.close[rows]),
        }

    def accepted(self) -> Part:
        """Orders but those that were refused."""
        rows = np.flatnonzero(self.orders["accepted"] != 0.0)
        taken = self.orders[rows]
        return self._before_place(taken["place"], taken["order_id"], 1), {
            **self._of_orders(taken["order_id"]),
            "timestamp": taken["timestamp"],
            "kind": ACCEPTED,
            "reason": taken["cause"],
            "price": self.decisions.close[rows],
            "after": taken["accepted"],
        }

    def filled(self) -> Part:
        """Fills: the one at which an order is complete is told from the others."""
        fills = self.fills
        complete = np.zeros(len(fills), np.bool_)
        complete[self._last_fill[self._last_fill >= 0]] = True
        complete &= self._is_complete[fills["order_id"]]
        kind = np.where(complete, FILLED, PARTLY_FILLED)
        return self._at_place(self.place_of_fill), {
            **self._of_orders(fills["order_id"]),
            "timestamp": fills["timestamp"],
            "kind": np.where(fills["order_id"] == 0, PAID_OUT, kind),
            "asset": fills["asset"],
            "trade_id": fills["trade_id"],
            "fill": np.arange(len(fills)),
            "rule": fills["rule"],
            "exit_kind": fills["exit_kind"],
            "reason": fills["reason"],
            "level": fills["level"],
            "price": fills["price"],
            "after": fills["quantity"],
            "decision_time": fills["decision_time"],
        }

    def told(self) -> Part:
        """Events, in their own words."""
        events = self.events
        of_order = self._of_orders(events["order_id"])
        is_alone, now = events["order_id"] == 0, events["timestamp"]
        no_value = is_alone & (events["kind"] == _NAN_INPUT)
        known = np.where(no_value, codes.NO_TIME, now)
        return self._at_place(self.place_of_event), {
            "timestamp": now,
            "kind": events["kind"].astype(np.int64) + _FIRST_EVENT,
            "asset": events["asset"],
            "order_id": events["order_id"],
            "trade_id": np.where(is_alone, self._held_then(), of_order["trade_id"]),
            "rule": np.where(events["rule"] < 0, of_order["rule"], events["rule"]),
            "reason": events["reason"],
            "before": events["asked"],
            "after": events["given"],
            "decision_time": np.where(is_alone, now, of_order["decision_time"]),
            "information_time": np.where(is_alone, known, of_order["information_time"]),
        }

    def kept(self) -> Part:
        """What the engine kept for the ledger alone."""
        own = self.own
        of_order = self._of_orders(own["order_id"])
        is_level = own["order_id"] == 0
        return self._before_place(own["place"], own["n_orders"], 2), {
            "timestamp": own["timestamp"],
            "kind": own["kind"].astype(np.int64) + _FIRST_KEPT,
            "asset": own["asset"],
            "order_id": own["order_id"],
            "trade_id": np.where(is_level, own["trade_id"], of_order["trade_id"]),
            "rule": own["rule"],
            "exit_kind": own["exit_kind"],
            "reason": own["reason"],
            "level": own["level"],
            "price": own["price"],
            "before": own["before"],
            "after": own["after"],
            "decision_time": np.where(is_level, own["timestamp"], of_order["decision_time"]),
            "information_time": np.where(
                is_level, own["information_time"], of_order["information_time"]
            ),
        }

    # ---- inside --------------------------------------------------------------------------------

    @property
    def _room(self) -> int:
        return TURNS * (len(self.orders) + 1)

    def _before_place(self, place: Int64s, order_ids: Int64s, turn: int) -> Int64s:
        return 2 * place * self._room + TURNS * order_ids + turn

    def _at_place(self, place: Int64s) -> Int64s:
        return (2 * place + 1) * self._room

    def _of_orders(self, order_ids: Int64s) -> dict[str, npt.NDArray[Any]]:
        """What rows of orders have from them; order 0 has nothing."""

        def of(values: Any, none: Any) -> npt.NDArray[Any]:
            return np.concatenate([[none], values])[order_ids]

        return {
            "asset": of(self.orders["asset"], -1),
            "order_id": order_ids,
            "trade_id": self._trade[order_ids],
            "rule": of(self.orders["rule"], -1),
            "decision_time": of(self.orders["decision_time"], codes.NO_TIME),
            "information_time": of(self.decisions.time, codes.NO_TIME),
        }

    @cached_property
    def _trade(self) -> Int64s:
        """The trade of each order, from 1 on."""
        fills, trade = self.fills, np.zeros(len(self.orders) + 1, np.int64)
        for one in (fills, fills[fills["is_entry"] != 0]):
            # The first one is written last.
            trade[one["order_id"][::-1]] = one["trade_id"][::-1]
        position = self.orders["position_id"]
        trade[1:] = np.where(position != 0, position, trade[1:])
        trade[0] = 0
        return trade

    @property
    def _last_fill(self) -> Int64s:
        """The last fill of each order, from 1 on; -1: none. Order 0 has none."""
        last = np.full(len(self.orders) + 1, -1)
        last[self.fills["order_id"]] = np.arange(len(self.fills))
        last[0] = -1
        return last

    @property
    def _is_complete(self) -> npt.NDArray[np.bool_]:
        """Whether each order, from 1 on, has ended by a fill."""
        complete = np.concatenate([[False], self.orders["status"] == _STATUS_FILLED])
        # Rejected in part it is filled at that.
        complete[self.events["order_id"][self.events["kind"] == _REJECTED]] = False
        return complete

    def _hit_at(self) -> npt.NDArray[np.float64]:
        """By order, the price before slippage of a fill at the time at which the order was made."""
        fills = self.fills
        made = np.concatenate([[codes.NO_TIME], self.orders["timestamp"]])[fills["order_id"]]
        at_once = fills[fills["timestamp"] == made]
        price = np.full(len(self.orders) + 1, np.nan)
        price[at_once["order_id"][::-1]] = at_once["base_price"][::-1]
        return price[1:]

    def _held_then(self) -> Int64s:
        """By event, the trade of the position that its asset had; 0: none, or no asset."""
        events, fills = self.events, self.fills
        if len(fills) == 0:
            return np.zeros(len(events), np.int64)
        n = len(fills) + len(events) + 1
        key = fills["asset"].astype(np.int64) * n + self.place_of_fill
        by_asset = np.argsort(key)
        last = (
            np.searchsorted(
                key[by_asset], events["asset"].astype(np.int64) * n + self.place_of_event
            )
            - 1
        )
        fill = fills[by_asset[np.maximum(last, 0)]]
        is_held = (last >= 0) & (fill["asset"] == events["asset"]) & (fill["position_after"] != 0.0)
        return np.where(is_held, fill["trade_id"], 0)
