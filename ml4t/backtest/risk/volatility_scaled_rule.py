"""The base of levels that lie some times a volatility away."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from ml4t.backtest.risk.parameters import (
    Parameter,
    ParameterRule,
    checked_flag,
    checked_positive,
    column_of,
)
from ml4t.backtest.risk.rule import InvalidRuleError
from ml4t.backtest.risk.spec import Form


@dataclass(frozen=True, repr=False)
class VolatilityScaledRule(ParameterRule):
    """A level at `k` times a distance, or a fraction, that follows how far a price usually moves."""

    forms: ClassVar[dict[str, Form]] = {"atr": Form.DISTANCE, "volatility": Form.FRACTION}

    k: float
    _: KW_ONLY
    atr: Parameter | None = None
    volatility: Parameter | None = None
    live: bool = False

    def __post_init__(self) -> None:
        rule = type(self).__name__
        for form in self.forms:
            object.__setattr__(self, form, column_of(rule, getattr(self, form)))
        if checked_flag(rule, "live", self.live) and not isinstance(
            self.volatility if self.atr is None else self.atr, str
        ):
            raise InvalidRuleError(
                f"{rule}: live=True reads a column anew at every close, and none is given; leave live out"
            )
        object.__setattr__(self, "k", checked_positive(rule, "k", self.k))
        super().__post_init__()

    @property
    def is_live(self) -> bool:
        """Whether the column is read anew at every close."""
        return self.live

    @property
    def multiple(self) -> float:
        """What the parameter is multiplied by."""
        return self.k
