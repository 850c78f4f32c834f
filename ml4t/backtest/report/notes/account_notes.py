"""Notes on equity and cash that no account would have lived through."""

from collections.abc import Iterator

import numpy as np

from ml4t.backtest.report.reported_run import ReportedRun
from ml4t.backtest.report.wording import moment, money, period, plural


def equity_not_finite(run: ReportedRun) -> Iterator[str]:
    """Equity that is NaN or infinite."""
    equity = run.equity["equity"]
    bad = equity.index[~np.isfinite(equity.to_numpy())]
    if len(bad):
        yield (
            f"Equity is no finite number at {plural(len(bad), 'timestamp')}, the first at "
            f"{moment(bad[0])}: the measures mean nothing."
        )


def ruin(run: ReportedRun) -> Iterator[str]:
    """Equity of zero or less."""
    equity = run.equity["equity"]
    under = equity[equity.to_numpy() <= 0.0]
    if len(under):
        yield (
            f"Equity was zero or less at {plural(len(under), 'timestamp')} from "
            f"{period(under.index[0], under.index[-1])} (lowest {money(under.min())}): a broker would have closed "
            "everything, and what comes after it, in trades and measures too, means nothing."
        )


def cash_below_zero(run: ReportedRun) -> Iterator[str]:
    """Debt of a cash account, where there is none to be had."""
    if run.config.account != "cash":
        return
    cash, events = run.equity["cash"], run.events
    debt = cash[cash.to_numpy() < 0.0]
    if len(debt):
        yield (
            f"Cash was below zero in a cash account at {plural(len(debt), 'timestamp')}, the first at "
            f"{moment(debt.index[0])} (lowest {money(debt.min())})."
        )
        return
    # Below zero between two timestamps' ends only.
    falls = events["timestamp"][(events["kind"] == "negative_cash").to_numpy()]
    if len(falls):
        yield (
            f"Cash fell below zero in a cash account {plural(len(falls), 'time')}, the first at "
            f"{moment(falls.iloc[0])}: see result.events."
        )
