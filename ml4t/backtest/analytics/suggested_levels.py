"""What other stops and targets would have paid, as far as the excursions of the trades tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd

from ml4t.backtest import html
from ml4t.backtest.analytics.errors import AnalysisError

WARNING = (
    "In-sample: the levels are chosen on the very trades they are measured on, and the best of many is the luckiest. "
    "They fill at their price here. Run them, on other years too, before believing them."
)
DECILES = np.arange(0.1, 1.0, 0.1)
NONE = np.inf
"""No level: no price reaches it."""
SHOWN = 5


class RunWithTrades(Protocol):
    """What has trades; every :class:`~ml4t.backtest.BacktestResult` does."""

    @property
    def trades(self) -> pd.DataFrame:
        """Round trips."""


class SuggestedLevels:
    """What the trades of a run would have paid under a grid of stops and targets.

    Attributes
    ----------
    table : DataFrame
        A row for each stop and target (the index), fractions of the entry price; infinite is none. The columns stand in
        ``docs/attribution.md``.
    warning : str
        Why not to trust it.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table
        self.warning = WARNING

    @property
    def best(self) -> pd.Series:
        """The row of the highest ``pnl``, the stop coming first wherever both were reached; its name is (stop, target)."""
        return self.table.loc[self.table["pnl"].idxmax()]

    @property
    def as_traded(self) -> pd.Series:
        """The row of neither stop nor target: the trades as they were."""
        return self.table.loc[(NONE, NONE)]

    def __str__(self) -> str:
        best = self.table.sort_values("pnl", ascending=False, kind="stable").head(SHOWN)
        rows = pd.concat([best, self.as_traded.to_frame().T])
        rows = rows[~rows.index.duplicated()]
        shown = pd.DataFrame(_written(rows), columns=["stop", "target", *FORMS], dtype=object)
        return f"{self._headline()}\n\n{shown.to_string(index=False)}\n\n{self.warning}"

    def __repr__(self) -> str:
        return f"<{self._headline()}>"

    def _headline(self) -> str:
        stop, target = self.best.name
        return (
            f"SuggestedLevels: {int(self.best['trades']):,} trades, best stop {_level(stop)}, target {_level(target)}"
            " (in-sample)"
        )

    def _repr_html_(self) -> str:
        best = self.table.sort_values("pnl", ascending=False, kind="stable").head(SHOWN)
        return html.page(
            html.heading(self._headline()),
            html.table(["stop", "target", *FORMS], _written(best)),
            html.line(self.warning),
        )


def suggest_levels(
    result: RunWithTrades,
    stops: Sequence[float] | None = None,
    targets: Sequence[float] | None = None,
) -> SuggestedLevels:
    """Return what the trades would have paid under other stops and targets.

    Parameters
    ----------
    result : BacktestResult
    stops, targets : sequence of float, optional
        Distances from the entry price to try, as fractions: 0.05 is 5%. By default the deciles of the trades' own
        MAE and MFE. None of either is always tried, too.

    Returns
    -------
    SuggestedLevels
        In-sample, and it says so: what to try next, not what to trade.

    Raises
    ------
    AnalysisError
        If there is no trade, or a distance is no number above 0.
    TypeError
        If it is no result.

    Notes
    -----
    J. Sweeney, *Maximum Adverse Excursion* (1997), reads stops off the MAE of trades in this way. A trade whose MAE
    reached the stop is paid the stop; else one whose MFE reached the target is paid the target; else it is what it was.
    Its commission stays. Which came first is not known where both were reached: the stop is taken, and
    ``pnl_favourable_first`` takes the target. Nothing is known beyond the exit that was: a wider stop than the one that
    ended a trade changes nothing here, and the room it would have had shows in a run alone. Levels fill at their price,
    without slippage; a stop behind a gap fills worse, at the worst where the trade went: ``pnl_worst_fill`` takes its MAE.
    Money that an earlier exit frees is not used again. A trade that was added to or reduced counts as one of its average
    entry price.
    """
    given = getattr(result, "trades", None)
    if not isinstance(given, pd.DataFrame):
        raise TypeError(f"result must be a BacktestResult, was {type(result).__name__}")
    trades = _ended(given)
    if len(trades.pnl) == 0:
        raise AnalysisError("the run has no trade to suggest levels from")
    tried_stops = _levels("stops", stops, trades.against)
    tried_targets = _levels("targets", targets, trades.favour)
    rows = {
        (stop, target): _paid(trades, stop, target)
        for stop in tried_stops.tolist()
        for target in tried_targets.tolist()
    }
    index = pd.MultiIndex.from_tuples(rows, names=["stop", "target"])
    return SuggestedLevels(pd.DataFrame([*rows.values()], index))


class _Ended(NamedTuple):
    """Trades: how far each went against it and in its favour (fractions of the entry price, positive), currency."""

    against: np.ndarray
    favour: np.ndarray
    pnl: np.ndarray
    commission: np.ndarray
    basis: np.ndarray


def _ended(trades: pd.DataFrame) -> _Ended:
    basis = (trades["entry_price"].abs() * trades["quantity"]).to_numpy()
    names = ("mae_pct", "mfe_pct", "net_pnl", "commission")
    mae, *others = (trades[name].to_numpy() for name in names)
    columns = (-mae, *others, basis)
    known = (basis > 0.0) & np.all([np.isfinite(column) for column in columns], axis=0)
    return _Ended(*(column[known] for column in columns))


def _paid(trades: _Ended, stop: float, target: float) -> dict[str, float]:
    """Return what trades would have paid with a stop and a target."""
    stopped, reached = trades.against >= stop, trades.favour >= target
    loss = -(stop if stopped.any() else 0.0) * trades.basis - trades.commission
    gain = (target if reached.any() else 0.0) * trades.basis - trades.commission
    paid = np.where(stopped, loss, np.where(reached, gain, trades.pnl))
    worst = np.where(stopped, -trades.against * trades.basis - trades.commission, paid)
    lucky = np.where(reached, gain, np.where(stopped, loss, trades.pnl))
    return {
        "trades": len(paid),
        "stopped": int(stopped.sum()),
        "reached": int((reached & ~stopped).sum()),
        "both": int((reached & stopped).sum()),
        "pnl": float(paid.sum()),
        "pnl_worst_fill": float(worst.sum()),
        "pnl_favourable_first": float(lucky.sum()),
        "average_return": float((paid / trades.basis).mean()),
        "win_rate": float((paid > 0.0).mean()),
    }


def _levels(name: str, given: Sequence[float] | None, reached: np.ndarray) -> np.ndarray:
    """Return the levels to try, none of them as the last."""
    if given is None:
        some = reached[reached > 0.0]
        deciles = np.quantile(some, DECILES) if len(some) else []
        return np.append(np.unique([float(f"{one:.3g}") for one in deciles]), NONE)
    try:
        levels = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        levels = np.empty(0)
    if levels.ndim != 1 or len(levels) == 0 or not (levels > 0.0).all():
        raise AnalysisError(f"{name} must be distances above 0, as 0.05 for 5%, were {given!r}")
    return np.unique(np.append(levels, NONE))


FORMS = {
    "stopped": "{:,.0f}",
    "reached": "{:,.0f}",
    "both": "{:,.0f}",
    "pnl": "{:,.0f}",
    "pnl_worst_fill": "{:,.0f}",
    "pnl_favourable_first": "{:,.0f}",
    "average_return": "{:.2%}",
    "win_rate": "{:.1%}",
}


def _level(level: float) -> str:
    return f"{level:.2%}" if np.isfinite(level) else "none"


def _written(rows: pd.DataFrame) -> list[list[str]]:
    texts = [[form.format(value) for value in rows[name]] for name, form in FORMS.items()]
    return [
        [_level(stop), _level(target), *cells]
        for (stop, target), *cells in zip(rows.index, *texts, strict=True)
    ]
