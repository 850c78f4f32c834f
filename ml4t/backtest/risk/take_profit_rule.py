"""The base of targets: what the entry price decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ml4t.backtest.risk.decision import ExitType, RiskDecision
from ml4t.backtest.risk.parameters import ParameterRule

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext


@dataclass(frozen=True, kw_only=True, repr=False)
class TakeProfitRule(ParameterRule):
    """A target that lies by its parameter in favour of the position from the entry price."""

    kind: ClassVar[ExitType] = ExitType.TAKE_PROFIT

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Set the target."""
        level = self.away(context, context.level_price, context.side)
        return self.arm(level - (context.dividend_average if context.side < 0 else 0.0))
