"""On what numbers exits at a close were decided, where the run recorded it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from ml4t.backtest.report.reported_run import ReportedRun

Comparison = tuple[float, float]
"""A number, and the one that it has come to or lies beyond."""


def comparisons(
    run: ReportedRun,
    tables: Callable[[str], pd.DataFrame],
    only: Sequence[int] | None = None,
) -> dict[int, Comparison]:
    """Return them by the exit's order, of the trades that are asked for, by default of all; none for ``ledger="fills"``."""
    if run.config.ledger == "fills":
        return {}
    ledger = tables("ledger")
    rows = ledger[ledger["kind"] == "compared"]
    rows = rows if only is None else rows[rows["trade_id"].isin(only)]
    pairs = zip(rows["before"].tolist(), rows["after"].tolist(), strict=True)
    return dict(zip(rows["order_id"].tolist(), pairs, strict=True))
