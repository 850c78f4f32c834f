"""What is kept of chunks: the bars of held positions and of decisions, however many chunks there are."""

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest import MarketData, Strategy, run_backtest
from ml4t.backtest.data import DataFeed
from ml4t.backtest.records.frames import TABLES
from ml4t.backtest.risk import PriceBasedStopLoss

DAYS = pd.bdate_range("2024-01-01", periods=60)


class Buys(Strategy):
    """Orders one unit of an asset, or closes it, on given days."""

    def __init__(self, **acts):
        self.acts = {(asset, day): act for asset, days in acts.items() for day, act in days.items()}

    def on_start(self):
        self.day = 0

    def on_timestamp_batch(self, timestamp, events, context):
        for (asset, day), act in self.acts.items():
            if day == self.day:
                self.buy(asset, 1) if act == "buy" else self.close(asset)
        self.day += 1


def prices(n_assets, holes=()):
    """Bars of assets A0, A1, ... on all days; ``holes`` are the (asset, first day, last day) without."""
    rng = np.random.default_rng(3)
    grid = [(day, f"A{asset}") for day in DAYS for asset in range(n_assets)]
    table = pd.DataFrame(grid, columns=["date", "asset"])
    close = 100.0 + rng.normal(size=len(table))
    table = table.assign(close=close, score=rng.normal(size=len(table)))
    for asset, first, last in holes:
        table = table[(table["asset"] != asset) | ~table["date"].between(DAYS[first], DAYS[last])]
    return table


def whole_and_parts(table, folder, acts, rules=()):
    """The same run over tables and over a feed of one chunk a day."""
    path = folder / "prices.parquet"
    table.to_parquet(path, index=False)
    vix = pd.DataFrame({"date": DAYS, "vix": np.arange(len(DAYS), dtype=float)})
    options = {"signals": ["score"], "context": vix}
    feed = DataFeed.from_parquet(path, chunk="day", **options)
    assert feed.n_chunks == len(DAYS)
    return [
        run_backtest(data, Buys(**acts), rules=list(rules))
        for data in (MarketData.from_tables(path, **options), feed)
    ]


def n_kept(result):
    """Rows kept by a run over chunks none of whose tables was made."""
    return sum(len(part.number) for part in result._frames._rows._parts)


def assert_same(whole, parts):
    for name in TABLES:
        one, other = getattr(whole, name), getattr(parts, name)
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_what_is_kept_does_not_grow_with_the_number_of_chunks(tmp_path):
    acts = {"A3": {4: "buy", 9: "close"}, "A7": {40: "buy"}}
    whole, parts = whole_and_parts(prices(20), tmp_path, acts)
    assert len(whole.fills) == 3
    assert 0 < n_kept(parts) <= len(whole.positions) + len(whole.orders)
    assert_same(whole, parts)


def test_a_run_without_orders_keeps_no_bar(tmp_path):
    whole, parts = whole_and_parts(prices(5), tmp_path, {})
    assert n_kept(parts) == 0
    assert_same(whole, parts)


@pytest.mark.parametrize("days", [[12], [12, 13], [12, 12, 18], [10, 19]])
def test_orders_are_decided_on_a_bar_of_many_chunks_ago(tmp_path, days):
    # A1 has no bar on days 10 to 19: its orders look back at day 9 from chunks that have other rows,
    # held ones of A0, before and after.
    acts = {"A0": {2: "buy"}, "A1": dict.fromkeys(days, "buy") | {30: "close"}}
    table = prices(3, [("A1", 10, 19)])
    whole, parts = whole_and_parts(table, tmp_path, acts)
    assert_same(whole, parts)
    assert (np.diff(parts._frames._rows.row_numbers) > 0).all()  # none twice
    trade = parts.trades.set_index("asset").loc["A1"]
    score = table.set_index(["asset", "date"])["score"]
    assert trade["entry_score"] == score["A1", DAYS[9]]
    assert trade["entry_vix"] == 9.0
    assert trade["exit_score"] == score["A1", DAYS[30]]


def test_a_level_is_hit_at_the_first_bar_after_a_hole(tmp_path):
    table = prices(3, [("A1", 10, 19)])
    table.loc[(table["asset"] == "A1") & (table["date"] == DAYS[20]), "close"] = 50.0
    acts = {"A1": {2: "buy"}, "A2": {1: "buy"}}
    rules = [PriceBasedStopLoss(pct=0.2)]
    whole, parts = whole_and_parts(table, tmp_path, acts, rules)
    assert_same(whole, parts)
    (trade,) = parts.trades.to_dict("records")
    assert (trade["asset"], trade["exit_vix"]) == ("A1", 9.0)
