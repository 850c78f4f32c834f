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

# By column and labels, of market data, which never change: what their rows hold beside these labels, by the code of the
# asset. Run after run, and rule after rule, looks once.
_OTHERS: WeakKeyDictionary[MarketData, dict[tuple[str, tuple[float, ...]], dict[int, float]]] = (
    WeakKeyDictionary()
)
OF_ALL = -1
"""In place of a code: a value of the whole market."""


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
    others = _OTHERS.setdefault(data, {})
    for column, labels in regimes:
        if (column, labels) not in others:
            others[column, labels] = _others(column, labels, data)
        found = others[column, labels]
        codes = found if assets is None else [OF_ALL, *map(data.code, assets)] if found else ()
        for code in codes:
            if code in found:
                given = ", ".join(f"{label:g}" for label in labels)
                raise InvalidRuleError(
                    f"{name}: {column!r} is {found[code]:g} somewhere, and there is no rule for that label; there are "
                    f"rules for {given}"
                )


def _others(column: str, labels: tuple[float, ...], data: MarketData) -> dict[int, float]:
    """Return the first value that is none of the labels, by the code of the asset that has one."""
    is_of_all = column not in data.features
    values = np.asarray(data.context.get(column, ()) if is_of_all else data.features[column], float)
    other = ~np.isnan(values)
    for label in labels:
        other &= values != label
    if is_of_all:
        return {OF_ALL: float(values[other][0])} if other.any() else {}
    codes, first = np.unique(data.asset_codes[other], return_index=True)
    return dict(zip(codes.tolist(), values[other][first].tolist(), strict=True))
