"""A limit of the portfolio as it is given (semantics 7)."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

NAN = float("nan")
RISKS = ("volatility_target", "max_var", "max_cvar")
SIZES = ("max_leverage", "max_gross_exposure", "max_group_exposure", *RISKS)
BY_UNITS = (*SIZES, "max_net_exposure", "max_position_weight", "max_turnover")
LOSSES = ("max_daily_loss", "max_drawdown")
HALTS = ("halt", "flatten")
NEXT_SESSION, NEVER = 0, -1


@dataclass(frozen=True)
class Limit:
    """One limit: a part of equity (`percent`), a value, or a number of positions."""

    kind: str
    on_breach: str
    percent: float = NAN
    value: float = NAN
    n: int = 0
    resume: int = NEVER  # or NEXT_SESSION, or so many timestamps
    priority: int = 0
    groups: tuple[int, ...] = ()  # of each asset
    restricted: frozenset[int] = frozenset()
    bars: int = 1  # of turnover
    window: int = 0  # of what risk is measured by
    min_periods: int = 0
    confidence: float = NAN
    periods_per_year: float = NAN
    rank: str = ""  # a column

    def bound(self, equity: float) -> float:
        """L of section 7."""
        if self.kind == "max_positions":
            return float(self.n)
        if isnan(self.percent):
            return self.value
        return self.percent * equity if equity > 0.0 else 0.0
