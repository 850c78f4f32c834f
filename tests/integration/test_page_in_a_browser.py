"""The page of a run in a browser: charts, sorting, filtering, choosing; no error, nothing that leaves the page.

Without Chromium and its driver these tests are skipped; with ``ML4T_REQUIRE_BROWSER=1`` they fail.
"""

import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from unit.made_up import busy_run

from ml4t.backtest import BacktestConfig, BacktestResult, Strategy, run_backtest
from ml4t.backtest.risk.rules import PriceBasedStopLoss, PriceBasedTakeProfit, TimeBasedExit

CHARTS = ("equity", "drawdown", "rolling-sharpe", "exposure", "excursions")
N_BARS = 600
CLOSE = 100.0 + 8.0 * np.sin(np.arange(float(N_BARS)) / 6.0) + np.arange(float(N_BARS)) / 40.0
NAMES = ("ACME", "</script><b>Ω")


class Swings(Strategy):
    """Both sides, as often as it can."""

    def on_start(self):
        self.n_seen = 0

    def on_market_data(self, event):
        self.n_seen += 1
        if not self.position(event.asset) and self.n_seen % 5 == 0:
            (self.buy if self.n_seen % 2 else self.sell)(event.asset, 50)


def found_browser():
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    return browser, shutil.which("chromedriver")


@pytest.fixture(scope="module")
def driver():
    missing = pytest.fail if os.environ.get("ML4T_REQUIRE_BROWSER") == "1" else pytest.skip
    browser, own = found_browser()
    if browser is None or own is None:
        missing("no Chromium with its driver: apt-get install chromium chromium-driver")
    try:
        from selenium import webdriver
    except ImportError:
        missing("no selenium: pip install selenium")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,900",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # The driver is named: selenium would look for one in the network.
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(own))
    made.set_script_timeout(20)
    yield made
    made.quit()


@pytest.fixture(scope="module")
def result():
    dates = pd.bdate_range("2022-01-03", periods=N_BARS)
    tables = [
        pd.DataFrame(
            {
                "timestamp": dates, "asset": name, "open": close, "high": close + 1.0, "low": close - 1.0,
                "close": close,
            }
        )
        for name, close in zip(NAMES, (CLOSE, CLOSE[::-1]), strict=True)
    ]  # fmt: skip
    rules = [
        PriceBasedStopLoss(pct=0.03),
        PriceBasedTakeProfit(pct=0.04),
        TimeBasedExit(max_bars=12),
    ]
    config = BacktestConfig(account="margin", commission=0.001)
    return run_backtest(pd.concat(tables), Swings(), rules=rules, config=config)


@pytest.fixture(scope="module")
def page(result, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    return result.to_html(folder / "run.html", title="Swings & <more>").as_uri()


@pytest.fixture
def opened(driver, page):
    read_logs(driver)  # what came before
    driver.get(page)
    ask(driver, CHOSEN)
    yield driver
    console, requests = read_logs(driver)
    assert console == []
    assert requests == [page]


CHOSEN = """
const done = arguments[arguments.length - 1];
(function look() {
  const panel = document.getElementById("chosen");
  if (!panel || panel.dataset.trade) done(panel && panel.dataset.trade); else setTimeout(look, 20);
})();
"""


def ask(driver, script, *arguments):
    """Run a script that answers when it is ready."""
    return driver.execute_async_script(script, *arguments)


def read_logs(driver):
    """Return what the console was told, and what was asked of a network but for data inside of the page."""
    told = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = [
        one["params"]["request"]["url"]
        for one in told
        if one["method"] == "Network.requestWillBeSent"
    ]
    return driver.get_log("browser"), [
        url for url in asked if not url.startswith(("data:", "blob:"))
    ]


def cells(driver, name):
    """Return a column of the rows that are shown."""
    return driver.execute_script(
        """
        const heads = [...document.querySelectorAll("#trades thead th")];
        const at = heads.findIndex((head) => head.dataset.column === arguments[0]);
        return [...document.querySelectorAll("#trades tbody tr")].map((row) => row.cells[at].textContent);
        """,
        name,
    )


def numbers(texts):
    return [float(text.replace(",", "").replace("%", "")) for text in texts]


def click_head(driver, name):
    driver.execute_script(f"document.querySelector('th[data-column={name}] button').click()")


def choose(driver, selector, value):
    driver.execute_script(
        "const one = document.querySelector(arguments[0]); one.value = arguments[1];"
        "one.dispatchEvent(new Event(one.tagName === 'SELECT' ? 'change' : 'input'))",
        selector,
        value,
    )


def counted(driver):
    return driver.execute_script("return document.getElementById('counted').textContent")


def test_every_chart_is_drawn(opened):
    for name in CHARTS:
        sizes = opened.execute_script(
            """
            const paths = document.querySelectorAll(`#${arguments[0]} svg path:not(.grid):not(.zero)`);
            return [...paths].map((path) => [path.getBBox().width, path.getBBox().height]);
            """,
            name,
        )
        assert sizes, name
        assert any(width > 500 and height > 50 for width, height in sizes), (name, sizes)
    assert opened.execute_script("return document.querySelectorAll('.heat').length") == 28
    assert opened.title == "Swings & <more>"
    # Text of others made no element of its own.
    assert (
        opened.execute_script("return document.querySelectorAll('td b, option b, h3 b').length")
        == 0
    )


def test_trades_are_sorted_by_any_column(opened, result):
    pnl = sorted(result.trades["net_pnl"])
    click_head(opened, "pnl")
    assert numbers(cells(opened, "pnl")) == [float(f"{one:.2f}") for one in pnl[::-1][:20]]
    click_head(opened, "pnl")
    assert numbers(cells(opened, "pnl")) == [float(f"{one:.2f}") for one in pnl[:20]]
    head = "document.querySelector('th[data-column=pnl]').getAttribute('aria-sort')"
    assert opened.execute_script(f"return {head}") == "ascending"
    click_head(opened, "entry")
    click_head(opened, "entry")
    times = sorted(
        [*result.trades["entry_time"], *result.open_positions["entry_time"]], reverse=True
    )
    assert cells(opened, "entry") == [f"{time:%Y-%m-%d}" for time in times[:20]]
    # What an open position has none of comes last, both ways.
    assert len(result.open_positions) > 0
    for _ in range(2):
        click_head(opened, "return")
        assert "" not in cells(opened, "return")


def test_trades_are_filtered(opened, result):
    trades = result.trades
    n_all = len(trades) + len(result.open_positions)
    assert counted(opened).startswith(f"{n_all} of {n_all} trades, ")
    choose(opened, "[data-filter=side]", "short")
    choose(opened, "[data-filter=by]", "PriceBasedStopLoss")
    wanted = trades[(trades["side"] == "short") & (trades["rule"] == "PriceBasedStopLoss")]
    assert 0 < len(wanted) < len(trades)
    assert counted(opened).startswith(
        f"{len(wanted)} of {n_all} trades, net P&L {wanted['net_pnl'].sum():,.2f}"
    )
    assert set(cells(opened, "side")) == {"short"}
    opened.execute_script("document.getElementById('reset').click()")
    choose(opened, "[data-filter=asset]", NAMES[1])
    choose(opened, "[data-filter=outcome]", "gains")
    wanted = trades[(trades["asset"] == NAMES[1]) & (trades["net_pnl"] > 0)]
    still = result.open_positions
    n_open = int(((still["asset"] == NAMES[1]) & (still["unrealized_pnl"] > 1.0)).sum())
    assert counted(opened).startswith(f"{len(wanted) + n_open} of ")
    assert min(numbers(cells(opened, "pnl"))) > 0
    opened.execute_script("document.getElementById('reset').click()")
    choose(opened, "#search", "acme timebased")
    assert set(cells(opened, "asset")) == {"ACME"}
    assert set(cells(opened, "by")) == {"TimeBasedExit"}
    choose(opened, "#search", "nothing is called so")
    assert cells(opened, "id") == []
    assert counted(opened).startswith("0 of ")


def test_pages_of_the_table_follow_one_another(opened, result):
    first = cells(opened, "id")
    opened.execute_script("document.getElementById('forth').click()")
    ids = [f"{one:,}" for one in result.trades["trade_id"]]
    assert first + cells(opened, "id") == ids[:40]
    opened.execute_script("document.getElementById('back').click()")
    assert cells(opened, "id") == first


def shown_trade(driver, number):
    """Wait for a trade to be shown; return its title, its sentences and what is drawn."""
    return ask(
        driver,
        """
        const done = arguments[arguments.length - 1];
        (function look() {
          const panel = document.getElementById("chosen");
          if (panel.dataset.trade !== arguments[0]) return setTimeout(() => look(...arguments), 20);
          done([
            document.getElementById("chosen-title").textContent,
            [...document.querySelectorAll("#story li")].map((one) => one.textContent),
            [...document.querySelectorAll("#trade-chart path")].map((one) => one.getAttribute("class")),
          ]);
        })(...arguments);
        """,
        str(number),
    )


def test_a_chosen_trade_shows_its_bars_and_its_story(opened, result):
    click_head(opened, "pnl")
    best = result.trades.loc[result.trades["net_pnl"].idxmax(), "trade_id"]
    opened.execute_script("document.querySelector('#trades tbody tr').click()")
    title, sentences, drawn = shown_trade(opened, best)
    story = result.explain(best)
    assert (title, sentences) == (story.title, list(story.sentences))
    for part in ("wick-up", "body-down", "stop", "target", "mark exit"):
        assert part in drawn
    assert "mark buy" in drawn or "mark sell" in drawn
    selected = "document.querySelectorAll('#trades tr[aria-selected=true]').length"
    assert opened.execute_script(f"return {selected}") == 1
    # The next one of the table as it is sorted.
    second = result.trades["net_pnl"].nlargest(2).index[1]
    opened.execute_script("document.getElementById('trade-forth').click()")
    assert shown_trade(opened, result.trades.loc[second, "trade_id"])[1]


def test_a_row_is_chosen_by_the_keyboard_and_an_open_trade_is_told(opened, result):
    number = result.open_positions["trade_id"].iloc[0]
    choose(opened, "[data-filter=by]", "open")
    opened.execute_script(
        """
        const row = [...document.querySelectorAll("#trades tbody tr")].find((one) => one.cells[0].textContent === arguments[0]);
        row.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
        """,
        str(number),
    )
    title, sentences, drawn = shown_trade(opened, number)
    assert "still open" in title
    assert sentences == list(result.explain(number).sentences)
    assert "mark exit" not in drawn


def test_a_point_of_the_scatter_is_a_trade(opened, result):
    trade = result.trades.loc[result.trades["mfe_pct"].idxmax()]
    opened.execute_script(
        """
        const plot = document.querySelector("#excursions .plot"), box = plot.getBoundingClientRect();
        const x = box.left + (arguments[0] / plot.dataset.right) * box.width;
        const y = box.top + (1 - arguments[1] / plot.dataset.top) * box.height;
        for (const kind of ["pointermove", "click"])
          plot.dispatchEvent(new PointerEvent(kind, { clientX: x, clientY: y, bubbles: true }));
        """,
        abs(trade["mae_pct"]),
        trade["mfe_pct"],
    )
    assert shown_trade(opened, trade["trade_id"])[1]
    tip = opened.execute_script("return document.querySelector('#excursions .tip').textContent")
    assert f"Trade {trade['trade_id']}, {trade['asset']}" in tip


def test_a_point_of_a_curve_is_told(opened, result):
    tip = opened.execute_script(
        """
        const plot = document.querySelector("#equity .plot"), box = plot.getBoundingClientRect();
        plot.dispatchEvent(new PointerEvent("pointermove", { clientX: box.right - 0.2, clientY: box.top + 5 }));
        return plot.querySelector(".tip").textContent;
        """
    )
    last = result.equity.iloc[-1]
    assert tip == f"{last.name:%Y-%m-%d}equity {last['equity']:,.2f}"


@pytest.mark.parametrize("width", [390, 820, 1440])
def test_nothing_is_wider_than_the_screen(opened, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        assert opened.execute_script("return document.documentElement.scrollWidth") <= width
        # Labels of an axis do not lie on one another.
        overlaps = opened.execute_script(
            """
            const found = [];
            for (const row of document.querySelectorAll(".times")) {
              const boxes = [...row.children].map((one) => one.getBoundingClientRect()).filter((one) => one.width);
              boxes.forEach((box, i) => { if (i && box.left < boxes[i - 1].right) found.push(`${row.parentElement.id} ${row.children[i].textContent}`); });
            }
            return found;
            """
        )
        assert overlaps == []
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_light_and_dark_have_other_colours_and_paper_is_light(opened):
    def background(**emulated):
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", emulated)
        return opened.execute_script("return getComputedStyle(document.body).backgroundColor")

    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    try:
        assert background() == "rgb(255, 255, 255)"
        assert background(**dark) == "rgb(17, 20, 24)"
        assert background(**dark, media="print") == "rgb(255, 255, 255)"
    finally:
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    assert len(opened.execute_cdp_cmd("Page.printToPDF", {})["data"]) > 20_000


def test_ten_thousand_trades_open_in_under_two_seconds(driver, tmp_path):
    data, records = busy_run(40_000, 10_000)
    busy = BacktestResult.from_run(records, data, BacktestConfig(), strategy_name="Busy")
    page = busy.to_html(tmp_path / "busy.html").as_uri()
    times = []
    for _ in range(3):  # the machine may be busy
        driver.get(page)
        assert ask(driver, CHOSEN) == "1"
        shown = "return performance.now() - performance.getEntriesByType('navigation')[0].startTime"
        times.append(driver.execute_script(shown))
        if times[-1] < 2_000.0:
            break
    assert min(times) < 2_000.0
    assert counted(driver).startswith("10,000 of 10,000 trades")
    click_head(driver, "pnl")
    assert numbers(cells(driver, "pnl"))[0] == float(f"{busy.trades['net_pnl'].max():.2f}")
    assert read_logs(driver)[0] == []
