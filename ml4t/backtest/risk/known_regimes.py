"""Labels of a column that a rule for each regime has no rule for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from ml4t.backtest.risk.rule import InvalidRuleError
from ml4t.backtest.risk.spec import RuleSpec

if TYPE_CHECKING:
    from ml4t.backtest.market.market_data import MarketData

# Columns and labels that hold for all rows of market data, which never change: run after run looks once.
_CHECKED: WeakKeyDictionary[MarketData, set[tuple[str, tuple[float, ...]]]] = WeakKeyDictionary()


def check_regimes(
    name: str, specs: Iterable[RuleSpec] | None, data: MarketData, assets: Sequence[str] | None
) -> None:
    """Refuse a rule by labels where the data hold one that it has no rule for.

    Parameters
    ----------
    name : str
        Of the rule, for the message.
    specs : iterable of RuleSpec, optional
    data : MarketData
        All of it, or the chunk that a run enters.
    assets : sequence of str, optional
        Those of the rule; all by default.

    Raises
    ------
    InvalidRuleError
        Naming the column and the label.
    """
    regimes = {(one.regime.column, one.regime.values) for one in specs or () if one.regime is not None and not one.regime.are_edges}  # fmt: skip
    checked = _CHECKED.setdefault(data, set())
    for column, labels in regimes:
        if (column, labels) in checked:
            continue
        values = _values(column, data, assets)
        known = np.isnan(values)
        for label in labels:
            known |= values == label
        if not known.all():
            given = ", ".join(f"{label:g}" for label in labels)
            raise InvalidRuleError(
                f"{name}: {column!r} is {values[~known][0]:g} somewhere, and there is no rule for that label; there are "
                f"rules for {given}"
            )
        if assets is None:
            checked.add((column, labels))


def _values(column: str, data: MarketData, assets: Sequence[str] | None) -> np.ndarray:
    if column not in data.features:
        return np.asarray(data.context.get(column, ()), float)
    values = np.asarray(data.features[column], float)
    if assets is None:
        return values
    return values[np.isin(data.asset_codes, [data.code(name) for name in assets])]
