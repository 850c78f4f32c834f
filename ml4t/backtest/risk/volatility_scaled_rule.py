"""The base of levels that lie some times a volatility away."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from ml4t.backtest.risk.parameters import ParameterRule, checked_multiple
from ml4t.backtest.risk.spec import Form


@dataclass(frozen=True, repr=False)
class VolatilityScaledRule(ParameterRule):
    """A level at `k` times a distance, or a fraction, that follows how far a price usually moves."""

    forms: ClassVar[dict[str, Form]] = {"atr": Form.DISTANCE, "volatility": Form.FRACTION}

    k: float
    _: KW_ONLY
    atr: float | str | None = None
    volatility: float | str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", checked_multiple(type(self).__name__, self.k))
        super().__post_init__()

    @property
    def multiple(self) -> float:
        """What the parameter is multiplied by."""
        return self.k
