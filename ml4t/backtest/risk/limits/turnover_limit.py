"""A limit on what the portfolio may trade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ml4t.backtest.risk.limits.limit_spec import LimitKind
from ml4t.backtest.risk.limits.portfolio_limit import SizeLimit, checked_count


@dataclass(frozen=True, repr=False)
class MaxTurnover(SizeLimit):
    """What is bought and sold within some timestamps comes to at most so much.

    Purchases and sales are summed, ``|quantity| * price`` of each fill, what waits at its mark. What only reduces a
    position always passes, and is counted.

    Parameters
    ----------
    pct : float, optional
        A part of equity.
    value : float, optional
        Currency.
    bars : int, default 1
        The window: so many timestamps, the one at which the order fills the last of them.
    on_breach : "reject", "scale" or "warn"
    priority, name
    """

    kind: ClassVar[LimitKind] = LimitKind.TURNOVER
    reason: ClassVar[str] = "max_turnover"
    breaches: ClassVar[tuple[str, ...]] = ("warn", "reject", "scale")

    pct: float | None = None
    value: float | None = None
    bars: int = 1

    def _more(self) -> dict[str, Any]:
        bars = checked_count("MaxTurnover", "bars", self.bars, 1)
        object.__setattr__(self, "bars", bars)
        return {"bars": bars}
