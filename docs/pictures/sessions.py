"""Draw an exit before the close on real bars of the E-mini S&P 500: ``python docs/pictures/sessions.py``.

The morning of Labor Day 2013, which ends with a halt at 10:30 in Chicago. The picture stands in ``docs/risk.md``.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from price_bars import FILL, draw_bars, folder_asked_for, mark_fill

from ml4t.backtest import BacktestConfig, BacktestResult, Sessions, Strategy, run_backtest
from ml4t.backtest.datasets import load_es_minutes
from ml4t.backtest.risk import SessionExit

CHICAGO = Sessions(
    open="17:00", close="16:15", tz="America/Chicago", early_closes={"2013-09-02": "10:30"}
)
RULE = SessionExit(minutes=5)


class Buys(Strategy):
    """One contract at 9:40."""

    def on_market_data(self, event):
        if f"{event.local_time:%d %H:%M}" == "02 09:40":
            self.buy(event.asset, 1)


def bars() -> pd.DataFrame:
    """Bars of five minutes, stamped with their ends on the clock of Chicago."""
    minutes = load_es_minutes()
    minutes["timestamp"] = minutes["timestamp"].dt.tz_convert("America/Chicago")
    fives = minutes.set_index("timestamp").resample("5min", closed="right", label="right")
    prices = {"open": "first", "high": "max", "low": "min", "close": "last"}
    return fives.agg({"symbol": "first", **prices}).dropna().reset_index()


def play() -> BacktestResult:
    """Run over all bars."""
    config = BacktestConfig(calendar=CHICAGO)
    return run_backtest(bars(), Buys(), rules=[RULE], config=config)


def draw() -> Figure:
    """Draw the last bars of the session, and the fills."""
    shown = bars().rename(columns={"timestamp": "date"})
    between = shown["date"].between("2013-09-02 09:25-05:00", "2013-09-02 10:30-05:00")
    shown = shown[between].reset_index(drop=True)
    title = f"{RULE!r}: flat five minutes before the session ends, here at an early halt"
    figure, axes = draw_bars(shown, title, "ES, index points", "%H:%M")
    for fill in play().fills.itertuples():
        is_entry = fill.action == "entry"
        what = "entry" if is_entry else f"exit ({fill.exit_type}, at the {fill.moment})"
        label, color = f"{what}: {fill.price:.2f}", FILL if is_entry else "black"
        at = int(shown.index[shown["date"] == fill.timestamp][0])
        mark_fill(axes, at, fill.moment, fill.price, is_entry, label, color)
    axes.axvline(len(shown) - 1 + 0.5, color="#b03a2e", linewidth=1.2, label="close, 10:30")
    figure.legend(frameon=False, loc="outside lower center", ncols=3)
    return figure


def write_picture(folder: Path) -> None:
    """Draw the picture, and write it as a PNG of its name."""
    draw().savefig(folder / "session_exit.png", dpi=110)


if __name__ == "__main__":
    write_picture(folder_asked_for())
