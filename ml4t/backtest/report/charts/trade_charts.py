"""What charts of trades show: what each rule and exit type brought, how far trades ran for and against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml4t.backtest.report.charts.charted_run import ChartedRun


@dataclass(frozen=True)
class Excursions:
    """Closed trades by how far they ran, as fractions of the entry price.

    Attributes
    ----------
    trade_id : int64 array, shape (n,)
    mae, mfe : float64 array, shape (n,)
        How far against and for the trade, both zero or positive.
    is_gain : bool array, shape (n,)
        Whether it earned more than its costs.
    """

    trade_id: np.ndarray
    mae: np.ndarray
    mfe: np.ndarray
    is_gain: np.ndarray


def excursions_of(run: ChartedRun) -> Excursions:
    """Return the excursions of the closed trades; those of an entry price of zero have none."""
    trades = run._table("trades")
    mae, mfe = np.abs(trades["mae_pct"].to_numpy()), trades["mfe_pct"].to_numpy()
    known = np.isfinite(mae) & np.isfinite(mfe)
    ids, gain = trades["trade_id"].to_numpy(), trades["net_pnl"].to_numpy() > 0.0
    return Excursions(ids[known], mae[known], mfe[known], gain[known])


@dataclass(frozen=True)
class Group:
    """Trades that have something in common.

    ``pnl`` is in currency, open positions with what they have made so far; shares are None where no trade is closed.
    """

    label: str
    trades: int
    open: int
    pnl: float
    win_rate: float | None
    average_return: float | None


def groups_of(run: ChartedRun, key: str) -> list[Group]:
    """Return what each group of trades brought, the best first; ``key`` as for ``attribution().by``."""
    frame = run.attribution().by(key)
    return [
        Group(
            "none" if label != label else str(label),
            int(row["trades"]),
            int(row["open"]),
            float(row["pnl"]),
            _known(row["win_rate"]),
            _known(row["average_return"]),
        )
        for label, row in zip(frame.index, frame.to_dict("records"), strict=True)
    ]


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
