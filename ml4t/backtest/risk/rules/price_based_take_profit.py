"""Leave a position that gained enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ml4t.backtest.risk.decision import RiskDecision
from ml4t.backtest.risk.parameters import Parameter
from ml4t.backtest.risk.spec import Form
from ml4t.backtest.risk.take_profit_rule import TakeProfitRule

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext


@dataclass(frozen=True, kw_only=True, repr=False)
class PriceBasedTakeProfit(TakeProfitRule):
    """A target at a fraction of the entry price in favour of the position, at a price, or at a multiple of the risk.

    Parameters
    ----------
    pct : float or str, optional
        Fraction of the entry price, above 0 (0.1 is 10%, 1.5 is 150%); or the name of a column that
        holds it, read when the position opens.
    price : float or str, optional
        The target itself, currency per unit, for long and short positions alike; or a column's name.
    r : float or str, optional
        How many times the initial risk, above 0: the distance from the entry price to the first stop that was
        armed; or a column's name. Give one of `pct`, `price` and `r`.
    priority : int
    name : str

    Notes
    -----
    Level = E·(1 + s·pct), E the average entry price, slippage included, and s = 1 for a long position,
    −1 for a short one; or E + s·r·D. D is s·(E − S), S the stop that was in force when the first was, whichever rule
    armed it. It stays, whatever the stop does since, and a split divides it; where S is not worse than E, or no
    stop is armed, there is no target. Where no rule can arm one, the run is refused. The engine says this target
    when all stops have been said; a member of an :class:`AnyOf` or :class:`AllOf` is asked with them, and so has
    its target from the next close on. A short's target of 100% or more lies at zero or below, where no price comes: it
    arms nothing. A split divides an absolute price, and dividends since the opening lower a short's target,
    whichever way it was given.
    """

    forms: ClassVar[dict[str, Form]] = {"pct": Form.FRACTION, "price": Form.PRICE, "r": Form.RISK}

    pct: Parameter | None = None
    price: Parameter | None = None
    r: Parameter | None = None

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Set the target."""
        if self.price is not None:
            return self.arm(context.price_parameter(self.given(context), context.side < 0))
        if self.r is not None:
            if not context.initial_risk > 0.0:
                return RiskDecision.no_action()
            level = context.level_price + context.side * (
                self.value(context) * context.initial_risk
            )
            return self.arm(level - (context.dividend_average if context.side < 0 else 0.0))
        return super().evaluate(context)
