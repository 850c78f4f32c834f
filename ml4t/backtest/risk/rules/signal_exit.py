"""Leave a position when a signal says so."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ml4t.backtest.data.features.indicators import Indicator
from ml4t.backtest.risk.decision import ExitType, RiskDecision
from ml4t.backtest.risk.parameters import Beside, Parameter, ParameterRule, column_of
from ml4t.backtest.risk.rule import InvalidRuleError
from ml4t.backtest.risk.spec import FINITE, Form, RuleSpec

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext

SIDES = {"long": 1, "short": -1, None: 0}
"""The sign of the positions that a side names; 0 for both."""


@dataclass(frozen=True, repr=False)
class SignalExit(ParameterRule):
    """Exit at the next open where a column stands above, or below, a value at a close.

    Parameters
    ----------
    column : str or Indicator
        A signal, an indicator or a market-wide column, read at every close.
    above, below : float or str, optional
        The value it has to be above, or below; at the value nothing happens. Or a column's name, read at every close too. Give
        either.
    side : {"long", "short"}, optional
        The positions that it ends; those of both sides by default.
    priority : int
    name : str

    Notes
    -----
    Decided at each close whose row has the column beyond the value, not only at the first: what has stood there
    since before the opening ends a position at its first close, and no exit is lost to a row that is missing. For
    the moment of a crossing make a column of it. NaN says nothing. The exit's type is "other", its reason the
    name of the column.
    """

    kind: ClassVar[ExitType] = ExitType.OTHER
    forms: ClassVar[dict[str, Form]] = {"column": Form.SIGNAL}

    beside: ClassVar[dict[str, Beside]] = {"above": Beside(FINITE), "below": Beside(FINITE)}

    column: str | Indicator
    _: KW_ONLY
    above: Parameter | None = None
    below: Parameter | None = None
    side: Literal["long", "short"] | None = None

    def __post_init__(self) -> None:
        given: Any = column_of("SignalExit", self.column)
        if not isinstance(given, str):
            raise InvalidRuleError(f"SignalExit: column must be the name of one, was {given!r}")
        if (self.above is None) == (self.below is None):
            raise InvalidRuleError(
                "SignalExit needs exactly one of above and below; for both add two of them"
            )
        if self.side not in tuple(SIDES):
            raise InvalidRuleError(
                f"SignalExit: side must be 'long', 'short' or None, was {self.side!r}"
            )
        super().__post_init__()

    @property
    def is_live(self) -> bool:
        """True: the column is read anew at every close."""
        return True

    @property
    def multiple(self) -> float:
        """What turns "below" into "above"."""
        return 1.0 if self.below is None else -1.0

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Exit at a close where the column stands beyond the value."""
        if context.opening or SIDES[self.side] * context.side < 0:
            return RiskDecision.no_action()
        name = "above" if self.below is None else "below"
        value, beyond = self.value(context), self.multiple * self.number(name, context)
        if not value > beyond:
            return RiskDecision.no_action()
        about = {RiskDecision.COMPARED: (self.multiple * value, self.multiple * beyond)}
        return RiskDecision.exit_now(ExitType.OTHER, reason=str(self.column), metadata=about)

    def _spec(self, value: float | str, form: Form) -> RuleSpec:
        given: Any = self.above if self.below is None else self.below
        beyond = given if isinstance(given, str) else self.multiple * given
        return replace(super()._spec(value, form), beyond=beyond, side=SIDES[self.side])
