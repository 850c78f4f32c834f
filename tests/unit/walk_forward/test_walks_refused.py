"""walk_forward: what cannot begin, what ends, and what is no data of a walk."""

import pandas as pd
import pytest
from unit.walk_forward.walked import SPLITS, always, market, prices

from ml4t.backtest import BacktestConfig, Strategy
from ml4t.backtest.data import DataFeed
from ml4t.backtest.market.cut import cut
from ml4t.backtest.walk_forward import (
    CombinatorialPurged,
    WalkForward,
    WalkForwardError,
    walk_forward,
)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fit": 5}, "fit must be a function of a train part, was int"),
        ({"splits": 5}, "splits must be WalkForward or CombinatorialPurged, was int"),
        ({"splits": CombinatorialPurged(4, 2).path(0)}, "was CombinatorialPath"),
        ({"positions": "held"}, "positions must be \"flat\" or \"carried\", was 'held'"),
        ({"measure": "sharp"}, "there is no measure 'sharp'"),
        ({"measure": "exits_by_rule"}, "there is no measure 'exits_by_rule'"),
        ({"measure": ["sharpe"]}, "there is no measure"),
        ({"config": {}}, "config must be a BacktestConfig, was dict"),
        ({"splits": WalkForward(500, 20)}, "the rows end before the first train part does: 240 sessions"),
        ({"splits": WalkForward(20, 20, 10)}, "let step be at least test"),
        ({"splits": WalkForward(20, 20, times="date")}, "times of the splits are those of rows, and there are none"),
        ({"splits": WalkForward(20, 20, label_ends="end")}, "label_ends of the splits are those of rows"),
        ({"splits": CombinatorialPurged(4, 2), "positions": "carried"}, "positions cannot be carried"),
        ({"table": [1, 2]}, "table must be a pandas DataFrame, was list"),
        ({"table": pd.DataFrame({"x": [1.0]})}, "the rows of table have no times"),
        ({"table": pd.DataFrame({"x": [1.0]}, index=pd.DatetimeIndex(["2029-01-01"]))}, "no row of table is left to train on"),
    ],
)  # fmt: skip
def test_a_walk_that_cannot_begin(changes, said):
    given = {"fit": always(), "data": market(), "splits": SPLITS} | changes
    with pytest.raises(WalkForwardError, match=said):
        walk_forward(given.pop("fit"), given.pop("data"), given.pop("splits"), **given)


def test_a_walk_ends_where_nothing_is_left():
    class Doubles(Strategy):
        def on_market_data(self, event):
            if event.asset == "A" and not self.position("A"):
                self.buy("A", value=2.0 * self.equity)

    table = prices(assets=("A",))
    table.loc[100:, ["open", "high", "low", "close"]] *= 0.2
    config = BacktestConfig(account="margin", on_insufficient="allow")
    with pytest.raises(WalkForwardError, match="at the end of test part 0: there is nothing left"):
        walk_forward(lambda train: Doubles(), table, SPLITS, config=config)


def test_a_feed_is_refused(tmp_path):
    prices().to_parquet(tmp_path / "prices.parquet")
    feed = DataFeed.from_parquet(tmp_path / "prices.parquet", chunk=50)
    with pytest.raises(WalkForwardError, match="a walk goes over its data more than once"):
        walk_forward(always(), feed, SPLITS)
    _, chunk, *_ = feed
    with pytest.raises(WalkForwardError, match="a walk takes market data as a whole"):
        walk_forward(always(), chunk, SPLITS)
    with pytest.raises(ValueError, match="a chunk of a run is not cut by time: give market data"):
        cut(chunk, 0, 10)
