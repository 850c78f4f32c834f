"""Splits and cash dividends: a table of (effective time, asset, kind, value)."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml4t.backtest.core.planned import comes_with
from ml4t.backtest.core.ranges import DIVIDEND, SPLIT, SPLIT_PRODUCT
from ml4t.backtest.data.arrays import Float64s, Marks
from ml4t.backtest.data.errors import DataError, count_rows, first_rows
from ml4t.backtest.data.tables.arrow import single, to_arrow, to_float64
from ml4t.backtest.data.tables.asked import Asked
from ml4t.backtest.data.tables.asset_codes import encode, recode
from ml4t.backtest.data.tables.clock import Clock, Owners
from ml4t.backtest.data.tables.column_roles import ACTION_ROLES, find_roles
from ml4t.backtest.data.tables.stamps import Stamps, read_stamps
from ml4t.backtest.market.market_data import ACTION

Actions = NDArray[np.void]

KINDS = {"split": 0, "dividend": 1}
DELISTINGS = {"delisting", "delisted", "delist"}


def read_actions(
    source: Any,
    assets: tuple[Any, ...],
    clock: Clock,
    columns: Mapping[str, str] | None = None,
    time_unit: str | None = None,
    on_unknown_assets: str = "raise",
) -> tuple[Actions, Stamps, int]:
    """Read corporate actions.

    A date means its start, before the open, in the zone of ``bar_time`` (UTC if there is none).

    Parameters
    ----------
    source : table or path
        Columns: time (``ex_date``, ``date``, ...), asset, kind (``split`` or ``dividend``), value (new
        units per old one; currency per unit). Other columns are not read.
    assets : tuple of asset names of the run
    clock : Clock
    columns : mapping of role to column name, optional
    time_unit : str, optional
        What times that are numbers count.
    on_unknown_assets : {"raise", "drop"}

    Returns
    -------
    actions : structured array of dtype ``ACTION``, in order of time, kind, asset
    stamps : Stamps
        The times as they came.
    n_unknown : int
        Actions of assets that the run does not have, which were dropped.

    Raises
    ------
    DataError
        If a column is missing, an asset or kind unknown (delistings are), a value not positive or out of its
        range, or a split or a dividend given twice.
    """
    name = "actions"
    table = to_arrow(source, name, "value", Asked(columns or {}, assets=assets))
    roles = find_roles(name, table.column_names, ACTION_ROLES, columns)
    missing = [
        role
        for role in ACTION_ROLES
        if role not in roles and not (role == "asset" and len(assets) == 1)
    ]
    if missing:
        raise DataError(
            f"{name}: has no column of {missing[0]} among {', '.join(table.column_names)}; add or rename it"
        )
    stamps = read_stamps(table[roles["timestamp"]], name, roles["timestamp"], time_unit=time_unit)
    actions = np.zeros(table.num_rows, ACTION)
    actions["kind"] = _kinds(table[roles["kind"]], name, roles["kind"])
    actions["value"] = to_float64(table[roles["value"]], name, roles["value"])
    # Until it is known whose they are, days say where in the table a row is.
    actions["time"] = stamps.nanoseconds
    known = stamps
    if "asset" in roles:
        codes, names = encode(table[roles["asset"]], name, roles["asset"])
        actions["asset"] = recode(codes, names, assets)
        if on_unknown_assets == "drop":
            rows = np.flatnonzero(actions["asset"] >= 0)
            actions, known = actions[rows], stamps.take(rows)
        _refuse(actions, actions["asset"] < 0, lambda row: names[codes[row]], "an asset that the prices do not have",
                "take it out of the table, name the asset in assets=, or pass on_unknown_assets='drop'")  # fmt: skip
    actions["time"] = clock.day_starts(known, name, Owners(actions["asset"], assets))
    in_order = np.lexsort((actions["asset"], actions["kind"], actions["time"]))
    actions = actions[in_order]
    _check_values(actions, assets)
    return actions, stamps, table.num_rows - len(actions)


def _kinds(column: Any, name: str, column_name: str) -> list[int]:
    array = single(column)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    words = [str(word).strip().lower() for word in array.to_pylist()]
    n_delistings = sum(word in DELISTINGS for word in words)
    if n_delistings:
        raise DataError(
            f"{name}: {count_rows(n_delistings)} of column {column_name!r} with a delisting, and "
            f"{comes_with('actions', 'delisting')}; take them out and close the position while the asset has "
            "bars, else it stays at its last close, as a note of the result says"
        )
    unknown = sorted({word for word in words if word not in KINDS})
    if unknown:
        raise DataError(
            f"{name}: column {column_name!r} must say split or dividend, has {', '.join(map(repr, unknown[:3]))}"
        )
    return [KINDS[word] for word in words]


def _check_values(actions: Actions, assets: tuple[Any, ...]) -> None:
    def asset(row: Any) -> Any:
        return assets[actions["asset"][row]]

    bad = ~((actions["value"] > 0) & (actions["value"] < np.inf))
    _refuse(actions, bad, asset, "a value that is not a positive number", "correct it")
    is_split = actions["kind"] == KINDS["split"]
    beyond = (actions["value"] < SPLIT.least) | (actions["value"] > SPLIT.most)
    _refuse(actions, is_split & beyond, asset, f"a split that is not in {SPLIT}", "correct it")
    beyond = ~is_split & (actions["value"] > DIVIDEND.most)
    _refuse(actions, beyond, asset, f"a dividend above {DIVIDEND.most:g}", "correct it")
    product = _split_products(actions, is_split)
    beyond = (product < SPLIT_PRODUCT.least) | (product > SPLIT_PRODUCT.most)
    _refuse(actions, beyond, asset, f"splits that multiply beyond {SPLIT_PRODUCT}", "correct one")
    keys = actions[["time", "asset", "kind"]]
    again = np.zeros(len(actions), bool)
    again[1:] = (keys[1:] == keys[:-1]) & (actions["kind"][1:] == KINDS["split"])
    _refuse(actions, again, asset, "a split that is given twice", "drop one")
    paid_again = _equal_rows_before(actions) & ~is_split
    _refuse(actions, paid_again, asset, "a dividend that is given twice",
            "drop one, or give their sum in one row where both are paid")  # fmt: skip


def _equal_rows_before(actions: Actions) -> Marks:
    """Mark rows that are equal to another one, all but the first of them."""
    again = np.zeros(len(actions), bool)
    fields = [actions[name] for name in ("value", "asset", "kind", "time")]
    in_order = np.lexsort(fields)
    again[in_order[1:]] = np.logical_and.reduce(
        [field[in_order][1:] == field[in_order][:-1] for field in fields]
    )
    return again


def _split_products(actions: Actions, is_split: Marks) -> Float64s:
    """Return, beside each split, the product of all splits of its asset so far; 1 beside dividends."""
    product = np.ones(len(actions))
    so_far: dict[Any, float] = {}
    for row in np.flatnonzero(is_split):
        asset = actions["asset"][row]
        product[row] = so_far[asset] = so_far.get(asset, 1.0) * actions["value"][row]
    return product


def _refuse(
    actions: Actions, bad: Marks, asset: Callable[[Any], Any], what: str, to_do: str
) -> None:
    if bad.any():
        rows = first_rows(bad, actions["time"], asset, actions["value"])
        raise DataError(f"actions: {count_rows(bad.sum())} with {what}: {rows}; {to_do}")
