"""From the records of a run to pandas frames: one function a table, no loop over rows.

The columns and their units are documented in ``docs/results.md``, and a test compares.
"""

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any, Protocol

import numpy as np
import pandas as pd

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.core import records as codes
from ml4t.backtest.core.made_once import made_once
from ml4t.backtest.market._last_rows import last_rows
from ml4t.backtest.records.columns import Labels, frame_of_columns, times
from ml4t.backtest.records.cost_columns import COSTS, SPLIT, FillCosts
from ml4t.backtest.records.curve import leverage_and_drawdown
from ml4t.backtest.records.ledger import KINDS, decisions_of, ledger_columns
from ml4t.backtest.records.measured import ClosedTrades, EquityCurve, Named
from ml4t.backtest.records.positions import positions_frame
from ml4t.backtest.records.recorded_columns import gather, recorded_columns

NO_END = np.iinfo(np.int64).max
"""Until then an order waits that never expires."""

CURVE = ("equity", "cash", "gross", "net")
"""Columns of the equity curve in the records of a run."""

TABLES = ("trades", "fills", "orders", "events", "ledger", "equity", "positions", "open_positions")
"""Every table of a result."""


class Frames(Protocol):
    """Where the tables of a result come from: the records of a run, a folder, frames made before."""

    def frame(self, table: str) -> pd.DataFrame:
        """Return the frame of ``table``, one of :data:`TABLES`."""

    def column(self, table: str, name: str) -> np.ndarray:
        """Return one numeric column, without making its frame."""

    def curve(self) -> EquityCurve:
        """Return what is measured of the equity curve."""

    def n_exposed(self) -> int:
        """Return the number of timestamps with a gross exposure."""

    def session_ends(self, time_zone: str | None) -> np.ndarray:
        """Return the position of the last timestamp of each session, a day of this zone."""

    def n_trades(self) -> int:
        """Return the number of round trips."""

    def closed_trades(self) -> ClosedTrades:
        """Return what is measured of the round trips."""


@lru_cache(maxsize=32)
def _labels(names: tuple[Any, ...]) -> Labels:
    return Labels(names)


def _order_sides(quantity: np.ndarray) -> pd.Categorical:
    """Return the sides of orders; one that was refused before it had units has none."""
    return _labels(("buy", "sell", "")).column(np.where(quantity == 0.0, 2, quantity < 0.0))


class RecordFrames:
    """The tables of one run, each made when it is first asked for.

    Parameters
    ----------
    records : mapping
        What the engine hands over: ``n_done``, ``curve``, which makes each of the four columns of the equity
        curve by its name, ``n_exposed``, which counts the timestamps with an exposure, ``n_trades``, the structured arrays of
        ``core/records.py``, ``rule_names`` and ``reasons``.
    data : MarketData
    config : BacktestConfig
    """

    def __init__(self, records: Mapping[str, Any], data: Any, config: BacktestConfig) -> None:
        self._records = records
        self._data = data
        self._config = config

    # What makes the curve stands in the run; a copy has the curve.
    def __getstate__(self) -> dict[str, Any]:
        made = {name: self._curve(name) for name in CURVE}
        own = {"curve": made.__getitem__, "n_exposed": partial(int, self.n_exposed())}
        return {**self.__dict__, "_records": {**self._records, **own}}

    def frame(self, table: str) -> pd.DataFrame:
        """Make the frame of ``table``, one of :data:`TABLES`."""
        # Looked up when asked: bound methods kept here would keep this object, and all records, alive
        # until a garbage collection.
        return getattr(self, f"_{table}")()

    def column(self, table: str, name: str) -> np.ndarray:
        """Return one numeric column of a record table, without making its frame."""
        if table == "fills" and name in COSTS:
            return self._costs.of_fills(name)
        return self._records[table][name]

    @made_once
    def _costs(self) -> FillCosts:
        return FillCosts(self._records["fills"], self._records.get("slippage"))

    def _curve(self, name: str) -> np.ndarray:
        column: np.ndarray = self._records["curve"](name)
        return column

    def curve(self) -> EquityCurve:
        """Return what is measured of the equity curve."""
        stamps = self._data.timestamps[: self._records["n_done"]]
        return EquityCurve(stamps, self._curve("equity"))

    def n_exposed(self) -> int:
        """Return the number of timestamps with a gross exposure."""
        n: int = self._records["n_exposed"]()
        return n

    def session_ends(self, time_zone: str | None) -> np.ndarray:
        """Return the position of the last timestamp of each session, a day of this zone."""
        ends, n_done = self._data._session_ends(time_zone), self._records["n_done"]
        if n_done == self._data.n_times or n_done == 0:
            return ends[:n_done]
        return np.append(ends[ends < n_done - 1], n_done - 1)

    def n_trades(self) -> int:
        """Return the number of round trips."""
        n: int = self._records["n_trades"]
        return n

    def closed_trades(self) -> ClosedTrades:
        """Return what is measured of the round trips."""
        trades, names = self._records["trades"], self._records
        return ClosedTrades(
            trades["net_pnl"] + 0.0,
            trades["bars_held"],
            Named(names["rule_names"], trades["rule"]),
            Named(names["reasons"], trades["reason"]),
        )

    @made_once
    def _asset(self) -> Labels:
        return _labels(self._data.assets)

    @made_once
    def _rule(self) -> Labels:
        return _labels(tuple(self._records["rule_names"]))

    @made_once
    def _reason(self) -> Labels:
        return _labels(tuple(self._records["reasons"]))

    def _columns(self, table: str) -> dict[str, np.ndarray]:
        records = self._records[table]
        return {name: np.ascontiguousarray(records[name]) for name in records.dtype.names}

    def _recorded(self, prefix: str, rows: np.ndarray) -> dict[str, np.ndarray]:
        columns = recorded_columns(self._data, self._config.record_columns)
        return {
            f"{prefix}_{name}": values for name, values in gather(self._data, columns, rows).items()
        }

    def _trades(self) -> pd.DataFrame:
        column = self._columns("trades")
        entry_price, quantity = column["entry_price"], column["quantity"]
        basis = np.where(entry_price == 0.0, np.nan, np.abs(entry_price))
        with np.errstate(divide="ignore", invalid="ignore"):
            mfe_pct, mae_pct = column["mfe"] / basis, column["mae"] / basis
        return frame_of_columns(
            {
                "trade_id": column["trade_id"],
                "asset": self._asset.column(column["asset"]),
                "side": _labels(("long", "short")).column(column["side"] < 0),
                "entry_time": times(column["entry_time"]),
                "exit_time": times(column["exit_time"]),
                "quantity": quantity,
                "entry_price": entry_price,
                "exit_price": column["exit_price"],
                "gross_pnl": column["gross_pnl"],
                "net_pnl": column["net_pnl"],
                "return": column["return_"],
                "commission": column["commission"],
                "slippage_cost": column["slippage_cost"],
                **self._costs.split_by("trade_id", column["trade_id"], column["slippage_cost"]),
                "dividends": column["dividends"],
                "bars_held": column["bars_held"],
                "mfe": column["mfe"],
                "mae": column["mae"],
                "mfe_pct": mfe_pct,
                "mae_pct": mae_pct,
                "mfe_value": column["mfe"] * quantity,
                "mae_value": column["mae"] * quantity,
                "exit_type": _labels(codes.EXIT_TYPES).column(column["exit_kind"]),
                "rule": self._rule.column(column["rule"]),
                "level": column["level"],
                "reason": self._reason.column(column["reason"]),
                "intrabar": _labels(codes.INTRABAR_CHOICES).column(column["intrabar"]),
                "stop_at_entry": column["stop_at_entry"],
                "target_at_entry": column["target_at_entry"],
                "stop_at_exit": column["stop_at_exit"],
                "target_at_exit": column["target_at_exit"],
                "entry_decision_time": times(column["entry_decision_time"]),
                "exit_decision_time": times(column["exit_decision_time"]),
                **self._recorded("entry", column["entry_decision_row"]),
                **self._recorded("exit", column["exit_decision_row"]),
            }
        )

    def _fills(self) -> pd.DataFrame:
        column = self._columns("fills")
        return frame_of_columns(
            {
                "order_id": column["order_id"],
                "trade_id": column["trade_id"],
                "timestamp": times(column["timestamp"]),
                "decision_time": times(column["decision_time"]),
                "asset": self._asset.column(column["asset"]),
                "side": _labels(("buy", "sell")).column(column["quantity"] < 0.0),
                "quantity": column["quantity"],
                "price": column["price"],
                "base_price": column["base_price"],
                "commission": column["commission"],
                "slippage_cost": column["slippage_cost"],
                **{name: self._costs.of_fills(name) for name in SPLIT},
                "action": _labels(("exit", "entry")).column(column["is_entry"]),
                "moment": _labels(codes.MOMENTS).column(column["moment"]),
                "exit_type": _labels(codes.EXIT_TYPES).column(column["exit_kind"]),
                "rule": self._rule.column(column["rule"]),
                "level": column["level"],
                "reason": self._reason.column(column["reason"]),
                "intrabar": _labels(codes.INTRABAR_CHOICES).column(column["intrabar"]),
                "position_after": column["position_after"],
            }
        )

    def _orders(self) -> pd.DataFrame:
        column = self._columns("orders")
        average_price = np.where(column["units"] > 0.0, column["average_price"], np.nan)
        return frame_of_columns(
            {
                "order_id": column["order_id"],
                "timestamp": times(column["timestamp"]),
                "decision_time": times(column["decision_time"]),
                "ended": times(column["ended"]),
                "asset": self._asset.column(column["asset"]),
                "side": _order_sides(column["quantity"]),
                "quantity": column["quantity"],
                "filled_quantity": column["filled_quantity"],
                "average_price": average_price,
                **self._costs.by("order_id", column["order_id"]),
                "status": _labels(codes.ORDER_STATUSES).column(column["status"]),
                "source": _labels(codes.ORDER_SOURCES).column(column["source"]),
                "reduce_only": column["reduce_only"].astype(np.bool_),
                "exit_type": _labels(codes.EXIT_TYPES).column(column["exit_kind"]),
                "rule": self._rule.column(column["rule"]),
                "level": column["level"],
                "reason": self._reason.column(column["reason"]),
                "decision_close": column["decision_close"],
                "target_units": column["target_units"],
                **self._order_terms(column["terms"]),
            }
        )

    def _order_terms(self, place: np.ndarray) -> dict[str, Any]:
        """The terms of orders, by their place from 1 on; 0 is a market order until it is cancelled."""
        recorded = self._records["terms"]
        terms = np.zeros(len(recorded) + 1, recorded.dtype)
        for name in ("limit", "stop", "stop_loss", "take_profit", "trail", "trail_percent"):
            terms[name][0] = np.nan
        terms["valid_until"][0] = NO_END
        terms[1:] = recorded
        until = np.where(terms["valid_until"] == NO_END, codes.NO_TIME, terms["valid_until"])
        return {
            "order_type": _labels(codes.ORDER_TYPES).column(terms["type"][place]),
            "limit_price": terms["limit"][place],
            "stop_price": terms["stop"][place],
            "time_in_force": _labels(codes.TIMES_IN_FORCE).column(terms["time_in_force"][place]),
            "stop_loss": terms["stop_loss"][place],
            "take_profit": terms["take_profit"][place],
            "parent_id": terms["parent"][place],
            "trail": terms["trail"][place],
            "trail_percent": terms["trail_percent"][place],
            "valid_until": times(until[place]),
        }

    def _events(self) -> pd.DataFrame:
        column = self._columns("events")
        return frame_of_columns(
            {
                "timestamp": times(column["timestamp"]),
                "kind": _labels(codes.EVENT_KINDS).column(column["kind"]),
                "order_id": column["order_id"],
                "asset": self._asset.column(column["asset"]),
                "asked": column["asked"],
                "given": column["given"],
                "rule": self._rule.column(column["rule"]),
                "reason": self._reason.column(column["reason"]),
            }
        )

    def ledger_columns(self) -> dict[str, np.ndarray]:
        """Return the columns of the ledger with codes for names."""
        decisions = decisions_of(self._data, self._records["orders"]["decision_row"])
        return ledger_columns(self._records, decisions)

    def _ledger(self) -> pd.DataFrame:
        column = self.ledger_columns()
        return frame_of_columns(
            {
                "timestamp": times(column["timestamp"]),
                "kind": _labels(KINDS).column(column["kind"]),
                "asset": self._asset.column(column["asset"]),
                **{name: column[name] for name in ("order_id", "trade_id", "fill")},
                "rule": self._rule.column(column["rule"]),
                "exit_type": _labels(codes.EXIT_TYPES).column(column["exit_kind"]),
                "reason": self._reason.column(column["reason"]),
                **{name: column[name] for name in ("level", "price", "before", "after")},
                "decision_time": times(column["decision_time"]),
                "information_time": times(column["information_time"]),
            }
        )

    def _equity(self) -> pd.DataFrame:
        # Shown as recorded, without a copy: sums from 0.0 have no -0.0.
        equity, gross = self._curve("equity"), self._curve("gross")
        leverage, drawdown = leverage_and_drawdown(gross, equity, self._config.initial_cash)
        return pd.DataFrame(
            {
                "equity": equity,
                "cash": self._curve("cash"),
                "gross_exposure": gross,
                "net_exposure": self._curve("net"),
                "leverage": leverage,
                "drawdown": drawdown,
            },
            index=times(self._data.timestamps[: self._records["n_done"]]).rename("timestamp"),
            copy=False,
        )

    def _positions(self) -> pd.DataFrame:
        return positions_frame(
            self._records["holdings"],
            self._records["n_done"],
            self._data,
            self._asset,
            dividends_count=self._config.dividend_adjusts == "levels",
        )

    def _mark_times(self, assets: np.ndarray, entered: np.ndarray) -> np.ndarray:
        """Return the time of the last bar of each asset that the run was done with.

        Where a run was stopped before it was done with the bar of an entry, that bar's time.
        """
        data = self._data
        offsets = data.offsets[: self._records["n_done"] + 1]
        rows = last_rows(data.asset_codes[: offsets[-1]], data.n_assets)[assets]
        done = data.timestamps[np.searchsorted(offsets, rows, side="right") - 1]
        return np.maximum(np.where(rows < 0, entered, done), entered)

    def _open_positions(self) -> pd.DataFrame:
        column = self._columns("open_positions")
        return frame_of_columns(
            {
                "trade_id": column["trade_id"],
                "asset": self._asset.column(column["asset"]),
                "side": _labels(("long", "short")).column(column["quantity"] < 0.0),
                "entry_time": times(column["entry_time"]),
                "quantity": column["quantity"],
                "entry_price": column["entry_price"],
                "mark": column["mark"],
                "mark_time": times(self._mark_times(column["asset"], column["entry_time"])),
                "unrealized_pnl": column["unrealized_pnl"],
                "realized_pnl": column["realized_pnl"],
                "commission": column["commission"],
                "slippage_cost": column["slippage_cost"],
                **self._costs.split_by("trade_id", column["trade_id"], column["slippage_cost"]),
                "dividends": column["dividends"],
                "bars_held": column["bars_held"],
                "stop": column["stop"],
                "target": column["target"],
                "entry_decision_time": times(column["entry_decision_time"]),
                **self._recorded("entry", column["entry_decision_row"]),
            }
        )
