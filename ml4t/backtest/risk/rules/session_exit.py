"""Leave a position before the session closes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ml4t.backtest.risk.decision import ExitType, RiskDecision
from ml4t.backtest.risk.parameters import ParameterRule
from ml4t.backtest.risk.rule import InvalidRuleError
from ml4t.backtest.risk.spec import Form

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext

MINUTE = 6e10
REASON = "session_exit"


@dataclass(frozen=True, repr=False)
class SessionExit(ParameterRule):
    """Be flat so many minutes, or bars, before the session closes; early closes count.

    The run needs a calendar: ``BacktestConfig(calendar=...)``.

    Parameters
    ----------
    minutes : float or str, optional
        At least 0; or the name of a column, read when the position opens.
    bars : int or str, optional
        At least 0; likewise. Give either.
    priority : int
    name : str

    Notes
    -----
    Decided at the close from which an exit that waits one bar more would fill too late, and at each one after it: a
    bar is taken to last as long as the one before, or as long as it is since the open. With bars of 5 minutes and
    ``minutes=5`` that is the close of 15:50, and the exit fills in the bar stamped 15:55, at its open; with exits
    that fill at the close they are decided at it is that of 15:55. A position that is opened later, or whose asset has no
    bar any more, leaves as soon as it can: what was opened in an earlier session at the first close of its asset.
    """

    kind: ClassVar[ExitType] = ExitType.TIME_EXIT
    forms: ClassVar[dict[str, Form]] = {"minutes": Form.MINUTES_LEFT, "bars": Form.BARS_LEFT}

    minutes: float | str | None = None
    bars: int | float | str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.bars, float):
            if self.bars != int(self.bars):
                raise InvalidRuleError(
                    f"SessionExit: bars must be a whole number of bars, was {self.bars!r}"
                )
            object.__setattr__(self, "bars", int(self.bars))

    @property
    def needs_calendar(self) -> bool:
        """True: a session ends by the calendar of the run."""
        return True

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Exit at a close that is the last chance."""
        if context.opening:
            return RiskDecision.no_action()
        value = self.value(context)
        if context.is_held_over and value == value:
            return RiskDecision.exit_now(ExitType.TIME_EXIT, reason=REASON)
        is_late, latest = self._is_late(context, value)
        if not is_late:
            return RiskDecision.no_action()
        about = {RiskDecision.COMPARED: (context.ns_to_close / MINUTE, latest / MINUTE)}
        return RiskDecision.exit_now(ExitType.TIME_EXIT, reason=REASON, metadata=about)

    def _is_late(self, context: RiskContext, value: float) -> tuple[bool, float]:
        """Return whether one bar more is too late, and from how many nanoseconds before the close on it is."""
        left, bar = context.ns_to_close, context.bar_ns
        if self.bars is not None:
            latest = (value + (0.0 if context.exits_at_close else 1.0)) * bar
            return left <= latest, latest
        to_fill = (1.0 if context.exits_at_close else 2.0) * bar
        return left - value * MINUTE < to_fill, value * MINUTE + to_fill
