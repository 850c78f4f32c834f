"""Leave a position that lost too much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ml4t.backtest.risk.decision import RiskDecision
from ml4t.backtest.risk.parameters import Parameter
from ml4t.backtest.risk.spec import Form
from ml4t.backtest.risk.stop_loss_rule import StopLossRule

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext


@dataclass(frozen=True, kw_only=True, repr=False)
class PriceBasedStopLoss(StopLossRule):
    """A stop at a fraction of the entry price against the position, or at a price.

    Parameters
    ----------
    pct : float or str, optional
        Fraction of the entry price, above 0 and below 1 (0.05 is 5%); or the name of a column that holds
        it, read when the position opens.
    price : float or str, optional
        The stop itself, currency per unit, for long and short positions alike; or a column's name.
        Give either `pct` or `price`.
    only_tighten : bool
        Whether the stop stays where it was when an add would loosen it.
    priority : int
    name : str

    Notes
    -----
    Level = E·(1 − s·pct), E the average entry price, slippage included, and s = 1 for a long position,
    −1 for a short one. It follows E when the position is added to; an absolute price does not, but a
    split divides it. Dividends since the opening lower a long's stop, whichever way it was given.
    """

    forms: ClassVar[dict[str, Form]] = {"pct": Form.FRACTION, "price": Form.PRICE}

    pct: Parameter | None = None
    price: Parameter | None = None

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Set the stop."""
        if self.price is not None:
            return self.arm(context.price_parameter(self.given(context), context.side > 0))
        return super().evaluate(context)
