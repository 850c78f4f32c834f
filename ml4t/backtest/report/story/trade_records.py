"""All that a run has written down of each trade, gathered by trade."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.analytics.errors import AnalysisError
from ml4t.backtest.analytics.round_trips import open_pnl, recorded
from ml4t.backtest.records.shown_times import ShownTimes
from ml4t.backtest.report.picture.asset_bars import AssetBars
from ml4t.backtest.report.story.comparisons import Comparison
from ml4t.backtest.report.story.position_events import position_events

Row = dict[str, Any]
STAMP = "_ns"
"""Behind the name of a time: the same in nanoseconds UTC, as bars are found by it."""
SHOWN_EVENTS = ("scaled", "capped", "modified", "duplicate_exit")
"""Events of an order that belong to the story of its trade."""


@dataclass(frozen=True)
class TradeRecord:
    """One trade in the records of a run.

    Attributes
    ----------
    trade : dict
        Its row of ``trades`` or of ``open_positions``, times as they are shown.
    is_open : bool
    fills : sequence of dict
        In the order they happened.
    orders : mapping of order_id to dict
    children : sequence of dict
        Stops and limits of brackets that these orders made, filled or not.
    events : sequence of dict
        What happened to these orders beside their fills.
    position_events : sequence of dict
        What happened to its position without an order, rows of the ledger.
    entry_columns : sequence of str
        Names of the signals, indicators and context values known at the decision of the entry.
    bars : AssetBars or None
        All bars of its asset.
    bar_times : DatetimeIndex or None
        Their times as they are shown.
    levels : sequence of dict, or None
        What the ledger holds of its levels, in order of time; None where there is no ledger.
    compared : mapping of order_id to pair of float
        On what numbers these orders were decided, those of which it is recorded.
    """

    trade: Row
    is_open: bool
    fills: Sequence[Row]
    orders: Mapping[int, Row]
    children: Sequence[Row] = ()
    events: Sequence[Row] = ()
    position_events: Sequence[Row] = ()
    entry_columns: Sequence[str] = ()
    bars: AssetBars | None = None
    bar_times: pd.DatetimeIndex | None = None
    levels: Sequence[Row] | None = None
    compared: Mapping[int, Comparison] = field(default_factory=dict)

    @property
    def is_long(self) -> bool:
        """Whether it gains when the price rises."""
        return self.trade["side"] == "long"

    def bar(self, stamp: int) -> int | None:
        """Return the place of the bar of this time, None where the bars are not known or it has none."""
        if self.bars is None or len(self.bars) == 0:
            return None
        place = int(np.searchsorted(self.bars.stamps, stamp))
        is_there = place < len(self.bars) and self.bars.stamps[place] == stamp
        return place if is_there else None


@dataclass
class TradeRecords:
    """The trades of a run and what was written down of each.

    Parameters
    ----------
    tables : callable from name to DataFrame
        The tables of the run, times in UTC.
    times : ShownTimes
    bars : mapping of asset to AssetBars
    bar_times : DatetimeIndex
        The timestamps of the run as they are shown.
    levels : DataFrame or None
    comparisons : mapping of order_id to pair of float
        On what numbers orders were decided, where that was recorded.
    only : sequence of int, optional
        The trades that are asked for; by default all of them.
    """

    tables: Callable[[str], pd.DataFrame]
    times: ShownTimes
    bars: Mapping[Any, AssetBars] = field(default_factory=dict)
    bar_times: pd.DatetimeIndex | None = None
    levels: pd.DataFrame | None = None
    comparisons: Mapping[int, Comparison] = field(default_factory=dict)
    only: Sequence[int] | None = None

    def __post_init__(self) -> None:
        levels = [] if self.levels is None else self.levels.to_dict("records")
        self._levels = _grouped(levels, "trade_id")
        self._bar_times: dict[Any, pd.DatetimeIndex] = {}
        closed, opened = self.tables("trades"), self.tables("open_positions")
        self._entry_columns = recorded(closed)
        opened = opened.assign(net_pnl=open_pnl(opened))
        self._trades = {row["trade_id"]: (row, False) for row in self._rows(closed, "trade_id")}
        self._trades |= {row["trade_id"]: (row, True) for row in self._rows(opened, "trade_id")}
        fills = list(self._rows(self.tables("fills"), "trade_id"))
        self._fills = _grouped(fills, "trade_id")
        ids = None if self.only is None else {row["order_id"] for row in fills}
        orders = self.tables("orders")
        made = orders[orders["parent_id"] > 0]
        self._orders = {row["order_id"]: row for row in self._rows(orders, "order_id", ids)}
        self._children = _grouped(self._rows(made, "parent_id", ids), "parent_id")
        events = self.tables("events")
        told = events[events["kind"].isin(SHOWN_EVENTS)]
        self._events = _grouped(self._rows(told, "order_id", ids), "order_id")
        held = position_events(self.tables, [trade for trade, _ in self._trades.values()])
        self._position_events = _grouped(self._rows(held, "trade_id"), "trade_id")

    def _rows(self, frame: pd.DataFrame, key: str, wanted: Any = None) -> Iterable[Row]:
        """Return the rows of a frame that belong to the trades asked for."""
        if self.only is not None:
            chosen = self.only if wanted is None else list(wanted)
            frame = frame[frame[key].isin(chosen)]
        stamps = {
            f"{name}{STAMP}": pd.DatetimeIndex(column).as_unit("ns").asi8
            for name, column in frame.items()
            if isinstance(column.dtype, pd.DatetimeTZDtype)
        }
        return self.times.frame(frame).assign(**stamps).to_dict("records")

    def __iter__(self) -> Any:
        return iter(self._trades)

    def __getitem__(self, trade_id: int) -> TradeRecord:
        trade, is_open = self._trades[trade_id]
        fills = self._fills.get(trade_id, [])
        ids = list(dict.fromkeys(fill["order_id"] for fill in fills))
        asset = trade["asset"]
        bars = self.bars.get(asset)
        if bars is not None and self.bar_times is not None and asset not in self._bar_times:
            self._bar_times[asset] = self.bar_times[bars.places]
        return TradeRecord(
            trade,
            is_open,
            fills,
            {one: self._orders[one] for one in ids if one in self._orders},
            [child for one in ids for child in self._children.get(one, ())],
            [event for one in ids for event in self._events.get(one, ())],
            self._position_events.get(trade_id, ()),
            self._entry_columns,
            bars,
            self._bar_times.get(asset),
            None if self.levels is None else self._levels.get(trade_id, []),
            {one: self.comparisons[one] for one in ids if one in self.comparisons},
        )


def known_trade(tables: Callable[[str], pd.DataFrame], trade_id: object) -> int:
    """Return the number of a trade of a run.

    Raises
    ------
    AnalysisError
        If it has none of this number.
    """
    closed, opened = (tables(name)["trade_id"].to_numpy() for name in ("trades", "open_positions"))
    ids = np.append(closed, opened)
    is_number = isinstance(trade_id, int | np.integer) and not isinstance(trade_id, bool)
    if is_number and trade_id in ids:
        return int(trade_id)  # type: ignore[call-overload]
    if len(ids) == 0:
        raise AnalysisError(f"there is no trade {trade_id!r}: the run has made none")
    raise AnalysisError(
        f"there is no trade {trade_id!r}: trades are numbered {ids.min()} to {ids.max()}, in trade_id of "
        "result.trades and result.open_positions"
    )


def _grouped(rows: Iterable[Row], key: str) -> dict[int, list[Row]]:
    groups: dict[int, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row)
    return groups
