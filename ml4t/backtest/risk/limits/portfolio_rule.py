"""PortfolioRule: a limit of the portfolio written in Python."""

from __future__ import annotations

import re
from abc import abstractmethod
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

from ml4t.backtest.risk.limits.limit_spec import ON_BREACH, LimitKind, LimitSpec
from ml4t.backtest.risk.limits.portfolio_limit import checked_resume, refuse_without_halt
from ml4t.backtest.risk.parameters import number_or_nan
from ml4t.backtest.risk.rule import InvalidRuleError, RiskRule, checked_priority

if TYPE_CHECKING:
    from ml4t.backtest.risk.portfolio_context import PortfolioContext

__all__ = ["LimitBreach", "PortfolioRule"]


@dataclass(frozen=True)
class LimitBreach:
    """A limit that is not held.

    Parameters
    ----------
    measured, limit : float
        What was measured, and what it should have been; at the mark they stand on the event.
    units : float, default 0
        Of an order, the units that fit, as a size without a sign; what only reduces a position passes anyway.
    """

    measured: float
    limit: float
    units: float = 0.0

    def __post_init__(self) -> None:
        for name in ("measured", "limit", "units"):
            object.__setattr__(self, name, number_or_nan(getattr(self, name)))
        if not isfinite(self.units) or self.units < 0.0:
            raise ValueError(f"LimitBreach: units must be a number from 0, was {self.units!r}")


class PortfolioRule(RiskRule):
    """A limit of the whole portfolio, asked about each order that adds risk and at the mark.

    Subclass it, and answer in :meth:`evaluate`. It stands among the rules, and does what the limits do that are
    there: ``on_breach`` and ``resume`` mean the same.

    Parameters
    ----------
    on_breach : "reject", "scale", "warn", "halt" or "flatten"
        With the first two it looks at orders alone; with the others at what is held at every mark too.
    resume : "never", "next_session" or int, optional
        When a halt ends, "never" unless the class has another; an int is a number of timestamps. To be given with
        "halt" and "flatten" alone.
    priority : int
    name : str
        That of the class unless given.
    """

    on_breach: str = "reject"
    resume: str | int | None = None

    def __init__(
        self,
        *,
        on_breach: str | None = None,
        resume: str | int | None = None,
        priority: int = 0,
        name: str = "",
    ) -> None:
        if on_breach is not None:
            self.on_breach = on_breach
        if resume is not None:
            self.resume = resume
        self.priority = checked_priority(type(self).__name__, priority)
        if name:
            self.name = name
        self._checked_resume()

    @abstractmethod
    def evaluate(self, portfolio: PortfolioContext) -> LimitBreach | None:  # type: ignore[override]
        """Return how the limit is broken, or None where it is held.

        Parameters
        ----------
        portfolio : PortfolioContext
            With ``portfolio.order``, once that has filled beside all that waits; without one, at the mark.
        """

    @property
    def limit_spec(self) -> LimitSpec:
        """Return what the engine is told."""
        resume = self._checked_resume()
        reason = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.name).lower()
        return LimitSpec(
            LimitKind.PYTHON,
            reason,
            on_breach=self.on_breach,
            resume=resume,
            evaluate=self.evaluate,
        )

    def _checked_resume(self) -> str | int:
        cls = type(self).__name__
        if self.on_breach not in ON_BREACH:
            raise InvalidRuleError(
                f"{cls}: on_breach must be one of {', '.join(ON_BREACH)}, was {self.on_breach!r}"
            )
        given = vars(self).get("resume")
        # What the class has is for those that halt; a frozen dataclass has it among its own, too.
        if given is not None and given != getattr(type(self), "resume", None):
            refuse_without_halt(cls, given, self.on_breach, ON_BREACH)
        return "never" if self.resume is None else checked_resume(cls, self.resume)

    def __repr__(self) -> str:
        shown: dict[str, Any] = {
            name: value for name, value in vars(self).items() if not name.startswith("_")
        }
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"
