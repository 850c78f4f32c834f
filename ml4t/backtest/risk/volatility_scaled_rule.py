"""The base of levels that lie some times a volatility away."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from ml4t.backtest.risk.parameters import (
    Beside,
    Parameter,
    ParameterRule,
    checked_flag,
)
from ml4t.backtest.risk.rule import InvalidRuleError
from ml4t.backtest.risk.spec import POSITIVE, Form


@dataclass(frozen=True, repr=False)
class VolatilityScaledRule(ParameterRule):
    """A level at `k` times a distance, or a fraction, that follows how far a price usually moves."""

    forms: ClassVar[dict[str, Form]] = {"atr": Form.DISTANCE, "volatility": Form.FRACTION}

    beside: ClassVar[dict[str, Beside]] = {"k": Beside(POSITIVE, is_optional=False)}

    k: Parameter
    _: KW_ONLY
    atr: Parameter | None = None
    volatility: Parameter | None = None
    live: bool = False

    def __post_init__(self) -> None:
        rule = type(self).__name__
        checked_flag(rule, "live", self.live)
        super().__post_init__()
        if self.live and not self._columns():
            raise InvalidRuleError(
                f"{rule}: live=True reads a column anew at every close, and none is given; leave live out"
            )

    @property
    def is_live(self) -> bool:
        """Whether the column is read anew at every close."""
        return self.live

    @property
    def multiple(self) -> Parameter:
        """What the parameter is multiplied by."""
        return self.k
