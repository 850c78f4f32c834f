"""Leave a position that gained enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ml4t.backtest.risk.decision import RiskDecision
from ml4t.backtest.risk.spec import Form
from ml4t.backtest.risk.take_profit_rule import TakeProfitRule

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext


@dataclass(frozen=True, kw_only=True, repr=False)
class PriceBasedTakeProfit(TakeProfitRule):
    """A target at a fraction of the entry price in favour of the position, or at a price.

    Parameters
    ----------
    pct : float or str, optional
        Fraction of the entry price, above 0 (0.1 is 10%, 1.5 is 150%); or the name of a column that
        holds it, read when the position opens.
    price : float or str, optional
        The target itself, currency per unit, for long and short positions alike; or a column's name.
        Give either `pct` or `price`.
    priority : int
    name : str

    Notes
    -----
    Level = E·(1 + s·pct), E the average entry price, slippage included, and s = 1 for a long position,
    −1 for a short one. A short's target of 100% or more lies at zero or below, where no price comes: it
    arms nothing. A split divides an absolute price, and dividends since the opening lower a short's target,
    whichever way it was given.
    """

    forms: ClassVar[dict[str, Form]] = {"pct": Form.FRACTION, "price": Form.PRICE}

    pct: float | str | None = None
    price: float | str | None = None

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Set the target."""
        if self.price is not None:
            return self.arm(context.price_parameter(self.price, context.side < 0))
        return super().evaluate(context)
