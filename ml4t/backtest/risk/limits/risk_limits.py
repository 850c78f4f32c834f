"""Limits on what the portfolio may risk, by what it has risked so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ml4t.backtest.risk.limits.limit_spec import LimitKind, LimitSpec, RiskWindow
from ml4t.backtest.risk.limits.portfolio_limit import (
    PortfolioLimit,
    SizeLimit,
    checked_count,
    checked_size,
)
from ml4t.backtest.risk.parameters import number_or_nan
from ml4t.backtest.risk.rule import InvalidRuleError


@dataclass(frozen=True, repr=False)
class VolatilityTarget(PortfolioLimit):
    """Gross exposure is at most as large as brings a volatility of so much.

    ``gross <= annual / volatility * equity``, the volatility that of what a unit of exposure has brought at each
    of the last timestamps with exposure: ``(equity - equity before) / gross before``; its standard deviation, of
    ``n - 1`` degrees of freedom, times ``sqrt(periods_per_year)``.

    Parameters
    ----------
    annual : float
        A part of equity; 0.1 is 10% a year.
    window : int, default 63
        Timestamps.
    min_periods : int, optional
        With fewer all passes; 20, or the window where that is shorter.
    periods_per_year : float, default 252
        Timestamps of the data in a year.
    on_breach : "scale", "reject", "warn", "halt" or "flatten"
    resume, priority, name
    """

    kind: ClassVar[LimitKind] = LimitKind.VOLATILITY
    reason: ClassVar[str] = "volatility_target"
    breaches: ClassVar[tuple[str, ...]] = ("warn", "reject", "scale", "halt", "flatten")

    annual: float
    window: int = 63
    min_periods: int | None = None
    periods_per_year: float = 252.0
    on_breach: str = field(default="scale", kw_only=True)

    def _made(self) -> LimitSpec:
        annual = checked_size("VolatilityTarget", "annual", self.annual)
        periods = checked_size("VolatilityTarget", "periods_per_year", self.periods_per_year)
        object.__setattr__(self, "annual", annual)
        object.__setattr__(self, "periods_per_year", periods)
        window, least = _checked_window(self, 2)
        risk = RiskWindow(window, least, periods_per_year=periods)
        return LimitSpec(self.kind, self.reason, annual, True, **self._common(), risk=risk)


@dataclass(frozen=True, repr=False)
class _ValueAtRisk(SizeLimit):
    pct: float
    confidence: float = 0.95
    window: int = 250
    min_periods: int | None = None

    def _more(self) -> dict[str, Any]:
        confidence = number_or_nan(self.confidence)
        if not 0.5 <= confidence < 1.0:
            raise InvalidRuleError(
                f"{type(self).__name__}: confidence must be from 0.5 up to below 1 (0.95 is 95%), "
                f"was {self.confidence!r}"
            )
        object.__setattr__(self, "confidence", confidence)
        window, least = _checked_window(self, 2)
        return {"risk": RiskWindow(window, least, confidence=confidence)}


@dataclass(frozen=True, repr=False)
class MaxVaR(_ValueAtRisk):
    """Gross exposure is at most as large as has a value at risk of so much.

    Historical: of the last values of what a unit of exposure has brought at each timestamp, the loss that a share
    of ``1 - confidence`` has reached; ``gross <= pct / that loss * equity``.

    Parameters
    ----------
    pct : float
        A part of equity that one timestamp may lose.
    confidence : float, default 0.95
    window : int, default 250
        Timestamps.
    min_periods : int, optional
        With fewer all passes; 20, or the window where that is shorter.
    on_breach : "reject", "scale", "warn", "halt" or "flatten"
    resume, priority, name
    """

    kind: ClassVar[LimitKind] = LimitKind.VAR
    reason: ClassVar[str] = "max_var"


@dataclass(frozen=True, repr=False)
class MaxCVaR(_ValueAtRisk):
    """Gross exposure is at most as large as has a conditional value at risk of so much.

    As :class:`MaxVaR`, by the mean of the losses that reach the value at risk: the expected shortfall.

    Parameters
    ----------
    pct : float
        A part of equity that one timestamp may lose, in the mean of the worst.
    confidence : float, default 0.95
    window : int, default 250
        Timestamps.
    min_periods : int, optional
        With fewer all passes; 20, or the window where that is shorter.
    on_breach : "reject", "scale", "warn", "halt" or "flatten"
    resume, priority, name
    """

    kind: ClassVar[LimitKind] = LimitKind.CVAR
    reason: ClassVar[str] = "max_cvar"


def _checked_window(limit: VolatilityTarget | _ValueAtRisk, least: int) -> tuple[int, int]:
    cls = type(limit).__name__
    window = checked_count(cls, "window", limit.window, least)
    given = min(20, window) if limit.min_periods is None else limit.min_periods
    min_periods = checked_count(cls, "min_periods", given, least)
    if min_periods > window:
        raise InvalidRuleError(
            f"{cls}: min_periods must be at most the window of {window}, was {min_periods}"
        )
    object.__setattr__(limit, "window", window)
    if limit.min_periods is not None:
        object.__setattr__(limit, "min_periods", min_periods)
    return window, min_periods
