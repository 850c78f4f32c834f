"""Limits on what the portfolio may lose."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ml4t.backtest.risk.limits.limit_spec import LimitKind, LimitSpec
from ml4t.backtest.risk.limits.portfolio_limit import PortfolioLimit, SizeLimit
from ml4t.backtest.risk.rule import InvalidRuleError


@dataclass(frozen=True, repr=False)
class MaxDailyLoss(SizeLimit):
    """At most so much is lost in a session, counted from the last equity of the session before.

    Breaches at ``equity <= reference * (1 - pct)``, or ``reference - value``.

    Parameters
    ----------
    pct : float, optional
        A fraction of that equity, below 1.
    value : float, optional
        Currency.
    on_breach : "halt", "flatten", "reject" or "warn"
    resume : "next_session", "never" or int, optional
        When a halt ends, "next_session" unless given; with ``"halt"`` and ``"flatten"`` alone.
    priority, name

    Raises
    ------
    InvalidRuleError
        If neither or both are given, or one is out of its range.
    """

    kind: ClassVar[LimitKind] = LimitKind.DAILY_LOSS
    reason: ClassVar[str] = "max_daily_loss"
    own_resume: ClassVar[str] = "next_session"
    breaches: ClassVar[tuple[str, ...]] = ("warn", "reject", "halt", "flatten")

    pct: float | None = None
    value: float | None = None
    on_breach: str = field(default="halt", kw_only=True)

    def _made(self) -> LimitSpec:
        return _below_one(self, super()._made())


@dataclass(frozen=True, repr=False)
class MaxDrawdown(SizeLimit):
    """At most so much is lost from the highest equity of the run.

    Breaches at ``equity <= peak * (1 - pct)``; the peak begins at the initial cash, and anew when a halt ends.

    Parameters
    ----------
    pct : float
        A fraction, below 1.
    on_breach : "halt", "flatten", "reject" or "warn"
    resume : "never", "next_session" or int, optional
        When a halt ends, "never" unless given; with ``"halt"`` and ``"flatten"`` alone.
    priority, name
    """

    kind: ClassVar[LimitKind] = LimitKind.DRAWDOWN
    reason: ClassVar[str] = "max_drawdown"
    breaches: ClassVar[tuple[str, ...]] = ("warn", "reject", "halt", "flatten")

    pct: float
    on_breach: str = field(default="halt", kw_only=True)

    def _made(self) -> LimitSpec:
        return _below_one(self, super()._made())


def _below_one(limit: PortfolioLimit, spec: LimitSpec) -> LimitSpec:
    if spec.is_pct and not spec.value < 1.0:
        raise InvalidRuleError(
            f"{type(limit).__name__}: pct must be above 0 and below 1 (a fraction: 0.05 is 5%), was {spec.value!r}"
        )
    return spec
