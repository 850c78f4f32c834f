"""Leave a position after a number of bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ml4t.backtest.risk.decision import ExitType, RiskDecision
from ml4t.backtest.risk.parameters import Parameter, ParameterRule
from ml4t.backtest.risk.rule import InvalidRuleError
from ml4t.backtest.risk.spec import Form

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext


@dataclass(frozen=True, repr=False)
class TimeBasedExit(ParameterRule):
    """Exit at the next open once a position has been held for `max_bars` closes.

    Parameters
    ----------
    max_bars : int or str
        At least 1; or the name of a column, read when the position opens.
    priority : int
    name : str

    Notes
    -----
    Decided at the first close with ``bars_held >= max_bars``. A position opened at an open has 1 after
    that bar's close; one opened at a close has 0 then.
    """

    kind: ClassVar[ExitType] = ExitType.TIME_EXIT
    forms: ClassVar[dict[str, Form]] = {"max_bars": Form.BARS}

    max_bars: int | Parameter

    def __post_init__(self) -> None:
        super().__post_init__()
        given: Any = self.max_bars
        if not isinstance(given, float):
            return
        if given != int(given):
            raise InvalidRuleError(
                f"TimeBasedExit: max_bars must be a whole number of bars, was {given!r}"
            )
        object.__setattr__(self, "max_bars", int(given))

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Exit at a close once the bars are over."""
        bars, most = context.bars_held, self.value(context)
        if context.opening or not bars >= most:
            return RiskDecision.no_action()
        about = {RiskDecision.COMPARED: (bars, most)}
        return RiskDecision.exit_now(ExitType.TIME_EXIT, metadata=about)
