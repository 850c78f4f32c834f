"""Pictures of a run: what is in them, and what is said where there can be none."""

import sys

import numpy as np
import pandas as pd
import pytest
from unit.made_up import market, result_of, run_records

from ml4t.backtest import (
    BacktestConfig,
    BacktestResult,
    DataFeed,
    MarketData,
    ResultError,
    Strategy,
    run_backtest,
)
from ml4t.backtest.report.picture.asset_bars import bars_of
from ml4t.backtest.report.picture.buy_and_hold import buy_and_hold
from ml4t.backtest.report.picture.chosen_picture import picture_of
from ml4t.backtest.report.picture.shapes import Candles, Columns, Line, Marks
from ml4t.backtest.report.picture.thinning import thinned
from ml4t.backtest.risk.rules import PriceBasedStopLoss, PriceBasedTakeProfit

# Bought at the open of the third bar, sold at the target inside the sixth, bought again.
CLOSE = np.array([10.0, 10.0, 10.0, 10.5, 11.0, 12.5, 12.5, 12.0, 12.0, 12.0])
DATES = pd.bdate_range("2024-01-01", periods=10)
PRICES = pd.DataFrame(
    {
        "timestamp": DATES, "asset": "ACME", "open": CLOSE, "high": CLOSE + 0.25, "low": CLOSE - 0.25,
        "close": CLOSE, "volume": 1000.0,
    }
)  # fmt: skip
SIGNALS = PRICES[["timestamp", "asset"]].assign(mean=CLOSE + 0.1, score=np.arange(10.0) / 100.0)


class BuysTwice(Strategy):
    """Orders at the second and the seventh bar."""

    def on_start(self):
        self.n_seen = 0

    def on_market_data(self, event):
        self.n_seen += 1
        if self.n_seen in (2, 7):
            self.buy(event.asset, 100)


def made(prices=PRICES, **given):
    rules = [PriceBasedStopLoss(pct=0.1), PriceBasedTakeProfit(pct=0.2)]
    return run_backtest(prices, BuysTwice(), rules=rules, **given)


@pytest.fixture(scope="module")
def result():
    return made(signals=SIGNALS)


def described(result, **asked):
    data = asked.pop("data", result._data)
    return picture_of(result, result._table, data, **asked)


def shapes_by_name(panel):
    return {shape.name: shape for shape in panel.shapes}


def test_an_asset_is_shown_with_entries_exits_levels_and_volume(result):
    price, volume = described(result, asset="ACME").panels
    shapes = shapes_by_name(price)
    assert isinstance(shapes["price"], Candles)
    entries, exits = shapes["long entry"], shapes["exit"]
    assert entries.time.tolist() == [DATES[2], DATES[7]]
    assert entries.values.tolist() == [10.0, 12.0]
    # The target: 10 * 1.2 = 12; the open of the sixth bar is above it already.
    assert exits.time.tolist() == [DATES[5]]
    assert exits.values.tolist() == [12.5]
    assert exits.texts == ["sell 100 at 12.5, PriceBasedTakeProfit, take_profit"]
    np.testing.assert_allclose(shapes["stop"].values, [9.0, 9.0, np.nan])
    np.testing.assert_allclose(shapes["target"].values, [12.0, 12.0, np.nan])
    assert shapes["stop"].time.tolist() == [DATES[2], DATES[5], DATES[5]]
    # The position still open at the end: 12 * 0.9 and 12 * 1.2, in force for the next bar.
    assert shapes["stop at the end"].values.tolist() == [pytest.approx(10.8)]
    assert shapes["target at the end"].time.tolist() == [DATES[9]]
    (columns,) = volume.shapes
    assert isinstance(columns, Columns)
    assert columns.values.tolist() == [1000.0] * 10


def test_columns_are_drawn_over_the_price_where_they_are_on_its_scale(result):
    price, score, _ = described(result, asset="ACME", columns=["mean", "score"]).panels
    np.testing.assert_array_equal(shapes_by_name(price)["mean"].values, CLOSE + 0.1)
    assert score.label == "score"
    assert score.shapes[0].values.tolist() == SIGNALS["score"].tolist()


def test_a_part_of_a_run_holds_what_happened_in_it(result):
    price = described(result, asset="ACME", start="2024-01-04", end="2024-01-05").panels[0]
    shapes = shapes_by_name(price)
    assert shapes["price"].time.tolist() == DATES[3:5].tolist()
    assert not any(isinstance(shape, Marks) for shape in price.shapes)
    # The levels of the position that was held then, cut to the part.
    assert shapes["stop"].time.tolist() == [DATES[3], DATES[4], DATES[4]]
    equity = described(result, start="2024-01-04", end="2024-01-05").panels[0]
    assert all(shape.time.tolist() == DATES[3:5].tolist() for shape in equity.shapes)


def test_equity_is_compared_with_the_only_asset_or_the_one_that_is_named(result):
    held, equity = described(result).panels[0].shapes
    assert held.name == "buy and hold ACME"
    np.testing.assert_allclose(held.values, 100_000.0 * CLOSE / 10.0)
    np.testing.assert_array_equal(equity.values, result.equity["equity"])
    two = run_backtest(
        pd.DataFrame({"A": CLOSE, "B": CLOSE[::-1]}, DATES), BuysTwice(), config=BacktestConfig()
    )
    assert [shape.name for shape in described(two).panels[0].shapes] == ["equity"]
    named = described(two, benchmark="B").panels[0].shapes[0]
    np.testing.assert_allclose(named.values, 100_000.0 * CLOSE[::-1] / 12.0)


def test_holding_goes_through_splits_and_dividends():
    # 100 buys 10 units at 10, from the second timestamp on. 10 * 12 = 120; split 2 for 1 before a
    # timestamp without a bar, which stays 120; 20 * 6.6 = 132; a dividend of 0.5: 20 * 6 + 10 = 130.
    prices = pd.DataFrame(
        {"A": [np.nan, 10.0, 12.0, np.nan, 6.6, 6.0], "B": 1.0},
        pd.bdate_range("2024-01-01", periods=6),
    )
    actions = pd.DataFrame(
        {
            "timestamp": prices.index[[3, 5]], "asset": "A",
            "kind": ["split", "dividend"], "value": [2.0, 0.5],
        }
    )  # fmt: skip
    data = MarketData.from_tables(prices, actions=actions)
    worth = buy_and_hold(bars_of(data, "A", data.timestamps), 100.0, data.n_times)
    np.testing.assert_allclose(worth, [100.0, 100.0, 120.0, 120.0, 132.0, 130.0])


def test_a_feed_and_a_stored_result_give_the_same_picture(tmp_path, result):
    PRICES.to_parquet(tmp_path / "prices.parquet")
    feed = DataFeed.from_parquet(
        tmp_path / "prices.parquet", signals=SIGNALS, chunk=4, bar_time=None
    )
    from_feed = run_backtest(feed, BuysTwice(), rules=result.rules)
    stored = BacktestResult.load(result.to_parquet(tmp_path / "run"))
    asked = {"asset": "ACME", "columns": ["score"]}
    expected = described(result, **asked)
    for other, data in ((from_feed, feed), (stored, result._data)):
        picture = described(other, data=data, **asked)
        assert picture.title == expected.title
        for panel, other_panel in zip(picture.panels, expected.panels, strict=True):
            for one, two in zip(panel.shapes, other_panel.shapes, strict=True):
                for name, values in vars(one).items():
                    np.testing.assert_array_equal(values, vars(two)[name])
        with pytest.raises(ValueError, match=r"does not hold the prices .* as data="):
            other.plot(asset="ACME")
        # Equity needs no prices; without them there is nothing to compare it with.
        assert len(other.plot(tmp_path / "equity.png").axes[0].lines) == 1


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"asset": "ACNE"}, KeyError, "did you mean 'ACME'"),
        ({"asset": "ACME", "columns": ["scores"]}, ValueError, "columns names 'scores'.*'score'"),
        ({"columns": ["score"]}, ValueError, "give asset= too"),
        ({"asset": "ACME", "benchmark": "ACME"}, ValueError, "leave out asset="),
        ({"start": "2025"}, ValueError, "nothing to draw from 2025"),
        ({"start": "yesterweek"}, ValueError, "must be times without a zone"),
        ({"start": 3.5}, ValueError, "must be times without a zone"),
        ({"data": PRICES, "asset": "ACME"}, TypeError, "was DataFrame: MarketData.from_tables"),
        ({"backend": "bokeh"}, ValueError, "must be 'matplotlib' or 'plotly'"),
        ({"backend": "plotly", "path": "x.png"}, ValueError, r"plotly writes \.html"),
        ({"backend": "matplotlib", "path": "x.html"}, ValueError, r"plotly writes \.html"),
        ({"path": "nowhere/x.png"}, ResultError, "cannot be written"),
    ],
)
def test_what_cannot_be_drawn_is_said(result, asked, error, said):
    with pytest.raises(error, match=said):
        result.plot(**asked)


def test_data_of_another_run_are_refused(result):
    later = MarketData.from_tables(PRICES.assign(timestamp=DATES - pd.Timedelta(hours=1)))
    other = MarketData.from_tables(PRICES.assign(asset="OTHER"))
    dearer = MarketData.from_tables(
        PRICES.assign(**{one: PRICES[one] * 2 for one in ("open", "high", "low", "close")})
    )
    for data in (later, dearer):
        with pytest.raises(ValueError, match="not those of the run: prices, signals, context"):
            result.plot(asset="ACME", data=data)
    with pytest.raises(ValueError, match="not those of the run: they have other assets"):
        result.plot(asset="ACME", data=other)


def test_bars_at_other_times_are_told_of_a_run_cut_short(result, monkeypatch):
    """Of which nobody knows all it would have gone over."""
    monkeypatch.setattr(result, "partial", True)
    later = MarketData.from_tables(PRICES.assign(timestamp=DATES - pd.Timedelta(hours=1)))
    with pytest.raises(
        ValueError, match="not those of the run: ACME has a bar at 2023-12-31 23:00"
    ):
        result.plot(asset="ACME", data=later)


def test_a_run_cut_short_is_drawn_as_far_as_it_came():
    data = market([1.0, 2.0, 3.0])
    cut = BacktestResult.from_run(run_records(2, [100.0, 101.0]), data, BacktestConfig())
    held, equity = described(cut).panels[0].shapes
    assert len(held.time) == len(equity.time) == 2


@pytest.mark.parametrize("backend", ["matplotlib", "plotly"])
def test_nothing_to_draw_is_said(backend):
    empty = BacktestResult.from_run(run_records(0, []), market([1.0]), BacktestConfig())
    with pytest.raises(ValueError, match="nothing to draw"):
        empty.plot(backend=backend)


@pytest.mark.parametrize(("backend", "extra"), [("matplotlib", "plot"), ("plotly", "plotly")])
def test_a_missing_library_is_said_in_one_sentence(monkeypatch, backend, extra):
    module = f"ml4t.backtest.report.picture.{backend}_figure"
    monkeypatch.delitem(sys.modules, module, raising=False)
    for name in ("matplotlib.figure", "matplotlib.dates", "plotly", "plotly.subplots"):
        monkeypatch.setitem(sys.modules, name, None)
    said = rf"^plot\(\) needs {backend}; install it with: pip install 'ml4t-backtest\[{extra}\]'$"
    with pytest.raises(ImportError, match=said):
        result_of([100.0, 101.0]).plot(backend=backend)


def test_matplotlib_draws_every_shape(result, tmp_path):
    figure = result.plot(tmp_path / "run.png", asset="ACME", columns=["mean", "score"])
    price, score, volume = figure.axes
    assert [text.get_text() for text in price.get_legend().get_texts()] == [
        "mean", "stop", "target", "exit", "long entry", "stop at the end", "target at the end",
    ]  # fmt: skip
    assert price.get_title(loc="left") == "BuysTwice, ACME: 1 trade, net P&L 250.00, open P&L 0.00"
    assert [axes.get_ylabel() for axes in figure.axes] == ["ACME", "score", "Volume"]
    assert len(price.patches) == 10  # bodies
    assert len(score.lines) == 1
    assert len(volume.collections) == 1
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")


def test_plotly_draws_every_shape_and_writes_a_page(result, tmp_path):
    pytest.importorskip("plotly")
    figure = result.plot(tmp_path / "run.html", asset="ACME", columns=["mean", "score"])
    kinds = [trace.type for trace in figure.data]
    assert kinds == ["candlestick", *["scatter"] * 8, "bar"]
    assert figure.data[4].text == ("sell 100 at 12.5, PriceBasedTakeProfit, take_profit",)
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert "BuysTwice, ACME" in page


def test_a_figure_joins_those_of_pyplot_where_pyplot_is_used(result):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.close("all")
    assert result.plot().number in pyplot.get_fignums()
    pyplot.close("all")


def test_long_curves_keep_their_extremes_when_drawn():
    random = np.random.default_rng(0)
    curve = np.cumsum(random.normal(size=100_003))
    shown = thinned(curve, 500)
    assert len(shown) <= 504
    assert curve[shown].min() == curve.min()
    assert curve[shown].max() == curve.max()
    assert (shown[0], shown[-1]) == (0, 100_002)
    assert np.all(np.diff(shown) > 0)
    np.testing.assert_array_equal(thinned(curve[:400], 500), np.arange(400))
    curve[::2] = np.nan  # every second one unknown: the extremes of the others
    known = curve[thinned(curve, 500)]
    assert (np.nanmin(known), np.nanmax(known)) == (np.nanmin(curve), np.nanmax(curve))


def test_many_bars_are_a_line():
    closes = 100.0 + np.sin(np.arange(300.0))
    bars = PRICES.iloc[:1].loc[[0] * 300].assign(
        timestamp=pd.bdate_range("2020-01-01", periods=300), open=closes, close=closes,
        high=closes + 1.0, low=closes - 1.0,
    )  # fmt: skip
    run = run_backtest(bars, BuysTwice())
    assert isinstance(described(run, asset="ACME").panels[0].shapes[0], Line)
    part = described(run, asset="ACME", start="2020-02")
    assert isinstance(part.panels[0].shapes[0], Line)
    part = described(run, asset="ACME", start="2020-02", end="2020-06")
    assert isinstance(part.panels[0].shapes[0], Candles)
