"""Why no trial of a sweep has a number for a measure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from ml4t.backtest.result import BacktestResult
from ml4t.backtest.sweep.trial import DONE, FAILED, PRUNED

ANNUAL = ("sharpe", "sortino", "calmar", "cagr", "volatility", "turnover")


def why_no_number(
    table: pd.DataFrame, name: str, measured: Any, run: Callable[[int], BacktestResult]
) -> str:
    """Return what is known of the reason; empty where nothing is.

    Parameters
    ----------
    table : DataFrame
        That of the sweep.
    name : str
        The column of the measure.
    measured : str or callable
        What it is of a result.
    run : callable
        Runs a trial again.
    """
    failed = table[table["status"] == FAILED]
    if len(failed):
        said = failed["error"].iloc[0]
        return f"{len(failed):,} of {len(table):,} failed, trial {failed.index[0]} with {said}"
    done = table[table["status"] == DONE]
    if done.empty:
        n_pruned = (table["status"] == PRUNED).sum()
        return f"{n_pruned:,} of {len(table):,} were pruned" if n_pruned else "none was run"
    if not isinstance(measured, str):
        return ""
    number = int(done.index[0])
    found = run(number).measure(only=("periods_per_year", "trades", "start", "end"))
    if measured in ANNUAL and found["periods_per_year"] is None:
        days = (pd.Timestamp(found["end"]) - pd.Timestamp(found["start"])).days
        return f"a run of {days:,} days is too short for an annual figure, which takes 30"
    return f"trial {number} has no trade" if found["trades"] == 0 else ""
