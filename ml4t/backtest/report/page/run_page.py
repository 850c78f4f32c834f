"""A run as one page: its parts in their order, style and script inside of it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import pandas as pd

from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.report.charts.charted_run import ChartedRun
from ml4t.backtest.report.charts.run_charts import (
    drawdown_chart,
    equity_chart,
    exposure_chart,
    rolling_sharpe_chart,
)
from ml4t.backtest.report.charts.trade_charts import excursions_of, groups_of
from ml4t.backtest.report.given_data import checked_data
from ml4t.backtest.report.page.headline import figures, footer, head, notes
from ml4t.backtest.report.page.line_chart import line_chart
from ml4t.backtest.report.page.markup import Markup, element, joined
from ml4t.backtest.report.page.months import months
from ml4t.backtest.report.page.scatter import scatter
from ml4t.backtest.report.page.trade_blocks import trade_blocks
from ml4t.backtest.report.page.trade_groups import trade_groups
from ml4t.backtest.report.page.trade_table import trade_table
from ml4t.backtest.report.picture.asset_bars import bars_of_assets
from ml4t.backtest.report.story.comparisons import comparisons
from ml4t.backtest.report.story.trade_levels import recorded_levels
from ml4t.backtest.report.story.trade_records import TradeRecords

POINTS = 1_200
"""Points of a curve: about as many as a wide screen has columns for it."""
MOST_TRADES = 20_000
NOTHING_LOADED = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
)
"""What a browser lets the page do: nothing that leaves it."""
PARTS = (
    ("figures", "Figures"), ("equity", "Equity"), ("months", "Months"), ("rolling-sharpe", "Sharpe"),
    ("exposure", "Exposure"), ("groups", "Rules"), ("excursions", "MAE, MFE"), ("trades", "Trades"),
)  # fmt: skip


def run_page(
    run: ChartedRun,
    data: MarketData | DataFeed | None,
    *,
    benchmark: Any = None,
    title: str | None = None,
    window: int = 63,
    most_bars: int = 200_000,
) -> str:
    """Return a run as a page of HTML.

    Parameters
    ----------
    run : ChartedRun
    data : MarketData or DataFeed, or None
        What the run went over; without it no bars of trades are shown.
    benchmark, title, window, most_bars
        As for :meth:`~ml4t.backtest.BacktestResult.to_html`.

    Raises
    ------
    ValueError
        If there is nothing to show, or the data are not those of the run.
    AnalysisError
        If something is wrong with the benchmark, or the window is no whole number from 2 on.
    """
    if len(run.equity) == 0:
        raise ValueError(
            "there is nothing to show: the run ended before its first timestamp was done"
        )
    title = title or f"Backtest: {run.strategy_name or 'unnamed strategy'}"
    left_out: list[str] = []
    equity = line_chart(equity_chart(run, benchmark, POINTS), "equity")
    beside = _beside(run, benchmark, left_out)
    charts = [
        equity,
        line_chart(drawdown_chart(run, POINTS), "drawdown"),
        months(run.monthly_table()),
        line_chart(
            rolling_sharpe_chart(run, window, POINTS), "rolling-sharpe", _short(run, window)
        ),
        line_chart(exposure_chart(run, POINTS), "exposure"),
        trade_groups(groups_of(run, "rule"), groups_of(run, "exit_type")),
        scatter(excursions_of(run)),
    ]
    table, blocks = _trades(run, data, most_bars, left_out)
    body = [
        head(run, title),
        element("nav", *(element("a", label, href=f"#{name}") for name, label in PARTS)),
        element(
            "main", figures(run, beside), notes(run.notes), *charts, table, footer(run, left_out)
        ),
        blocks,
    ]
    return _document(title, body)


def _short(run: ChartedRun, window: int) -> str:
    sessions = len(run.returns)
    if sessions >= window:
        return "Annual, by the formula of the whole run."
    return f"The run has {sessions:,} sessions, fewer than a window."


def _beside(run: ChartedRun, benchmark: Any, left_out: list[str]) -> dict[str, Any] | None:
    if benchmark is None:
        return None
    try:
        return run.measure(benchmark=benchmark)
    except ImportError as error:
        left_out.append(f"Measures beside the benchmark are left out: {error}")
        return None


def _trades(
    run: ChartedRun, data: MarketData | DataFeed | None, most_bars: int, left_out: list[str]
) -> tuple[Markup, Markup]:
    shown = _shown_trades(run, left_out)
    levels = recorded_levels(run, run._table, run._times, shown)
    compared = comparisons(run, run._table, shown)
    records = TradeRecords(run._table, run._times, levels=levels, comparisons=compared, only=shown)
    numbers = list(records)
    if numbers and data is None:
        left_out.append(
            "The result does not hold the prices of its run, so no bars of trades are shown: data= of to_html gives them, "
            "--bars of the command."
        )
    elif numbers and most_bars > 0:
        checked = checked_data(data)
        assets = list(dict.fromkeys(records[one].trade["asset"] for one in numbers))
        times = pd.DatetimeIndex(run._table("equity").index).asi8
        records.bars = bars_of_assets(checked, assets, times)
        records.bar_times = pd.DatetimeIndex(run.equity.index)
    blocks = trade_blocks(records, numbers, most_bars)
    if data is not None and blocks.with_bars < len(numbers):
        left_out.append(
            f"{blocks.with_bars:,} of {len(numbers):,} trades have their bars in this page, those of the largest gains "
            f"and losses: it holds {most_bars:,} bars at most, most_bars= says how many."
        )
    return trade_table(records, numbers), blocks.markup


def _shown_trades(run: ChartedRun, left_out: list[str]) -> Sequence[int] | None:
    """Return the trades of the table; None for all of them."""
    trades, opened = run._table("trades"), run._table("open_positions")
    count = len(trades) + len(opened)
    if count <= MOST_TRADES:
        return None
    left_out.append(
        f"The table has {MOST_TRADES:,} of {count:,} trades, those of the largest gains and losses; charts and "
        "figures are of all."
    )
    held = opened["trade_id"].iloc[:MOST_TRADES]
    largest = trades["net_pnl"].abs().nlargest(MOST_TRADES - len(held)).index
    return [*trades.loc[largest.sort_values(), "trade_id"], *held]


def _document(title: str, body: Sequence[Markup]) -> str:
    own = files(__package__)
    style, script = (
        own.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js")
    )
    document = element(
        "html",
        element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", http_equiv="Content-Security-Policy", content=NOTHING_LOADED),
            element("meta", name="color-scheme", content="light dark"),
            element("link", rel="icon", href="data:,"),
            element("title", title),
            Markup(f"<style>{style}</style>"),
        ),
        element("body", *body, Markup(f"<script>{script}</script>")),
        lang="en",
    )
    return joined(Markup("<!DOCTYPE html>\n"), document)
