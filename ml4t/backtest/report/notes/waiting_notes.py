"""Notes on what was left at the end: a run cut short, orders that wait, positions nobody prices."""

from collections.abc import Iterator

import numpy as np

from ml4t.backtest.report.reported_run import ReportedRun
from ml4t.backtest.report.wording import counted, listed, moment, money, plural

STALE_BARS = 10
"""Older than so many of its asset's own bars, a mark is stale."""


def cut_short(run: ReportedRun) -> Iterator[str]:
    """A run that did not reach the end of its data."""
    if run.partial:
        yield "The run was cut short: everything here is what was done until then."


def waiting_orders(run: ReportedRun) -> Iterator[str]:
    """Orders accepted before the last timestamp that wait for a bar of their asset to the end."""
    orders, times = run.orders, run.equity.index
    if len(times) == 0:
        return
    # One with a price waits for that: its asset may have had all its bars.
    has_price = orders["limit_price"].notna() | orders["stop_price"].notna()
    is_open = (orders["status"] == "open") & ~has_price
    waiting = orders[(is_open & (orders["timestamp"] < times[-1])).to_numpy()]
    if len(waiting):
        first = waiting.iloc[0]
        yield (
            f"{plural(len(waiting), 'order still waits', 'orders still wait')} for a bar of "
            f"{'its asset' if len(waiting) == 1 else 'their assets'} ({counted(waiting['reason'])}; the first "
            f"since {moment(first['timestamp'])}, {first['asset']}): see result.orders."
        )


def stale_marks(run: ReportedRun) -> Iterator[str]:
    """Positions whose asset has had no bar for longer than ten of its own.

    A bar of the asset is as many timestamps as one took since the decision to enter; ``bars_held`` of
    them lie between that and the bar of the mark.
    """
    held, times = run.open_positions, run.equity.index
    decided = held["entry_decision_time"].fillna(held["entry_time"])
    marked = times.searchsorted(held["mark_time"], "right")
    a_bar = (marked - times.searchsorted(decided, "right")) / held["bars_held"].clip(lower=1)
    stale = held[(len(times) - marked > STALE_BARS * np.maximum(a_bar, 1.0)).to_numpy()]
    if len(stale):
        value = stale["quantity"] * stale["mark"]
        each = [
            f"{asset} {money(worth)} since {moment(time)}"
            for asset, worth, time in zip(stale["asset"], value, stale["mark_time"], strict=True)
        ]
        yield (
            f"{plural(len(stale), 'position is', 'positions are')} marked at a price older than "
            f"{STALE_BARS} bars of {'its asset' if len(stale) == 1 else 'their assets'} ({listed(each, '; ')}): "
            "nobody may be there to pay it."
        )
