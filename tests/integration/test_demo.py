"""The demonstration runs, and what it claims about time, splits and dividends holds."""

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from ml4t.backtest import BacktestResult, Strategy, run_backtest
from ml4t.backtest.data import DataError, Table
from ml4t.backtest.datasets import (
    load_aapl,
    load_aapl_actions,
    load_predictions,
    load_us_stocks,
    load_vix,
)
from ml4t.backtest.demo import (
    CLOSE,
    VIX_CLOSE,
    AlwaysInvested,
    aapl_brackets,
    aapl_with_actions,
    around_actions,
    order_counts,
    predictions_portfolio,
    run_demo,
)


@pytest.fixture(scope="module")
def portfolio():
    return predictions_portfolio()


@pytest.fixture(scope="module")
def aapl():
    return aapl_with_actions()


# --- the whole of it -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    text = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("demo"))
        run_demo("demo-output", Console(file=text, width=80, highlight=False))
        yield Path("demo-output").absolute(), text.getvalue()


def test_the_demo_prints_what_happened_and_where_it_is(demo):
    _, text = demo
    for words in (
        "1258/1258",  # the progress bar, at its end
        "3270/3270",
        "Total return", "CAGR", "Volatility (annual)", "Sharpe ratio", "Max drawdown", "Trades",
        "Win rate", "Exits by rule", "VolatilityScaledStopLoss", "VolatilityScaledTakeProfit",
        "TimeBasedExit", "RegimeDependentRule", "MaxDrawdown", "TrailingStop", "4 halts of trading by limits",
        "The prices are closes only (open = high = low = close)",
        str(Path("demo-output", "portfolio", "trades.parquet")),
        str(Path("demo-output", "aapl", "equity.png")),
        "child, stop",
        str(Path("demo-output", "brackets", "prices.png")),
    ):  # fmt: skip
        assert words in text, words


@pytest.mark.parametrize(
    ("part", "picture"),
    [("portfolio", "equity.png"), ("aapl", "equity.png"), ("brackets", "prices.png")],
)
def test_the_demo_leaves_tables_and_a_picture(demo, part, picture):
    folder, _ = demo
    again = BacktestResult.load(folder / part)
    assert len(again.trades) == again.metrics["trades"] > 10
    assert (folder / part / picture).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_readme_shows_what_the_demo_prints(demo):
    _, text = demo
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"\$ make demo\n(.*?)```", readme, re.DOTALL)
    assert [untimed(line) for line in shown.splitlines() if line.strip()] == [
        untimed(line) for line in text.splitlines() if line.strip()
    ]


def untimed(line):
    """Leave out what differs from run to run: seconds, and the time column of the progress bar."""
    return re.sub(r"[\d.e-]+ s$|\d:\d\d:\d\d", "", line.rstrip().replace("\\", "/")).rstrip()


# --- the portfolio of predictions ------------------------------------------------------------


class Watch(Strategy):
    """Keep the prediction of one asset as seen at each close, and buy it once."""

    def __init__(self, asset, buy_at):
        self.asset = asset
        self.buy_at = buy_at
        self.seen = {}

    def on_market_data(self, event):
        if event.asset == self.asset:
            self.seen[event.timestamp] = event.prediction
            if event.timestamp == self.buy_at:
                self.buy(event.asset, 1)


def close_of(date):
    return pd.Timestamp(f"{date} 16:00", tz="America/New_York").tz_convert("UTC")


def test_a_prediction_of_1605_is_seen_at_the_next_close_and_filled_one_session_later():
    # Predicted on Friday 2014-03-07 at 16:05; seen at Monday's close; filled on Tuesday.
    prices = load_us_stocks("2014-02", "2014-03")
    predictions = load_predictions("2014-02", "2014-03")
    watch = Watch("XOM", buy_at=close_of("2014-03-10"))
    result = run_backtest(
        prices, watch, signals=Table(predictions, values=["prediction"]), bar_time=CLOSE
    )

    of_xom = predictions[predictions["symbol"] == "XOM"].set_index("date")["prediction"]
    assert watch.seen[close_of("2014-03-10")] == of_xom["2014-03-07"]
    assert of_xom["2014-03-07"] != of_xom["2014-03-10"]
    seen = np.array(list(watch.seen.values()))
    assert np.isnan(seen[0])
    np.testing.assert_array_equal(seen[1:], of_xom.to_numpy(np.float64)[: len(seen) - 1])

    (fill,) = result.fills.to_dict("records")
    # The prices have dates, and so have the tables of the result.
    assert fill["decision_time"] == pd.Timestamp("2014-03-10")
    assert fill["timestamp"] == pd.Timestamp("2014-03-11")
    assert fill["price"] == prices.loc["2014-03-11", "XOM"]


def test_dates_need_a_time_of_day_beside_timed_predictions():
    with pytest.raises(DataError, match="bar_time="):
        run_backtest(
            load_us_stocks("2014", "2014"),
            Watch("XOM", None),
            signals=Table(load_predictions("2014", "2014"), values=["prediction"]),
        )


def test_every_entry_of_the_portfolio_used_a_prediction_of_an_earlier_session(portfolio):
    trades = portfolio.trades
    table = load_predictions().set_index(["symbol", "date"])["prediction"]
    sessions = load_us_stocks("2013-12", "2018").index
    before = sessions[sessions.searchsorted(trades["entry_decision_time"]) - 1]
    known = table.reindex(list(zip(trades["asset"].astype(str), before, strict=True)))
    np.testing.assert_array_equal(trades["entry_prediction"], known.to_numpy(np.float64))
    assert (trades["entry_time"] > trades["entry_decision_time"]).all()


def test_nothing_is_bought_in_an_uneasy_market(portfolio):
    # The VIX of 16:15 is that of the session before.
    assert portfolio.trades["entry_vix"].max() <= 25.0
    vix = load_vix().dropna()
    assert (vix["vix"] > 25.0).sum() > 20  # and there was one


def test_positions_are_few_and_left_by_rules_alone(portfolio):
    assert portfolio.positions.groupby("timestamp").size().max() == 5
    rules = {
        "VolatilityScaledStopLoss",
        "VolatilityScaledTakeProfit",
        "RegimeDependentRule",
        "TimeBasedExit",
    }
    assert set(portfolio.trades["rule"]) == rules | {"MaxDrawdown"}
    # Decided at a close, filled at the next: a time exit has been held for 20 closes.
    timed = portfolio.trades.query("exit_type == 'time_exit'")
    assert set(timed["bars_held"]) == {20}


def test_closes_only_are_filled_at_closes(portfolio):
    assert portfolio.info["closes_only"]
    assert "closes only" in portfolio.summary()
    closes = load_us_stocks("2014", "2018")
    fills = portfolio.fills
    rows = closes.index.get_indexer(fills["timestamp"])
    columns = closes.columns.get_indexer(fills["asset"].astype(str))
    np.testing.assert_array_equal(fills["base_price"], closes.to_numpy()[rows, columns])


# --- AAPL: splits and dividends --------------------------------------------------------------


def test_a_split_doubles_the_shares_and_leaves_no_jump_in_equity(aapl):
    table = around_actions(aapl, load_aapl_actions())
    splits = table[table["kind"] == "split"]
    assert len(splits) == 2
    assert (splits["quantity_after"] == 2 * splits["quantity"]).all()
    assert (splits["cash_after"] == splits["cash"]).all()
    # The price halves; equity moves with the return of the shares, (2 * mark after) / mark.
    grown = splits["quantity"] * (2 * splits["mark_after"] - splits["mark"])
    np.testing.assert_allclose(splits["equity_after"] - splits["equity"], grown, rtol=1e-9)
    assert (splits["mark_after"] / splits["mark"]).between(0.45, 0.6).all()


def test_a_dividend_is_cash_on_its_ex_date(aapl):
    table = around_actions(aapl, load_aapl_actions())
    dividends = table[table["kind"] == "dividend"]
    assert len(dividends) == 3
    assert (dividends["quantity_after"] == dividends["quantity"]).all()
    paid = dividends["cash_after"] - dividends["cash"]
    np.testing.assert_allclose(paid, dividends["quantity"] * 2.65, rtol=1e-9)


def test_no_day_of_aapl_moves_equity_more_than_the_share_moved(aapl):
    # Total return of a share, splits and dividends in; equity, at most fully invested, keeps within.
    bars = load_aapl().set_index("date")["close"]
    actions = load_aapl_actions().set_index(["kind", "date"])["value"]
    ratio = actions["split"].reindex(bars.index, fill_value=1.0)
    paid = actions["dividend"].reindex(bars.index, fill_value=0.0)
    share = ((bars * ratio + paid) / bars.shift() - 1.0).to_numpy()[1:]
    equity = aapl.equity["equity"].pct_change().to_numpy()[1:]
    held = aapl.positions["timestamp"].nunique()
    whole_days = np.isclose(equity, share, atol=5e-3)
    assert whole_days.sum() > 0.97 * held  # the rest are the days of a fill
    assert np.abs(equity).max() <= np.abs(share).max()


def test_without_its_actions_the_same_run_falls_by_half_on_a_split():
    # What the events are for: raw bars alone show a crash of 50% that nobody suffered.
    bars = load_aapl().query("date < '2000-07-01'")
    runs = {
        name: run_backtest(bars, AlwaysInvested(), actions=actions, bar_time=CLOSE)
        for name, actions in (("with", load_aapl_actions()), ("without", None))
    }
    worst = {name: run.equity["equity"].pct_change().min() for name, run in runs.items()}
    assert worst["without"] < -0.4
    assert worst["with"] > -0.2


# --- AAPL: brackets --------------------------------------------------------------------------


def test_every_purchase_has_a_stop_and_a_target_and_leaves_at_one_of_them():
    result = aapl_brackets()
    counts = order_counts(result)
    purchases = counts.loc["limit", "filled"]
    # One of the two children fills, the other is cancelled; no purchase is open at the end.
    assert counts.loc["child, stop", "All"] == counts.loc["child, limit", "All"] == purchases
    assert counts.loc["child, stop", "filled"] + counts.loc["child, limit", "filled"] == purchases
    assert counts.loc["All", "All"] == len(result.orders)
    assert set(result.trades["exit_type"]) == {"stop_loss", "take_profit"}
    # Bought at the limit or, where the day opened below it, at the open.
    bought = result.orders.query("order_type == 'limit' and status == 'filled' and side == 'buy'")
    assert (bought["average_price"] <= bought["limit_price"]).all()
    assert (bought["average_price"] < bought["limit_price"]).any()


# --- the data sets ---------------------------------------------------------------------------


def test_the_data_sets_are_what_their_readmes_say():
    assert load_us_stocks().shape == (8_313, 19)
    assert len(load_predictions()) == 71_725
    assert len(load_vix()) == 1_305
    assert load_vix()["vix"].isna().sum() == 46
    assert set(load_aapl()["symbol"]) == {"AAPL"}
    assert "adj_close" not in load_aapl()
    assert list(load_aapl_actions()["kind"]) == ["split"] * 2 + ["dividend"] * 3


def test_the_label_of_the_table_is_no_signal(portfolio):
    assert "label_fwd_5" in load_predictions("2018")
    assert {"entry_prediction", "entry_vix"} <= set(portfolio.trades)
    assert "entry_label_fwd_5" not in portfolio.trades


def test_the_vix_of_a_session_is_seen_at_the_next_close():
    class Look(Strategy):
        def on_start(self):
            self.seen = {}

        def on_timestamp_batch(self, timestamp, events, context):
            self.seen[timestamp] = context["vix"]

    look = Look()
    run_backtest(
        load_us_stocks("2014-01", "2014-01"),
        look,
        context=Table(load_vix(), bar_time=VIX_CLOSE),
        bar_time=CLOSE,
    )
    # The first value is Friday's, 2014-01-03: 13.76 points. Monday's 13.55 is seen on Tuesday.
    assert np.isnan(look.seen[close_of("2014-01-03")])
    assert look.seen[close_of("2014-01-06")] == 13.76
    assert look.seen[close_of("2014-01-07")] == 13.55
