"""Leave a position that gave back too much of its best price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ml4t.backtest.risk.decision import ExitType, RiskDecision
from ml4t.backtest.risk.parameters import ParameterRule

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext


@dataclass(frozen=True, repr=False)
class TrailingStop(ParameterRule):
    """A stop at a fraction of the best price since entry; it never moves against the position.

    Parameters
    ----------
    pct : float or str
        Fraction of the water mark, above 0 and below 1 (0.05 is 5%); or the name of a column that holds
        it, read when the position opens.
    priority : int
    name : str

    Notes
    -----
    Level = H·(1 − s·pct), s = 1 for a long position, −1 for a short one. H, the water mark, starts at the
    fill price and takes in the highs (lows of a short) of complete bars: the level tried in bar t uses
    bars up to t − 1. The engine keeps the tighter of the old level and the new one.
    """

    kind: ClassVar[ExitType] = ExitType.TRAILING_STOP
    forms: ClassVar[dict[str, bool]] = {"pct": False}

    pct: float | str

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Set the stop below the best price."""
        return self.arm(context.water_mark * (1.0 - context.side * self.value(context)))
