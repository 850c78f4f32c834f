"""What fills cost, split by kind, and summed by whatever they belong to."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

SPLIT = ("spread_cost", "impact_cost", "other_cost")
"""Kinds of slippage; together they are the slippage cost."""
PAID_APART = SPLIT[:2]
"""Kinds that only some runs pay."""
COSTS = ("commission", "slippage_cost", *SPLIT)
"""Columns of costs, currency."""


class FillCosts:
    """The costs of the fills of one run.

    Parameters
    ----------
    fills : structured array of FILL
    slippage : structured array of SLIPPAGE, optional
        A row for each fill; none, where a run pays neither spread nor impact.
    """

    def __init__(self, fills: np.ndarray, slippage: np.ndarray | None) -> None:
        self._fills = fills
        self._slippage = slippage if slippage is not None and len(slippage) else None

    def of_fills(self, name: str) -> Floats:
        """Return one of :data:`COSTS`, for each fill."""
        if name in ("commission", "slippage_cost"):
            return np.ascontiguousarray(self._fills[name])
        if self._slippage is None and name in PAID_APART:
            return np.zeros(len(self._fills))
        return self._split[name]

    @cached_property
    def _split(self) -> dict[str, Floats]:
        if self._slippage is None:
            nothing = np.zeros(len(self._fills))
            return split(self._fills["slippage_cost"] + 0.0, nothing, nothing)
        spread, impact = (np.ascontiguousarray(self._slippage[name]) for name in PAID_APART)
        return split(self._fills["slippage_cost"], spread, impact)

    def by(self, number: str, wanted: np.ndarray) -> dict[str, Floats]:
        """Return each of :data:`COSTS` for some orders or trades, by the number of their fills."""
        costs = {name: self._sum(number, name, wanted) for name in ("commission", "slippage_cost")}
        return costs | self.split_by(number, wanted, costs["slippage_cost"])

    def split_by(self, number: str, wanted: np.ndarray, slippage_cost: Floats) -> dict[str, Floats]:
        """Return the kinds of a slippage cost that is known."""
        if self._slippage is None:
            nothing = np.zeros(len(wanted))
            return split(slippage_cost, nothing, nothing)
        return split(slippage_cost, *(self._sum(number, name, wanted) for name in PAID_APART))

    def _sum(self, number: str, name: str, wanted: np.ndarray) -> Floats:
        """Sums over the fills, one after the other."""
        numbers = self._fills[number]
        most = max(numbers.max(initial=0), wanted.max(initial=0)) + 1
        sums = np.bincount(numbers, self.of_fills(name), minlength=most)
        return sums[wanted].astype(np.float64, copy=False)  # of nothing they are integers


def split(slippage_cost: Floats, spread_cost: Floats, impact_cost: Floats) -> dict[str, Floats]:
    """Return the kinds of a slippage cost: what is for neither spread nor impact is the rest."""
    other = slippage_cost - (spread_cost + impact_cost)
    return {"spread_cost": spread_cost, "impact_cost": impact_cost, "other_cost": other}


def costs_by_asset(fills: pd.DataFrame) -> pd.DataFrame:
    """Return the costs of fills by asset, the dearest first.

    Parameters
    ----------
    fills : DataFrame
        The frame of a result.
    """
    value = (fills["quantity"] * fills["price"]).abs()
    columns = fills[["asset", *COSTS]].assign(fills=1, traded_value=value)
    sums = columns.groupby("asset", observed=True).sum()
    sums = sums[["fills", "traded_value", *COSTS]]
    dearest = (-(sums["commission"] + sums["slippage_cost"])).argsort(kind="stable")
    return sums.iloc[dearest]
