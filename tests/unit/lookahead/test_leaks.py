"""Planted leaks: each is found, and the column that was read is named."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from unit.lookahead.worlds import Follow, Peek, market, prices, values

from ml4t.backtest import MarketData, Strategy, check_lookahead, run_backtest
from ml4t.backtest.data import CallableFeatureProvider, Table
from ml4t.backtest.risk import PriceBasedStopLoss


def columns_of(report):
    assert not report.ok
    return {(leak.table, leak.column) for leak in report.leaks}


# --- strategies ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "column", "read"),
    [
        ("prices", "open", lambda data: data.open),
        ("prices", "high", lambda data: data.high),
        ("prices", "low", lambda data: data.low),
        ("prices", "close", lambda data: data.close),
        ("prices", "volume", lambda data: data.volume),
        ("signals", "score", lambda data: data.features["score"]),
        ("features", "size", lambda data: data.features["size"]),
    ],
)
def test_a_strategy_that_reads_the_next_row(table, column, read):
    report = check_lookahead(
        lambda: Peek(read), prices=prices(), signals=values(), features=values(3, "size")
    )
    assert columns_of(report) == {(table, column)}


def test_a_strategy_that_reads_the_next_context():
    class Fear(Strategy):
        def on_timestamp_batch(self, timestamp, events, context):
            vix = self.data.context["vix"]
            later = min(np.searchsorted(self.data.timestamps, timestamp.value) + 1, len(vix) - 1)
            self.order_target_percent("AAA", 0.5 if vix[later] < 20.0 else 0.0)

    assert columns_of(check_lookahead(Fear, prices=prices(), context=market())) == {
        ("context", "vix")
    }


def test_finished_market_data():
    data = MarketData.from_tables(
        prices(), signals=values(), features=values(3, "size"), context=market()
    )
    report = check_lookahead(lambda: Peek(lambda data: data.features["size"]), prices=data)
    assert columns_of(report) == {("indicators", "size")}


def test_a_rule_whose_level_is_of_tomorrow():
    def run(prices):
        tomorrow = prices.assign(stop=prices.groupby("asset")["low"].shift(-2) * 0.9)

        class Hold(Strategy):
            def on_timestamp_batch(self, timestamp, events, context):
                for asset in events.assets:
                    if not self.quantity(asset):
                        self.buy(asset, 1.0)

        return run_backtest(tomorrow.fillna(1.0), Hold(), rules=[PriceBasedStopLoss(price="stop")])

    report = check_lookahead(run, prices=prices())
    assert columns_of(report) == {("prices", "low")}
    assert any("level" in leak.what or "fill" in leak.what for leak in report.leaks)


# --- features --------------------------------------------------------------------------------


def by_asset(function):
    """A feature function from closes of one asset to values."""

    def run(prices):
        score = prices.groupby("asset")["close"].transform(function)
        return run_backtest(prices, Follow(), signals=prices[["date", "asset"]].assign(score=score))

    return run


LEAKS = {
    "a shift by one bar": lambda close: close.pct_change().shift(-1),
    "a full-sample z-score": lambda close: (close - close.mean()) / close.std(),
    "a centred window": lambda close: close - close.rolling(5, center=True).mean(),
    "a rank over the sample": lambda close: close.rank() - len(close) / 2,
}
HONEST = {
    "a return": lambda close: close.pct_change(),
    "a rolling z-score": lambda close: (close - close.rolling(9).mean()) / close.rolling(9).std(),
    "an expanding mean": lambda close: close - close.expanding().mean(),
}


@pytest.mark.parametrize("function", LEAKS.values(), ids=LEAKS)
def test_a_feature_that_reads_ahead_moves_decisions(function):
    assert columns_of(check_lookahead(by_asset(function), prices=prices())) == {("prices", "close")}


@pytest.mark.parametrize("function", HONEST.values(), ids=HONEST)
def test_an_honest_feature_moves_nothing(function):
    report = check_lookahead(by_asset(function), prices=prices())
    assert report.ok, report


@pytest.mark.parametrize("function", LEAKS.values(), ids=LEAKS)
def test_the_values_of_a_feature_function_can_be_checked_without_a_run(function):
    def features(prices):
        score = prices.groupby("asset")["close"].transform(function)
        return prices[["date", "asset"]].assign(score=score)

    report = check_lookahead(features, prices=prices())
    assert columns_of(report) == {("prices", "close")}
    assert all("value" in leak.what for leak in report.leaks)


@pytest.mark.parametrize("function", HONEST.values(), ids=HONEST)
def test_honest_values_are_not_accused(function):
    def features(prices):
        score = prices.groupby("asset")["close"].transform(function)
        return prices[["date", "asset"]].assign(score=score)

    assert check_lookahead(features, prices=prices()).ok


def reports() -> pd.DataFrame:
    """Numbers of days, published ten days later."""
    table = values(5, "earnings")
    return table.assign(available_at=table["date"] + pd.Timedelta(days=10))


@pytest.mark.parametrize(("on", "ok"), [("date", False), ("available_at", True)])
def test_a_merge_without_the_lag(on, ok):
    def run(prices, reports):
        right = reports[[on, "asset", "earnings"]].rename(columns={on: "date"})
        merged = prices.merge(right, on=["date", "asset"], how="left").fillna(0.0)
        return run_backtest(merged, Follow("earnings"))

    report = check_lookahead(run, prices=prices(), reports=reports())
    assert report.ok == ok
    if not ok:
        assert columns_of(report) == {("reports", "earnings")}


def test_a_lag_that_is_told_and_not_kept():
    def run(prices, reports):
        return run_backtest(prices, Follow("earnings"), signals=reports.source)

    table = Table(values(5, "earnings"), available_after="3d")
    report = check_lookahead(run, prices=prices(), reports=table)
    assert columns_of(report) == {("reports", "earnings")}
    kept = check_lookahead(lambda: Follow("earnings"), prices=prices(), signals=table)
    assert kept.ok


@pytest.mark.parametrize(("ahead", "ok"), [(1, False), (0, True)])
def test_a_provider_that_reads_ahead(ahead, ok):
    class Ask(Strategy):
        def __init__(self, provider):
            self.provider = provider

        def on_market_data(self, event):
            score = self.provider.get_features(event.asset, event.timestamp)["score"]
            self.order_target_percent(event.asset, 0.4 if score > 0.0 else 0.0)

    def run(prices, scores):
        at = scores.set_index(["date", "asset"])["score"]

        def score(asset, timestamp):
            day = timestamp.tz_localize(None) + pd.Timedelta(days=ahead)
            return {"score": at.get((day, asset), 0.0)}

        return run_backtest(prices, Ask(CallableFeatureProvider(score)))

    report = check_lookahead(run, prices=prices(), scores=values())
    assert report.ok == ok
    if not ok:
        assert columns_of(report) == {("scores", "score")}


# --- forms of tables -------------------------------------------------------------------------


def wide(field):
    return prices().pivot_table(index="date", columns="asset", values=field)


FORMS = {
    "pandas": lambda: prices(),
    "indexed": lambda: prices().set_index(["date", "asset"]),
    "Polars": lambda: pl.DataFrame(prices()),
    "lazy": lambda: pl.DataFrame(prices()).lazy(),
    "Arrow": lambda: pa.Table.from_pandas(prices(), preserve_index=False),
    "by asset": lambda: {
        asset: table.drop(columns="asset") for asset, table in prices().groupby("asset")
    },
    "by field": lambda: {field: wide(field) for field in ("open", "high", "low", "close")},
    "two levels": lambda: pd.concat(
        {field: wide(field) for field in ("open", "high", "low", "close")}, axis=1
    ),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_forms_of_prices(form):
    leak = check_lookahead(lambda: Peek(lambda data: data.close), prices=form())
    assert columns_of(leak) == {("prices", "close")}
    assert check_lookahead(lambda: Follow("close"), prices=form()).ok


def test_wide_closes_name_the_asset():
    table = wide("close").reset_index()

    def run(prices):
        score = prices[["AAA", "BBB"]].pct_change()
        score["BBB"] = score["BBB"].shift(-1)
        return run_backtest(prices, Follow(), signals={"score": score.assign(date=prices["date"])})

    assert columns_of(check_lookahead(run, prices=table)) == {("prices", "BBB")}
