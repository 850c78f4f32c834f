"""The frames of a result, and the same tables made from what the reference recorded."""

from __future__ import annotations

import pandas as pd
from reference import Case, Outcome
from reference.records import NO_END, NO_TIME, side_told

from ml4t.backtest import BacktestResult

NAN = float("nan")


def frame_rows(frame: pd.DataFrame) -> list[dict]:
    """Rows of a frame: times as int64 nanoseconds, names as str, "" where there is none."""
    columns = {name: _values(frame[name]) for name in frame}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _values(column: pd.Series) -> list:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return pd.DatetimeIndex(column).as_unit("ns").asi8.tolist()
    if isinstance(column.dtype, pd.CategoricalDtype):
        return ["" if name != name else name for name in column.astype(object)]
    return column.tolist()


def expected_rows(case: Case, out: Outcome, result: BacktestResult) -> dict[str, list[dict]]:
    """The rows of each table as ``docs/results.md`` defines its columns."""
    names = (*result._frames._records["rule_names"], "")  # rule -1: none

    def named(row: dict) -> dict:
        return row | {"rule": names[row["rule"]]}

    return {
        "trades": [_split(_costs(out, "trade_id", row) | _trade(named(row))) for row in out.trades],
        "fills": [_split(_fill(named(row))) for row in out.fills],
        "orders": [_split(_order(named(row)) | _costs(out, "order_id", row)) for row in out.orders],
        "events": [named(row) for row in out.events],
        "ledger": [named(row) for row in out.ledger],
        "positions": out.held,
        "open_positions": [
            _split(_costs(out, "trade_id", row) | row)
            | {"side": _side(row["quantity"]), "mark_time": _last_bar(case, row["asset"])}
            for row in out.positions
        ],
    }


def _costs(out: Outcome, number: str, row: dict) -> dict:
    """Sums over the fills of an order or a trade, one after the other."""
    sums = dict.fromkeys(("commission", "slippage_cost", "spread_cost", "impact_cost"), 0.0)
    for fill in out.fills:
        if fill[number] == row[number]:
            sums = {name: total + fill[name] for name, total in sums.items()}
    return sums


def _split(row: dict) -> dict:
    """What is for neither spread nor impact is other."""
    other = row["slippage_cost"] - (row["spread_cost"] + row["impact_cost"])
    return row | {"other_cost": other}


def _last_bar(case: Case, name: str) -> int:
    asset, times = case.market.assets.index(name), case.market.timestamps
    return max(time for t, time in enumerate(times) if case.market.bar(t, asset) is not None)


def _side(quantity: float) -> str:
    return "short" if quantity < 0.0 else "long"


def _trade(row: dict) -> dict:
    return row | {
        "side": _side(row["side"]),
        "return": row["return_"],
        "mfe_pct": _part(row["mfe"], row["entry_price"]),
        "mae_pct": _part(row["mae"], row["entry_price"]),
        "mfe_value": row["mfe"] * row["quantity"],
        "mae_value": row["mae"] * row["quantity"],
    }


def _fill(row: dict) -> dict:
    return row | {
        "side": "sell" if row["quantity"] < 0.0 else "buy",
        "action": "entry" if row["is_entry"] else "exit",
    }


def _order(row: dict) -> dict:
    return row | {
        "side": side_told(row["quantity"]),
        "average_price": row["average_price"] if row["units"] > 0.0 else NAN,
        "order_type": row["type"],
        "limit_price": row["limit"],
        "stop_price": row["stop"],
        "parent_id": row["parent"],
        "valid_until": NO_TIME if row["valid_until"] == NO_END else row["valid_until"],
    }


def frame_differences(case: Case, out: Outcome, result: BacktestResult) -> list[str]:
    """One line for each table whose frame differs, in the first row and column that does."""
    lines = []
    for table, expected in expected_rows(case, out, result).items():
        found = frame_rows(getattr(result, table))
        if len(expected) != len(found):
            lines.append(f"{table}: {len(expected)} rows, found {len(found)}")
            continue
        lines += [
            f"{table}[{number}].{name}: {row.get(name, 'missing')!r}, found {value!r}"
            for number, (row, other) in enumerate(zip(expected, found, strict=True))
            for name, value in other.items()
            if not (name in row and _same(row[name], value))
        ][:1]
    return lines


def _same(one, other) -> bool:
    return one == other or (one != one and other != other)


def _part(move: float, price: float) -> float:
    """A move as a fraction of a price, whose sign does not matter."""
    return move / abs(price) if price != 0.0 else NAN
