"""The charts of a run drawn by matplotlib: what is in them, and what is said where there can be none."""

import sys

import numpy as np
import pandas as pd
import pytest
from unit.made_up import market, result_of, run_records

from ml4t.backtest import AnalysisError, BacktestConfig, BacktestResult, ResultError
from ml4t.backtest.report.charts import CHARTS

pytest.importorskip("matplotlib")


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_is_drawn_and_its_axes_are_named(busy, name, tmp_path):
    figure = busy.chart(name, tmp_path / "chart.png", window=2)
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
    for axes in figure.axes:
        assert axes.get_ylabel() or [text.get_text() for text in axes.get_yticklabels()]
    assert figure.axes[0].get_title(loc="left")


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize("equity", [[100.0], [100.0, 0.0, -5.0], [100.0] * 70])
def test_a_run_without_trades_has_its_charts(name, equity, tmp_path):
    assert result_of(equity).chart(name, tmp_path / "chart.svg").axes


def test_bars_are_the_profit_and_loss_of_each_rule(busy):
    axes = busy.chart("rules").axes[0]
    frame = busy.attribution().by("rule")
    assert [bar.get_width() for bar in axes.patches] == frame["pnl"].tolist()
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels[0] == f"{frame.index[0]} ({frame['trades'].iloc[0] + frame['open'].iloc[0]:,})"


def test_points_are_the_excursions_of_each_trade(busy):
    gains, losses = busy.chart("excursions").axes[0].collections
    trades = busy.trades
    won = trades["net_pnl"] > 0
    np.testing.assert_allclose(gains.get_offsets()[:, 1], trades.loc[won, "mfe_pct"])
    np.testing.assert_allclose(losses.get_offsets()[:, 0], trades.loc[~won, "mae_pct"].abs())


def test_months_are_written_in_percent():
    returns = np.r_[100.0, 110.0, 110.0, 99.0]
    stamps = (
        pd.DatetimeIndex(["2024-01-02", "2024-01-31", "2024-02-01", "2024-02-29"])
        .as_unit("ns")
        .asi8
    )
    axes = result_of(returns, timestamps=stamps).chart("months").axes[0]
    # 10% up, 10% down: 1% less.
    assert [text.get_text() for text in axes.texts] == ["10.0", "-10.0", "-1.0"]


def test_equity_beside_a_benchmark_begins_with_the_same_cash():
    result = result_of([100.0, 101.0, 103.0])
    sessions = result.returns.index
    theirs = pd.Series([0.1, -0.1], sessions[1:])
    held, equity = result.chart("equity", benchmark=theirs).axes[0].lines
    np.testing.assert_allclose(held.get_ydata(), [100.0, 110.0, 99.0])
    np.testing.assert_allclose(equity.get_ydata(), [100.0, 101.0, 103.0])
    # With a return of the first session, in which the run has one too.
    whole = pd.Series([0.5, 0.1, -0.1], sessions)
    held, _ = result.chart("equity", benchmark=whole).axes[0].lines
    np.testing.assert_allclose(held.get_ydata(), [150.0, 165.0, 148.5])


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        (
            {"name": "drawdowns"},
            ValueError,
            "there is no chart 'drawdowns'; did you mean 'drawdown'",
        ),
        ({"name": "months", "benchmark": pd.Series([0.0])}, ValueError, "leave it out of 'months'"),
        ({"name": "equity", "benchmark": 3}, AnalysisError, "must be a pandas Series"),
        ({"name": "rules", "path": "x.html"}, ValueError, "to_html writes a page"),
        (
            {"name": "rules", "path": "nowhere/x.png"},
            ResultError,
            "nowhere/x.png cannot be written",
        ),
        (
            {"name": "equity", "path": "nowhere/x.png"},
            ResultError,
            "nowhere/x.png cannot be written",
        ),
        ({"name": "rolling_sharpe", "window": 0}, AnalysisError, "window must be a whole number"),
    ],
)
def test_what_cannot_be_drawn_is_said(busy, given, error, said):
    with pytest.raises(error, match=said):
        busy.chart(**given)


def test_nothing_to_draw_and_a_missing_library_are_said(busy, monkeypatch):
    empty = BacktestResult.from_run(run_records(0, []), market([1.0]), BacktestConfig())
    with pytest.raises(ValueError, match="nothing to draw"):
        empty.chart("months")
    monkeypatch.setitem(sys.modules, "ml4t.backtest.report.charts.matplotlib_charts", None)
    monkeypatch.delattr("ml4t.backtest.report.charts.matplotlib_charts", raising=False)
    with pytest.raises(
        ImportError, match=r"needs matplotlib; .*pip install 'ml4t-backtest\[plot\]'"
    ):
        busy.chart("months")
