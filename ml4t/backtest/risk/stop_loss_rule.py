"""The base of stop losses: what the entry price decides, and whether an add may loosen it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from ml4t.backtest.risk.decision import ExitType, RiskDecision
from ml4t.backtest.risk.parameters import ParameterRule, checked_flag
from ml4t.backtest.risk.spec import Form, RuleSpec

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext


@dataclass(frozen=True, kw_only=True, repr=False)
class StopLossRule(ParameterRule):
    """A stop that lies by its parameter against the position from the entry price."""

    kind: ClassVar[ExitType] = ExitType.STOP_LOSS

    only_tighten: bool = False

    def __post_init__(self) -> None:
        checked_flag(type(self).__name__, "only_tighten", self.only_tighten)
        super().__post_init__()

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Set the stop."""
        level = self.away(context, context.level_price, -context.side)
        return self.arm(level - (context.dividend_average if context.side > 0 else 0.0))

    def _spec(self, value: float | str, form: Form) -> RuleSpec:
        return replace(super()._spec(value, form), only_tighten=self.only_tighten or self.is_live)
