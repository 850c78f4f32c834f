"""The demonstration: three runs on the real market data that come with the package.

``ml4t-backtest demo`` calls :func:`run_demo`; the parts can be used, and changed, one by one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ml4t.backtest.backtest import run_backtest
from ml4t.backtest.backtest.backtest_engine import Progress
from ml4t.backtest.config import BacktestConfig, Commission
from ml4t.backtest.data.features.indicators import ATR
from ml4t.backtest.data.tables.options import Table
from ml4t.backtest.datasets import (
    load_aapl,
    load_aapl_actions,
    load_predictions,
    load_us_stocks,
    load_vix,
)
from ml4t.backtest.report import print_summary, progress_bar
from ml4t.backtest.risk import (
    MaxDrawdown,
    RegimeDependentRule,
    TimeBasedExit,
    TrailingStop,
    VolatilityScaledStopLoss,
    VolatilityScaledTakeProfit,
)
from ml4t.backtest.strategy.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from ml4t.backtest.market.cross_section import CrossSection
    from ml4t.backtest.market.event import MarketEvent
    from ml4t.backtest.result import BacktestResult

CLOSE = "16:00 America/New_York"
VIX_CLOSE = "16:15 America/New_York"
SHARES = BacktestConfig(
    commission=Commission(per_unit=0.005, minimum=1.0), slippage=0.0005, quantity="whole"
)
"""Whole shares, half a cent a share."""


class TopPredictions(Strategy):
    """Once a week, fill free places with the assets of the highest prediction; rules do the rest.

    Parameters
    ----------
    places : int
        Positions at most, each opened with an equal share of equity.
    vix_limit : float
        Above it (points) nothing new is bought.
    """

    def __init__(self, places: int = 5, vix_limit: float = 25.0) -> None:
        self.places = places
        self.vix_limit = vix_limit
        self.week: int | None = None

    def on_timestamp_batch(
        self, timestamp: pd.Timestamp, events: CrossSection, context: Mapping[str, float]
    ) -> None:
        """Look at the market at the first close of each week."""
        if timestamp.week == self.week:
            return
        self.week = timestamp.week
        if not context["vix"] <= self.vix_limit:  # nor before the first VIX is known (NaN)
            return
        prediction = events["prediction"]
        known = np.count_nonzero(~np.isnan(prediction))  # argsort puts NaN last
        best = np.argsort(-prediction)[: min(self.places, known)]
        new = [events.assets[i] for i in best if not self.position(events.assets[i])]
        free = self.places - len(self.positions())
        self.order_target_weights(dict.fromkeys(new[:free], 1 / self.places), keep_others=True)


class AlwaysInvested(Strategy):
    """Put all there is into every asset that is not held."""

    def on_market_data(self, event: MarketEvent) -> None:
        """Buy again after each exit."""
        if not self.position(event.asset):
            self.order_target_percent(event.asset, 1.0)


class Pullbacks(Strategy):
    """After a day that rose, wait for the next one to fall; what is bought has its stop and its target.

    Parameters
    ----------
    fall : float
        How far below the close the order waits, for one day.
    loss : float
        How far below that the stop lies; the target lies twice as far above it.
    """

    def __init__(self, fall: float = 0.02, loss: float = 0.05) -> None:
        self.fall = fall
        self.loss = loss

    def on_market_data(self, event: MarketEvent) -> None:
        """Order a bracket while there is nothing."""
        if event.close <= event.open or self.position(event.asset):
            return
        limit = event.close * (1 - self.fall)
        self.buy(
            event.asset,
            percent=0.5,
            limit=limit,
            stop_loss=limit * (1 - self.loss),
            take_profit=limit * (1 + 2 * self.loss),
            valid="day",
        )


def predictions_portfolio(progress: Progress | None = None) -> BacktestResult:
    """Run a portfolio of predictions: 19 US stocks, 2014 to 2018, with rules that adapt and limits that act.

    Stop and target follow the volatility of the asset, the trailing stop that of the market: it is tight while the VIX is
    above 20. At 15% below its peak the portfolio is sold, and nothing bought for a month.

    The prices are closes without a time of day, so ``bar_time`` gives them one. A prediction is
    available at 16:05, after that close: the strategy sees it at the next session's close, and its orders
    fill one session later.
    """
    return run_backtest(
        load_us_stocks("2014", "2018"),
        TopPredictions(),
        signals=Table(load_predictions("2013-12", "2018"), values=["prediction"]),
        context=Table(load_vix(), bar_time=VIX_CLOSE),
        features=ATR(14),
        bar_time=CLOSE,
        rules=[
            VolatilityScaledStopLoss(4, atr="atr_14"),
            VolatilityScaledTakeProfit(8, atr="atr_14"),
            RegimeDependentRule(
                "vix",
                [TrailingStop(0.12), TrailingStop(0.06)],
                bands=[20],
                hysteresis=1,
                only_tighten=True,
            ),
            TimeBasedExit(max_bars=20),
            MaxDrawdown(0.15, on_breach="flatten", resume=21),
        ],
        config=BacktestConfig(commission=Commission(percent=0.0005), slippage=0.0005),
        progress=progress or False,
    )


def aapl_with_actions(progress: Progress | None = None) -> BacktestResult:
    """Run AAPL on its raw daily bars, 2000 to 2013: splits and dividends are events.

    Whole shares, half a cent a share, and a trailing stop whose level a split divides.
    """
    return run_backtest(
        load_aapl(),
        AlwaysInvested(),
        actions=load_aapl_actions(),
        bar_time=CLOSE,
        rules=[TrailingStop(pct=0.3)],
        config=SHARES,
        progress=progress or False,
    )


def aapl_brackets(progress: Progress | None = None) -> BacktestResult:
    """Run AAPL with orders that wait for a price, each the parent of a stop and a target."""
    return run_backtest(
        load_aapl(),
        Pullbacks(),
        actions=load_aapl_actions(),
        bar_time=CLOSE,
        config=SHARES,
        progress=progress or False,
    )


def order_counts(result: BacktestResult) -> pd.DataFrame:
    """Return how many orders of each kind ended in which way; every order is one of them."""
    orders = result.orders
    kinds = np.where(orders["parent_id"] > 0, "child, ", "") + orders["order_type"].astype(str)
    return pd.crosstab(kinds.rename("order"), orders["status"].astype(str), margins=True)


def around_actions(result: BacktestResult, actions: pd.DataFrame) -> pd.DataFrame:
    """Return what was held before and after each action of a run with one asset.

    Parameters
    ----------
    result : BacktestResult
    actions : DataFrame
        date, kind, value.

    Returns
    -------
    DataFrame
        A row per action: date, kind, value, then units, mark (currency per unit), cash and equity
        at the close before it and, as ``..._after``, at the first close with it.
    """
    held = result.positions.set_index("timestamp")[["quantity", "mark"]]
    account = result.equity[["cash", "equity"]].join(held)
    after = account.index.searchsorted(pd.DatetimeIndex(actions["date"]))
    columns = ["quantity", "mark", "cash", "equity"]
    before, then = account[columns].iloc[after - 1], account[columns].iloc[after]
    return pd.concat(
        [
            actions[["date", "kind", "value"]].reset_index(drop=True),
            before.reset_index(drop=True),
            then.reset_index(drop=True).add_suffix("_after"),
        ],
        axis=1,
    )


def run_demo(output: str | Path = "demo-output", console: Console | None = None) -> Path:
    """Run the parts, print what came out, and write tables and pictures.

    Parameters
    ----------
    output : str or Path
        Folder; ``portfolio``, ``aapl`` and ``brackets`` are made in it.
    console : rich.console.Console, optional
        Where to print; standard output if None.

    Returns
    -------
    Path
        The folder.
    """
    from rich.console import Console

    console = console or Console(highlight=False)
    output = Path(output)

    console.rule("1. A machine-learning portfolio: 19 US stocks, 2014 to 2018")
    with progress_bar("Portfolio", console) as update:
        portfolio = predictions_portfolio(update)
    print_summary(portfolio, console)
    console.print(
        "! These 19 companies are survivors: a demonstration, not a claim.", style="yellow"
    )
    _write(portfolio, output / "portfolio", console)

    console.rule("2. AAPL, 2000 to 2013: raw bars, splits and dividends as events")
    with progress_bar("AAPL", console) as update:
        aapl = aapl_with_actions(update)
    print_summary(aapl, console)
    console.print("\nAt the close before and the first close with each split and dividend:")
    console.print(
        _actions_text(around_actions(aapl, load_aapl_actions())), soft_wrap=True, markup=False
    )
    _write(aapl, output / "aapl", console)

    console.rule("3. AAPL again: a bracket around every purchase")
    with progress_bar("Brackets", console) as update:
        brackets = aapl_brackets(update)
    print_summary(brackets, console)
    console.print("\nWhat became of the orders:")
    console.print(order_counts(brackets).to_string(), soft_wrap=True, markup=False)
    _write(brackets, output / "brackets", console, asset="AAPL", start="2010", end="2010")
    return output


def _actions_text(table: pd.DataFrame) -> str:
    shown = pd.DataFrame({"date": table["date"].dt.date, "kind": table["kind"]})
    shown["value"] = table["value"].map("{:g}".format)
    for name, form in (("quantity", "{:,.0f}"), ("mark", "{:,.2f}"), ("equity", "{:,.0f}")):
        shown[name] = table[name].map(form.format)
        shown[f"{name} after"] = table[f"{name}_after"].map(form.format)
    return shown.to_string(index=False)


def _write(result: BacktestResult, folder: Path, console: Console, **asset: Any) -> None:
    picture = folder / ("prices.png" if asset else "equity.png")
    result.to_parquet(folder)
    written = [
        f"{len(result.trades):,} trades in {folder / 'trades.parquet'}",
        f"equity in {folder / 'equity.parquet'}",
    ]
    result.to_html(folder / "report.html")
    written.append(f"report in {folder / 'report.html'}")
    try:
        result.plot(picture, **asset)
        written.append(f"picture in {picture}")
    except ImportError as error:
        written.append(f"no picture: {error}")
    # No markup: Rich would take the brackets of `pip install 'ml4t-backtest[plot]'` for some.
    console.print("\nWrote " + "\n      ".join(written) + "\n", soft_wrap=True, markup=False)
