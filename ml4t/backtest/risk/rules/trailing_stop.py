"""Leave a position that gave back too much of its best price."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from ml4t.backtest.risk.decision import ExitType, RiskDecision
from ml4t.backtest.risk.parameters import Beside, Parameter, ParameterRule
from ml4t.backtest.risk.rule import InvalidRuleError
from ml4t.backtest.risk.spec import POSITIVE, Form, RuleSpec

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext


@dataclass(frozen=True, repr=False)
class TrailingStop(ParameterRule):
    """A stop at a distance from the best price since entry; it never moves against the position.

    Parameters
    ----------
    pct : float or str, optional
        Fraction of the water mark, above 0 and below 1 (0.05 is 5%); or the name of a column that holds
        it, read when the position opens.
    amount : float or str, optional
        The distance, currency per unit, above 0; or a column's name.
    atr : float or str, optional
        The average true range, currency per unit, above 0; or a column's name. Give one of `pct`, `amount`
        and `atr`.
    k : float or str
        How many times the `atr`, above 0; or a column's name.
    activation : float or str, optional
        The stop is armed once the best price is so much better than the entry price, a fraction of it above 0
        (0.05 is 5%); or a column's name. By default from the opening on.
    priority : int
    name : str

    Notes
    -----
    Level = H·(1 − s·pct), H − s·amount or H − s·k·ATR, s = 1 for a long position, −1 for a short one. H,
    the water mark, starts at the fill price and takes in the highs (lows of a short) of complete bars: the
    level tried in bar t uses bars up to t − 1. The engine keeps the tighter of the old level and the new
    one. A split divides amounts. With an `activation` of g a level is given while s·H >= s·E·(1 + s·g), E the average
    entry price: where an add moves it further, the stop rests. Dividends since the opening lower what a long's H has
    to reach, as they lower H.
    """

    kind: ClassVar[ExitType] = ExitType.TRAILING_STOP
    forms: ClassVar[dict[str, Form]] = {
        "pct": Form.FRACTION,
        "amount": Form.DISTANCE,
        "atr": Form.DISTANCE,
    }

    beside: ClassVar[dict[str, Beside]] = {
        "k": Beside(POSITIVE, is_optional=False),
        "activation": Beside(POSITIVE, " (a fraction: 0.05 is 5%)"),
    }

    pct: Parameter | None = None
    _: KW_ONLY
    amount: Parameter | None = None
    atr: Parameter | None = None
    k: Parameter = 1.0
    activation: Parameter | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.k != 1.0 and self.atr is None:
            raise InvalidRuleError(f"TrailingStop: k={self.k!r} multiplies atr, which is not given")

    @property
    def multiple(self) -> Parameter:
        """What the parameter is multiplied by."""
        return self.k

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Set the stop behind the best price, once that is good enough."""
        if self.activation is not None and not self.has_gained(
            context, self.number("activation", context)
        ):
            return RiskDecision.no_action()
        return self.arm(self.away(context, context.water_mark, -context.side))

    def _spec(self, value: float | str, form: Form) -> RuleSpec:
        activation: Any = self.activation
        return replace(super()._spec(value, form), activation=activation)
