"""Give nothing back once a position has gained enough."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from ml4t.backtest.risk.decision import RiskDecision
from ml4t.backtest.risk.parameters import Parameter, checked_flag
from ml4t.backtest.risk.spec import Form, RuleSpec
from ml4t.backtest.risk.stop_loss_rule import StopLossRule

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext

THERE_AND_BACK = 2.0
"""Times the commission of the entries: the exit is taken to cost as much."""


@dataclass(frozen=True, repr=False)
class BreakEven(StopLossRule):
    """A stop at the entry price, once the best price is so much better than that.

    Parameters
    ----------
    gain : float or str
        Fraction of the entry price, above 0 (0.03 is 3%); or the name of a column that holds it, read when
        the position opens.
    costs : bool
        Whether the stop lies further, by twice the commission that the entries cost a unit: what was paid, and
        as much again for the exit. Slippage stands in the entry price; what the exit will slip is not known.
    only_tighten : bool
        Whether the stop stays where it was when an add would loosen it.
    priority : int
    name : str

    Notes
    -----
    Level = E + s·2·C/n with `costs`, else E; E the average entry price, slippage included, s = 1 for a long
    position, −1 for a short one, C the commission of the entries, n their units. Given while s·H >= s·E·(1 +
    s·gain), H the best price of complete bars since entry: where an add moves E further, the stop rests. Dividends
    since the opening lower a long's stop, and what its H has to reach, as they lower H.
    """

    forms: ClassVar[dict[str, Form]] = {"gain": Form.GAIN}

    gain: Parameter
    _: KW_ONLY
    costs: bool = False

    def __post_init__(self) -> None:
        checked_flag("BreakEven", "costs", self.costs)
        super().__post_init__()

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Set the stop to the entry price, once the position has gained enough."""
        if not self.has_gained(context, self.value(context)):
            return RiskDecision.no_action()
        level = context.level_price + context.side * (self._times * context.commission_per_unit)
        return self.arm(level - (context.dividend_average if context.side > 0 else 0.0))

    @property
    def _times(self) -> float:
        return THERE_AND_BACK if self.costs else 0.0

    def _spec(self, value: float | str, form: Form) -> RuleSpec:
        return replace(super()._spec(value, form), costs=self._times)
