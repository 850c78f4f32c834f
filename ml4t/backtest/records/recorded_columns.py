"""The signals, indicators and context values that a trade carries, gathered by its decision row."""

import difflib
from collections.abc import Sequence
from typing import Any

import numpy as np

OWN = frozenset({"time", "price", "type", "decision_time"})
"""What trades say of an entry or an exit themselves: ``entry_price`` is the price it was filled at."""


def recorded_columns(
    data: Any, chosen: Sequence[str] | None, *, asked: str = "record_columns"
) -> dict[str, tuple[bool, np.ndarray]]:
    """Return the columns that trades carry: name -> (is context, values).

    Parameters
    ----------
    data : MarketData
    chosen : sequence of str, optional
        Names of signals, indicators and context values; None for all of them. A context value named
        like an indicator is called ``context_<name>``, and what is named like a field that an entry or an exit
        has itself (:data:`OWN`) comes back as ``column_<name>``.
    asked : str
        The argument that chose them, for the message.

    Raises
    ------
    ValueError
        If a chosen name is no column of the data.
    """
    columns = {name: (False, values) for name, values in data.features.items()}
    for name, values in data.context.items():
        columns[f"context_{name}" if name in data.features else name] = (True, values)
    if chosen is None:
        chosen = tuple(columns)
    for name in chosen:
        if name not in columns:
            near = difflib.get_close_matches(name, columns, 1)
            hint = (
                f"did you mean {near[0]!r}?" if near else f"it has {', '.join(columns) or 'none'}"
            )
            raise ValueError(f"{asked} names {name!r}, which is no column of the data; {hint}")
    return {f"column_{name}" if name in OWN else name: columns[name] for name in chosen}


def gather(
    data: Any, columns: dict[str, tuple[bool, np.ndarray]], rows: np.ndarray
) -> dict[str, np.ndarray]:
    """Return each column's values at ``rows`` of the data; NaN where a row is -1 (no decision bar)."""
    if not columns:
        return {}
    missing = rows < 0
    any_missing = bool(missing.any())
    places = {False: rows}
    if any(is_context for is_context, _ in columns.values()):
        places[True] = np.searchsorted(data.offsets, rows, side="right") - 1
    gathered = {}
    for name, (is_context, values) in columns.items():
        if len(values) == 0:
            gathered[name] = np.full(len(rows), np.nan)
            continue
        gathered[name] = values[places[is_context]]
        if any_missing:
            gathered[name][missing] = np.nan
    return gathered
