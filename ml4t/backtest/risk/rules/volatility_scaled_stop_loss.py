"""Leave a position that lost some times what its price usually moves."""

from __future__ import annotations

from dataclasses import dataclass

from ml4t.backtest.risk.stop_loss_rule import StopLossRule
from ml4t.backtest.risk.volatility_scaled_rule import VolatilityScaledRule


@dataclass(frozen=True, repr=False)
class VolatilityScaledStopLoss(VolatilityScaledRule, StopLossRule):
    """A stop at `k` times a volatility from the entry price, against the position.

    Parameters
    ----------
    k : float or str
        How many times, above 0; or a column's name.
    atr : float or str, optional
        A distance, currency per unit, above 0: the average true range; or the name of a column that holds
        it, read when the position opens.
    volatility : float or str, optional
        A fraction of the price, above 0: the standard deviation of returns, say; `k` times it is below 1.
        Or a column's name. Give either `atr` or `volatility`.
    live : bool
        Whether the column is read anew at every close, instead of once for the position. The stop only
        tightens then, and where the column has no valid value it stays where it was.
    only_tighten : bool
        Whether the stop stays where it was when an add would loosen it.
    priority : int
    name : str

    Notes
    -----
    Level = E − s·k·ATR, or E·(1 − s·k·σ), E the average entry price, slippage included, and s = 1 for a
    long position, −1 for a short one. It follows E when the position is added to; ATR and σ stay those
    of the opening, and a split divides the ATR. Dividends since the opening lower a long's stop.
    """
