"""Leave a position that lost too much money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ml4t.backtest.risk.decision import RiskDecision
from ml4t.backtest.risk.parameters import Parameter
from ml4t.backtest.risk.spec import Form
from ml4t.backtest.risk.stop_loss_rule import StopLossRule

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext


@dataclass(frozen=True, repr=False)
class MaxLoss(StopLossRule):
    """A stop where the units held have lost an amount of money.

    Parameters
    ----------
    amount : float or str
        What they may lose (currency), above 0; or the name of a column that holds it, read when the position
        opens.
    only_tighten : bool
        Whether the stop stays where it was when an add, or a partial exit, would loosen it.
    priority : int
    name : str

    Notes
    -----
    Level = E − s·amount/|q|, E the average entry price, slippage included, s = 1 for a long position, −1 for a
    short one, q the units held. It moves with them: nearer at an add, farther at the close after a partial exit, so
    that what is left risks the amount; what exits have realised, and commission, is not counted. An amount of all
    that a long is worth arms nothing. Dividends since the opening lower a long's stop: they were paid.
    """

    forms: ClassVar[dict[str, Form]] = {"amount": Form.CURRENCY}

    amount: Parameter

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Set the stop for the units held now."""
        units = abs(context.position_quantity)
        level = context.level_price - context.side * (self.value(context) / units)
        return self.arm(level - (context.dividend_average if context.side > 0 else 0.0))
