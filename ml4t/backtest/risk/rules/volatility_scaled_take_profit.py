"""Leave a position that gained some times what its price usually moves."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, ClassVar

from ml4t.backtest.risk.decision import ExitType, RiskDecision
from ml4t.backtest.risk.parameters import ParameterRule, checked_multiple
from ml4t.backtest.risk.spec import Form

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext


@dataclass(frozen=True, repr=False)
class VolatilityScaledTakeProfit(ParameterRule):
    """A target at `k` times a volatility from the entry price, in favour of the position.

    Parameters
    ----------
    k : float
        How many times, above 0.
    atr : float or str, optional
        A distance, currency per unit, above 0: the average true range; or the name of a column that holds
        it, read when the position opens.
    volatility : float or str, optional
        A fraction of the price, above 0: the standard deviation of returns, say; or a column's name.
        Give either `atr` or `volatility`.
    priority : int
    name : str

    Notes
    -----
    Level = E + s·k·ATR, or E·(1 + s·k·σ), E the average entry price, slippage included, and s = 1 for a
    long position, −1 for a short one. It follows E when the position is added to; ATR and σ stay those
    of the opening, and a split divides the ATR. Dividends since the opening lower a short's target.
    """

    kind: ClassVar[ExitType] = ExitType.TAKE_PROFIT
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

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Set the target."""
        level = self.away(context, context.level_price, context.side)
        return self.arm(level - (context.dividend_average if context.side < 0 else 0.0))
