"""What a run decided, or a function computed, as it can be held against that of another run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.data.arrays import Float64s, Int64s, Marks
from ml4t.backtest.data.tables.clock import Clock
from ml4t.backtest.lookahead.numeric_tables import read_input
from ml4t.backtest.result import BacktestResult

# What floating-point sums over other rows may leave behind.
RELATIVE, ABSOLUTE = 1e-9, 1e-12
FOREVER = np.iinfo(np.int64).max

# Only what stands when a row is made: the reason of an order, for one, is that of its end.
LABELS = {
    "order": ("side", "source", "reduce_only"),
    "fill": ("side",),
    "event": ("kind",),
}
NUMBERS = {
    "order": ("value",),
    "fill": ("quantity", "price", "level"),
    "event": ("asked", "given"),
}


@dataclass(frozen=True)
class Move:
    """A decision that is another one: when, of which asset, and what became of it."""

    time: int
    asset: Any
    what: str


@dataclass(frozen=True)
class Log:
    """Rows of one kind in time order; ``labels`` must be equal, ``numbers`` nearly."""

    kind: str
    times: Int64s
    assets: Any
    labels: dict[str, Any]
    numbers: dict[str, Float64s]

    def take(self, rows: Any) -> Log:
        return Log(
            self.kind,
            self.times[rows],
            self.assets[rows],
            {name: values[rows] for name, values in self.labels.items()},
            {name: values[rows] for name, values in self.numbers.items()},
        )

    def first_move(self, other: Log, until: int) -> Move | None:
        """Return the first row up to a time that is not the same in another log."""
        n_rows = [int(np.searchsorted(log.times, until, side="right")) for log in (self, other)]
        n_both = min(n_rows)
        differs = self._other_rows(other, n_both)
        for name in self._names(other):
            differs |= _differ(self._number(name)[:n_both], other._number(name)[:n_both])
        if differs.any():
            return self._became(other, int(np.argmax(differs)))
        if n_rows[0] == n_rows[1]:
            return None
        log, word = (self, "is gone") if n_rows[0] > n_both else (other, "is new")
        return Move(int(log.times[n_both]), log.assets[n_both], f"{log.text(n_both)} {word}")

    def text(self, row: int) -> str:
        words = [str(self.labels[name][row]) for name in ("side", "kind") if name in self.labels]
        return " ".join([self.kind, *words])

    def _other_rows(self, other: Log, n_rows: int) -> Marks:
        differs = self.times[:n_rows] != other.times[:n_rows]
        differs |= self.assets[:n_rows] != other.assets[:n_rows]
        for name, values in self.labels.items():
            differs |= values[:n_rows] != other.labels[name][:n_rows]
        return differs

    def _names(self, other: Log) -> list[str]:
        return list(dict.fromkeys([*self.numbers, *other.numbers]))

    def _number(self, name: str) -> Float64s:
        return self.numbers[name] if name in self.numbers else np.full(len(self.times), np.nan)

    def _became(self, other: Log, row: int) -> Move:
        first = self if self.times[row] <= other.times[row] else other
        at, asset = int(first.times[row]), first.assets[row]
        if self._other_rows(other, row + 1)[row]:
            texts = self.text(row), other.text(row)
            if texts[0] != texts[1]:
                return Move(at, asset, f"{texts[0]} became {texts[1]}")
            return Move(at, asset, f"{texts[0]} {'is gone' if first is self else 'is new'}")
        for name in self._names(other):
            one, two = self._number(name)[: row + 1], other._number(name)[: row + 1]
            if _differ(one, two)[row]:
                break
        return Move(at, asset, f"{self.text(row)}: {name} {one[row]:g} became {two[row]:g}")


def _differ(one: Float64s, two: Float64s) -> Marks:
    scale = np.abs(one[np.isfinite(one)]).max(initial=0.0)
    return ~np.isclose(one, two, rtol=RELATIVE, atol=ABSOLUTE * scale, equal_nan=True)


@dataclass(frozen=True)
class Trace:
    """The logs of one run.

    Attributes
    ----------
    logs : tuple of Log
    times : int64 array, nanoseconds UTC
        The timestamps it went through.
    levels : Log, optional
        Stops and targets by trade; trades still open have none yet.
    trade_ids : int64 array
        The trade of each row of ``levels``.
    """

    logs: tuple[Log, ...]
    times: Int64s
    levels: Log | None = None
    trade_ids: Int64s = field(default_factory=lambda: np.zeros(0, np.int64))

    def first_move(self, other: Trace, until: int = FOREVER) -> Move | None:
        """Return what moved first, up to a time; None if nothing did."""
        pairs = [*zip(self.logs, other.logs, strict=True), *self._levels_of_both(other, until)]
        moves = [one.first_move(two, until) for one, two in pairs]
        return min(
            (move for move in moves if move is not None), key=lambda move: move.time, default=None
        )

    def _levels_of_both(self, other: Trace, until: int) -> list[tuple[Log, Log]]:
        # A trade may end later in the other world, and its levels are told at its end.
        if self.levels is None or other.levels is None:
            return []
        _, mine, others = np.intersect1d(self.trade_ids, other.trade_ids, return_indices=True)
        early = (self.levels.times[mine] <= until) & (other.levels.times[others] <= until)
        one, two = self.levels.take(mine[early]), other.levels.take(others[early])
        order = np.argsort(one.times, kind="stable")
        return [(one.take(order), two.take(order))]


def trace_of(outcome: Any, clock: Clock) -> Trace:
    """Read what a run returned: a result, or a table of values with their times."""
    if isinstance(outcome, BacktestResult):
        return _of_result(outcome)
    logs = []
    for table in read_input(outcome, "what run returned", clock).tables:
        assets = np.full(len(table.known), None, object) if table.assets is None else table.assets
        order = np.lexsort([pd.factorize(assets, sort=True)[0], table.known])
        shared = {name for name, n in Counter(table.names.values()).items() if n > 1}
        numbers = {
            f"{name} {key}" if name in shared else name: table.columns[key].astype(np.float64)
            for key, name in table.names.items()
        }
        logs.append(Log("value", table.known, assets, {}, numbers).take(order))
    times = np.unique(np.concatenate([np.zeros(0, np.int64), *(log.times for log in logs)]))
    return Trace(tuple(logs), times)


def _of_result(result: BacktestResult) -> Trace:
    tables = result.to_frames("UTC")
    orders = tables["orders"]
    # A split multiplies the quantity of an order that waits and divides its price: not the product.
    price = orders["decision_close"].fillna(1.0)
    orders["value"] = orders["quantity"] * price
    frames = {"order": orders, "fill": tables["fills"], "event": tables["events"]}
    logs = [_log(kind, frame, "timestamp") for kind, frame in frames.items()]
    equity = tables["equity"]
    times = _nanoseconds(equity.index)
    nobody = np.full(len(times), None, object)
    logs.append(Log("account", times, nobody, {}, {"equity": equity["equity"].to_numpy()}))
    trades = tables["trades"]
    levels = _log("level", trades, "entry_time", ("stop_at_entry", "target_at_entry"))
    return Trace(tuple(logs), times, levels, trades["trade_id"].to_numpy())


def _log(kind: str, frame: pd.DataFrame, time: str, numbers: tuple[str, ...] = ()) -> Log:
    return Log(
        kind,
        _nanoseconds(frame[time]),
        frame["asset"].to_numpy(object),
        {name: frame[name].to_numpy(object) for name in LABELS.get(kind, ())},
        {name: frame[name].to_numpy(np.float64) for name in NUMBERS.get(kind, numbers)},
    )


def _nanoseconds(times: Any) -> Int64s:
    return pd.DatetimeIndex(times).as_unit("ns").asi8
