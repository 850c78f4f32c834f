"""The result of a run: its tables are shielded, its measures documented."""

import copy
import gc
import pickle
import re
import weakref

import pandas as pd
import pytest
from unit.documented import DOCS, frame_of
from unit.made_up import busy_run, market, result_of, run_records

from ml4t.backtest import DataFeed, MarketData, SignalStrategy, run_backtest
from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.records.frames import TABLES
from ml4t.backtest.result import BacktestResult
from ml4t.backtest.risk import TimeBasedExit


def test_metrics_are_those_documented():
    text = DOCS.read_text(encoding="utf-8").split("\n## Metrics\n")[1].split("\n## ")[0]
    names = re.findall(r"^\| (\w+) \| ", text, re.MULTILINE)[1:]
    assert list(result_of([100.0, 101.0]).metrics) == names


def test_tables_are_made_once_and_shielded_from_edits(busy):
    trades = busy.trades
    first = trades.loc[0, "net_pnl"]
    trades["note"] = 1
    assert "note" not in busy.trades
    trades.loc[0, "net_pnl"] = 1e9
    assert busy.trades.loc[0, "net_pnl"] == first
    busy.metrics["trades"] = None
    assert busy.metrics["trades"] == len(busy.trades)


def test_a_result_is_gone_when_nobody_holds_it():
    data, records = busy_run(300, 20)
    result = BacktestResult.from_run(records, data, BacktestConfig())
    assert len(result.trades) > 0
    frames = weakref.ref(result._frames)
    gc.disable()
    try:
        del result
        assert frames() is None
    finally:
        gc.enable()


def test_partial_is_what_the_engine_says_or_what_is_missing():
    data = market([1.0, 2.0, 3.0])
    whole, part = run_records(3, [1.0] * 3), run_records(2, [1.0] * 2)
    assert not BacktestResult.from_run(whole, data, BacktestConfig()).partial
    assert BacktestResult.from_run(part, data, BacktestConfig()).partial
    assert BacktestResult.from_run(whole, data, BacktestConfig(), partial=True).partial


@pytest.mark.parametrize("table", TABLES)
def test_arrow_tables_hold_what_the_frames_hold(busy, table):
    arrow = busy.to_arrow(table)
    assert arrow.column_names == list(frame_of(busy, table).columns)
    again, frame = arrow.to_pandas(), frame_of(busy, table)
    # Arrow does not say of which type no names are.
    pd.testing.assert_frame_equal(again, frame, check_categorical=False)
    for name in frame.select_dtypes("category"):
        assert list(again[name].cat.categories) == list(frame[name].cat.categories)
    assert busy.to_arrow()[table].equals(arrow)


def test_unknown_arrow_table_is_refused(busy):
    with pytest.raises(ValueError, match="no table 'trade'; it has trades, fills"):
        busy.to_arrow("trade")


@pytest.mark.parametrize("way", [copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
@pytest.mark.parametrize("kind", ["in memory", "of a feed", "stored"])
def test_a_result_is_pickled_and_copied_with_all_it_says(kind, way, tmp_path):
    days = pd.date_range("2024-03-04 21:00", periods=6, freq="B", tz="UTC")
    prices = pd.DataFrame({"timestamp": days, "asset": "A", "close": [100.0, 95, 97, 99, 101, 98]})
    prices.assign(up=1.0).to_parquet(tmp_path / "prices.parquet")
    given = {
        "in memory": MarketData.from_tables(tmp_path / "prices.parquet", signals=["up"]),
        "of a feed": DataFeed.from_parquet(tmp_path / "prices.parquet", signals=["up"], chunk=2),
    }
    data = given.get(kind, given["in memory"])
    result = run_backtest(data, SignalStrategy("up"), rules=[TimeBasedExit(max_bars=1)])
    if kind == "stored":
        result = BacktestResult.load(result.to_parquet(tmp_path / "run"))
    again = way(result)
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(again, name), getattr(result, name))
    assert len(again.trades) == 2
    assert again.metrics == result.metrics
    assert again.summary() == result.summary()
    assert again.info == result.info


def test_the_measures_asked_for_are_those_of_all(busy):
    whole = busy.measure()
    for name, value in whole.items():
        assert busy.measure(only=[name]) == {name: value}
    with pytest.raises(ValueError, match=r"there is no measure 'sharp'; did you mean 'sharpe'\?"):
        busy.measure(only=["sharp"])
