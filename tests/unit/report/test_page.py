"""The page of a run: what is in it, what it leaves out and says so, and that no text becomes an element."""

import base64
import json
import re
import sys
import zlib
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from unit.made_up import market, result_of, run_records

from ml4t.backtest import (
    AnalysisError,
    BacktestConfig,
    BacktestResult,
    ResultError,
    Strategy,
    run_backtest,
)
from ml4t.backtest.report.page.embedded import as_json
from ml4t.backtest.report.page.line_chart import VARIABLES
from ml4t.backtest.report.page.markup import Markup, element
from ml4t.backtest.report.page.run_page import PARTS
from ml4t.backtest.report.page.trade_bars import MOST_DRAWN
from ml4t.backtest.report.picture import colors
from ml4t.backtest.risk.rules import PriceBasedStopLoss, PriceBasedTakeProfit, TimeBasedExit

pages = sys.modules["ml4t.backtest.report.page.run_page"]
EVIL = "</script><img src=x onerror=alert(1)>"
DATES = pd.bdate_range("2023-01-02", periods=400)
CLOSE = 100.0 + 8.0 * np.sin(np.arange(400.0) / 6.0)


class Swings(Strategy):
    """Buys below a hundred."""

    def on_market_data(self, event):
        if event.close < 99.0 and not self.position(event.asset):
            self.buy(event.asset, 100)


def prices(asset="ACME", close=CLOSE, dates=DATES):
    return pd.DataFrame(
        {
            "timestamp": dates[: len(close)], "asset": asset, "open": close, "high": close + 1.0, "low": close - 1.0,
            "close": close,
        }
    )  # fmt: skip


LEVELS = (PriceBasedStopLoss(pct=0.05), PriceBasedTakeProfit(pct=0.05))


def swings(rules=LEVELS, *, ledger="fills", **given):
    return run_backtest(
        prices(**given), Swings(), rules=rules, config=BacktestConfig(ledger=ledger)
    )


@pytest.fixture(scope="module")
def run():
    return swings()


class Page(HTMLParser):
    """The elements of a page, and the data in it."""

    def __init__(self, path):
        super().__init__()
        self.text = path.read_text(encoding="utf-8")
        self.tags, self.ids, self.scripts, self._script = [], [], {}, None
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append((tag, given))
        self.ids += [given["id"]] if "id" in given else []
        self._script = given.get("id") or given.get("class") if tag == "script" else None

    def handle_data(self, data):
        if self._script:
            self.scripts.setdefault(self._script, []).append(data)

    @property
    def trades(self):
        data = json.loads(self.scripts["trade-data"][0])
        return {one["name"]: one["values"] for one in data["columns"]}

    def told(self):
        found = []
        for name in (one for one in self.ids if one.startswith("block-")):
            packed = base64.b64decode(self.scripts[name][0])
            found += json.loads(zlib.decompress(packed))
        return found


def page_of(result, folder, **given):
    return Page(result.to_html(folder / "run.html", **given))


def test_every_part_is_there_once_and_the_page_asks_nothing_of_a_network(run, tmp_path):
    page = page_of(run, tmp_path)
    assert len(page.ids) == len(set(page.ids))
    charts = {
        "equity",
        "drawdown",
        "months",
        "rolling-sharpe",
        "exposure",
        "rules",
        "exit-types",
        "excursions",
    }
    assert {*charts, *(name for name, _ in PARTS), "trades", "block-0"} <= set(page.ids)
    for _, given in page.tags:
        for name in ("src", "href", "action", "data"):
            assert given.get(name, "#")[:1] == "#" or given[name] == "data:,"
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page.text)
    assert "url(" not in page.text
    assert "@import" not in page.text
    policy = next(given for tag, given in page.tags if given.get("http-equiv"))
    assert policy["content"].startswith("default-src 'none'")


def test_the_table_has_every_trade_as_the_result_has_it(run, tmp_path):
    page, trades = page_of(run, tmp_path), run.trades
    shown = page.trades
    n = len(trades)
    assert len(run.open_positions) == 1
    assert shown["id"] == [*trades["trade_id"], *run.open_positions["trade_id"]]
    np.testing.assert_allclose(shown["pnl"][:n], trades["net_pnl"], rtol=1e-8)
    np.testing.assert_allclose(shown["mae"][:n], trades["mae_pct"], rtol=1e-8)
    assert shown["by"][:n] == trades["rule"].tolist()
    assert (shown["by"][n], shown["exit"][n], shown["exit_price"][n]) == ("open", "open", None)
    # All of them together are the profit and loss of the run.
    assert sum(shown["pnl"]) == pytest.approx(run.metrics["final_equity"] - 100_000.0)


@pytest.mark.parametrize("ledger", ["decisions", "all"])
def test_each_trade_is_told_as_explain_tells_it(ledger, tmp_path):
    run = swings([TimeBasedExit(7), PriceBasedStopLoss(pct=0.02)], ledger=ledger)
    told = [one["told"] for one in page_of(run, tmp_path).told()]
    ids = [*run.trades["trade_id"], *run.open_positions["trade_id"]]
    assert told == [list(run.explain(number).sentences) for number in ids]
    assert any("(time_exit: 7 against 7)" in sentence for one in told for sentence in one)


def test_each_trade_has_its_bars_its_fills_its_levels_and_its_story(run, tmp_path):
    page = page_of(run, tmp_path)
    first, story = page.told()[0], run.explain(1)
    assert first["title"] == story.title
    assert first["told"] == list(story.sentences)
    bars = first["bars"]
    entry, leave = (run.trades[f"{end}_time"][0] for end in ("entry", "exit"))
    seconds = np.cumsum(bars["t"])
    where = DATES.get_loc(entry)
    assert bars["c"] == pytest.approx(CLOSE[where - 10 :][: len(bars["c"])], abs=1e-4)
    assert pd.Timestamp(seconds[0], unit="s") == DATES[where - 10]
    assert pd.Timestamp(seconds[-1], unit="s") == DATES[DATES.get_loc(leave) + 5]
    (at, price, kind), (out, _, _) = bars["fills"]
    assert (at, price, kind) == (10, pytest.approx(run.trades["entry_price"][0], abs=1e-4), "buy")
    assert bars["fills"][1][2] == "exit"
    stop = next(level for level in bars["levels"] if level["kind"] == "stop")
    assert [place for place, _ in stop["at"]] == [at, out]
    assert stop["at"][0][1] == pytest.approx(0.95 * run.trades["entry_price"][0], abs=1e-4)


def test_a_long_trade_is_drawn_in_fewer_bars_that_keep_their_extremes(tmp_path):
    close = 100.0 + np.arange(400.0) / 10.0
    close[:3] = 98.0
    spiked = prices(close=close)
    spiked.loc[200, "high"] = 500.0
    result = run_backtest(spiked, Swings(), config=BacktestConfig(close_at_end=True))
    (told,) = page_of(result, tmp_path).told()
    bars = told["bars"]
    assert bars["k"] == 3
    assert len(bars["c"]) <= MOST_DRAWN
    assert max(bars["h"]) == 500.0
    assert (bars["o"][0], bars["c"][-1]) == (98.0, pytest.approx(close[-1]))


def test_texts_of_others_are_text(tmp_path):
    table = prices(asset=EVIL)
    signals = table[["timestamp", "asset"]].assign(**{"x<b>": 1.0})
    rules = [PriceBasedTakeProfit(pct=0.05)]
    result = run_backtest(table, Swings(), signals=signals, rules=rules)
    page = page_of(result, tmp_path, title=f"{EVIL} & more")
    assert "<img" not in page.text
    assert {tag for tag, _ in page.tags} <= {
        "html", "head", "meta", "link", "title", "style", "body", "header", "h1", "p", "nav", "a", "main", "section",
        "div", "span", "strong", "h2", "h3", "dl", "dt", "dd", "ul", "li", "figure", "figcaption", "svg", "path",
        "script", "table", "thead", "tbody", "tr", "th", "td", "i", "b", "input", "select", "option", "button", "ol",
        "noscript", "footer",
    }  # fmt: skip
    assert page.trades["asset"][0] == EVIL
    assert any("x<b> 1" in sentence for sentence in page.told()[0]["told"])
    assert as_json(["</script>", "<!--", "\u2028"]) == '["\\u003c/script>","\\u003c!--","\\u2028"]'
    assert (
        element("p", "<&>", Markup("<b>"), title='"<')
        == '<p title="&quot;&lt;">&lt;&amp;&gt;<b></p>'
    )


def test_a_benchmark_is_drawn_and_measured(run, tmp_path):
    pytest.importorskip("empyrical")
    market_returns = pd.Series(CLOSE, DATES).pct_change()
    page = page_of(run, tmp_path, benchmark=market_returns)
    lines = json.loads(page.scripts["lines"][0])
    assert [line["name"] for line in lines] == ["benchmark", "equity"]
    # Held over the same sessions, from the same cash.
    worth = 100_000.0 * CLOSE[-1] / CLOSE[0]
    assert lines[0]["text"][-1] == f"{worth:,.2f}"
    assert lines[1]["text"][-1] == f"{run.metrics['final_equity']:,.2f}"
    assert "Beside the benchmark" in page.text
    assert run.measure(benchmark=market_returns, only=["beta"])["beta"] == pytest.approx(
        0.0, abs=0.2
    )


def test_without_empyrical_the_page_says_what_is_left_out(run, tmp_path, monkeypatch):
    measure = run.measure

    def missing(*, benchmark=None, **given):
        if benchmark is not None:
            raise ImportError("measures beside a benchmark need empyrical-reloaded")
        return measure(**given)

    monkeypatch.setattr(run, "measure", missing, raising=False)
    returns = pd.Series(CLOSE, DATES).pct_change()
    assert (
        "are left out: measures beside a benchmark need"
        in page_of(run, tmp_path, benchmark=returns).text
    )


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        (
            {"benchmark": pd.Series(0.001, DATES[50:])},
            AnalysisError,
            "49 of its 400 sessions have no return",
        ),
        ({"benchmark": pd.Series(CLOSE, DATES)}, AnalysisError, "looks like prices"),
        ({"window": 1}, AnalysisError, "window must be a whole number from 2 on"),
        ({"window": 10**19}, AnalysisError, "window must be at most 2,147,483,647"),
        ({"most_bars": -1}, AnalysisError, "most_bars must be a whole number from 0 on"),
        ({"most_bars": 1.5}, AnalysisError, "most_bars must be a whole number"),
        ({"data": PriceBasedStopLoss(pct=0.1)}, TypeError, "data must be MarketData or a DataFeed"),
    ],
)
def test_what_cannot_be_shown_is_said_and_nothing_is_written(run, tmp_path, given, error, said):
    with pytest.raises(error, match=said):
        run.to_html(tmp_path / "run.html", **given)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder, "is a folder; name a file in it"),
        (lambda folder: folder / "nowhere" / "run.html", "there is no folder"),
        (lambda folder: folder / "a\0b.html", "can be no path"),
        (lambda folder: None, "None is no path of a file"),
        (lambda folder: folder / ("n" * 300), "n cannot be written: File name too long"),
    ],
)
def test_a_path_that_cannot_be_written_is_said(run, tmp_path, make, said):
    with pytest.raises(ResultError, match=said):
        run.to_html(make(tmp_path))


def test_a_name_may_be_as_long_as_the_system_lets_it(run, tmp_path):
    page = run.to_html(tmp_path / f"{'n' * 245}.html")
    assert [*tmp_path.iterdir()] == [page]


def test_a_link_is_not_replaced(run, tmp_path):
    (tmp_path / "link.html").symlink_to(tmp_path / "other.html")
    with pytest.raises(ResultError, match="is a symbolic link"):
        run.to_html(tmp_path / "link.html")


def test_a_page_is_replaced_at_once(run, tmp_path, monkeypatch):
    path = run.to_html(tmp_path / "run.html", title="first")

    def full(self, *_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.write_text", full)
        with pytest.raises(ResultError, match="No space left"):
            run.to_html(path, title="second")
    assert "<title>first</title>" in path.read_text(encoding="utf-8")
    run.to_html(path, title="third")
    assert "<title>third</title>" in path.read_text(encoding="utf-8")
    assert [one.name for one in tmp_path.iterdir()] == ["run.html"]


def test_a_stored_result_and_most_bars_say_what_is_left_out(run, tmp_path):
    stored = BacktestResult.load(run.to_parquet(tmp_path / "run"))
    bare = page_of(stored, tmp_path)
    assert "does not hold the prices of its run, so no bars of trades are shown" in bare.text
    assert all(told["bars"] is None for told in bare.told())
    whole = page_of(stored, tmp_path, data=run._data)
    assert "no bars of trades" not in whole.text
    assert whole.told() == page_of(run, tmp_path).told()
    few = page_of(run, tmp_path, most_bars=60)
    told = few.told()
    kept = [one["bars"] is not None for one in told]
    assert 0 < sum(kept) < len(told)
    assert sum(len(one["bars"]["c"]) for one in told if one["bars"]) <= 60
    assert f"{sum(kept)} of {len(told)} trades have their bars in this page" in few.text
    largest = int(np.abs(few.trades["pnl"]).argmax())
    assert kept[largest]


def test_a_table_that_would_be_too_long_has_the_largest(run, tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "MOST_TRADES", 5)
    page = page_of(run, tmp_path)
    trades = run.trades
    expected = trades.loc[trades["net_pnl"].abs().nlargest(4).index.sort_values(), "trade_id"]
    assert page.trades["id"] == [*expected, *run.open_positions["trade_id"]]
    assert f"The table has 5 of {len(trades) + 1} trades" in page.text
    assert len(page.told()) == 5


@pytest.mark.parametrize(
    "result",
    [
        result_of([100.0, 101.0]),
        result_of([100.0]),
        result_of([100.0] * 70),
        result_of([100.0, 0.0, -50.0, np.nan, np.inf, 20.0]),
        result_of(100.0 + np.arange(70.0)),
    ],
    ids=["two bars", "one bar", "flat", "bankrupt", "rising"],
)
def test_runs_without_trades_are_pages_too(result, tmp_path):
    page = page_of(result, tmp_path)
    assert "The run made no trade." in page.text
    assert "nan" not in page.text.lower().replace("nanosecond", "")
    assert "trade-data" not in page.ids


def test_a_run_that_ended_before_it_began_is_no_page(tmp_path):
    empty = BacktestResult.from_run(run_records(0, []), market([1.0]), BacktestConfig())
    with pytest.raises(ValueError, match="nothing to show"):
        empty.to_html(tmp_path / "run.html")


def test_several_assets_and_short_positions(tmp_path):
    class Both(Strategy):
        def on_start(self):
            self.n = 0

        def on_market_data(self, event):
            self.n += 1
            if self.n in (1, 20):
                self.buy(event.asset, 10)
            if self.n in (2, 21):
                self.sell(event.asset, 10)

    table = pd.concat([prices(asset=name, close=CLOSE[:30]) for name in "AB"])
    result = run_backtest(table, Both(), config=BacktestConfig(account="margin"))
    page = page_of(result, tmp_path)
    assert set(page.trades["asset"]) == {"A", "B"}
    assert set(page.trades["side"]) == {"long", "short"}
    assert {fill[2] for told in page.told() for fill in told["bars"]["fills"]} == {
        "buy",
        "sell",
        "exit",
    }


def test_every_colour_of_pictures_has_one_of_the_page_in_light_and_dark():
    style = (pages.files(pages.__package__) / "page.css").read_text(encoding="utf-8")
    light, dark = style.split("prefers-color-scheme: dark")
    own = {
        name.lower()
        for name, value in vars(colors).items()
        if isinstance(value, str) and value[:1] == "#"
    }
    assert len(VARIABLES) == len(
        {value for name, value in vars(colors).items() if name.isupper() and isinstance(value, str)}
    )
    for name in own:
        assert f"--{name}:" in light
        assert f"--{name}:" in dark
