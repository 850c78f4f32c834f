"""What groups of round trips made: sums and means of all groups at once, without a loop over trades."""

from __future__ import annotations

import numpy as np
import pandas as pd

NANOSECONDS = "m8[ns]"


def group_measures(
    trips: pd.DataFrame, codes: np.ndarray, n_groups: int, scale: np.ndarray
) -> pd.DataFrame:
    """Measure groups of round trips.

    Parameters
    ----------
    trips : DataFrame
        What :func:`~ml4t.backtest.analytics.round_trips.round_trips` returns.
    codes : int array, shape (n,)
        The group of each.
    n_groups : int
    scale : float64 array, shape (n,), currency per unit
        What excursions are divided by for the edge ratio.

    Returns
    -------
    DataFrame, shape (n_groups, 15)
        The columns stand in ``docs/attribution.md``. Where there is nothing to measure it is NaN; profit over no
        loss is infinite.
    """
    is_open = trips["is_open"].to_numpy()
    closed = np.flatnonzero(~is_open)
    group = codes[closed]

    def total(values: np.ndarray, among: np.ndarray = codes) -> np.ndarray:
        return np.bincount(among, values, minlength=n_groups).astype(np.float64) + 0.0

    def of(name: str) -> np.ndarray:
        return trips[name].to_numpy()[closed]

    def mean(values: np.ndarray) -> np.ndarray:
        known = np.isfinite(values)
        return _over(total(values[known], group[known]), total(known, group))

    pnl, profit = trips["pnl"].to_numpy(), of("pnl")
    net, count = total(profit, group), np.bincount(group, minlength=n_groups)
    held = (trips["exit_time"] - trips["entry_time"]).to_numpy()[closed].astype(NANOSECONDS)
    size = scale[closed]
    with np.errstate(divide="ignore", invalid="ignore"):
        best, worst = of("mfe") / size, -of("mae") / size
    known = np.isfinite(best) & np.isfinite(worst)
    return pd.DataFrame(
        {
            "trades": count,
            "open": np.bincount(codes[is_open], minlength=n_groups),
            "pnl": total(pnl),
            "net_pnl": net,
            "open_pnl": total(pnl[is_open], codes[is_open]),
            "win_rate": _over(total(profit > 0.0, group), count),
            "profit_factor": _over(
                total(np.maximum(profit, 0.0), group), total(np.maximum(-profit, 0.0), group)
            ),
            "expectancy": _over(net, count),
            "average_return": mean(of("return")),
            "average_bars_held": _over(total(of("bars_held"), group), count),
            "average_hold_time": _times(_over(total(held.astype(np.float64), group), count)),
            "average_mfe_pct": mean(of("mfe_pct")),
            "average_mae_pct": mean(of("mae_pct")),
            "edge_ratio": _over(
                total(best[known], group[known]), total(worst[known], group[known])
            ),
            "costs": total((trips["commission"] + trips["slippage_cost"]).to_numpy()),
        }
    )


def _over(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return above / below


def _times(nanoseconds: np.ndarray) -> np.ndarray:
    known = np.isfinite(nanoseconds)
    whole = np.where(known, np.where(known, nanoseconds, 0.0).round(), 0.0).astype(np.int64)
    times = whole.view(NANOSECONDS)
    times[~known] = np.timedelta64("NaT")
    return times
