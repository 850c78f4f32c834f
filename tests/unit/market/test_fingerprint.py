"""The fingerprint of market data: equal for equal columns, another for anything else."""

import os

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest import (
    BacktestEngine,
    BacktestResult,
    DataError,
    DataFeed,
    MarketData,
    Strategy,
    StrategyError,
    run_backtest,
)
from ml4t.backtest.data import ATR, Table
from ml4t.backtest.market.fingerprint import fingerprint

TIMES = pd.date_range("2024-03-04 21:00", periods=4, freq="D", tz="UTC")
PRICES = pd.DataFrame(
    {"timestamp": TIMES, "asset": "A", "close": [1.0, 2.0, 3.0, 4.0], "volume": 5.0, "score": [1.0, np.nan, 2.0, 3.0]}
)  # fmt: skip
CONTEXT = pd.DataFrame({"timestamp": TIMES, "vix": 20.0})
ACTIONS = pd.DataFrame(
    {"date": ["2024-03-05"], "asset": ["A"], "kind": ["dividend"], "value": [0.1]}
)


def of(prices=PRICES, context=CONTEXT, actions=ACTIONS, **options):
    return fingerprint(MarketData.from_tables(prices, context=context, actions=actions, **options))


def test_it_does_not_depend_on_what_the_tables_were_made_with():
    assert (
        of()
        == of(PRICES.convert_dtypes(dtype_backend="pyarrow"))
        == of(PRICES.copy(), CONTEXT.copy())
    )
    assert of() == "blake2b:bd3f0dfb80b881f56dfcfd640e2a902b"


def test_every_nan_is_one_value():
    other = PRICES.copy()
    bits = other["score"].to_numpy().copy()
    bits.view(np.uint64)[1] |= np.uint64(7)
    other["score"] = bits
    assert of(other) == of()


@pytest.mark.parametrize("column", ["close", "volume", "score"])
def test_any_value_counts(column):
    other = PRICES.copy()
    other.loc[3, column] = np.nextafter(other.loc[3, column], 0.0)
    assert of(other) != of()


@pytest.mark.parametrize(
    "changes",
    [
        {"prices": PRICES.assign(asset="B"), "actions": None},
        {"prices": PRICES.rename(columns={"score": "scores"})},
        {"prices": PRICES.assign(timestamp=TIMES + pd.Timedelta(1, "ns"))},
        {"prices": PRICES.drop(columns="volume")},
        {"prices": PRICES.iloc[:3]},
        {"prices": pd.concat([PRICES, PRICES.assign(asset="B").iloc[:3]])},
        {"context": CONTEXT.assign(vix=21.0)},
        {"context": CONTEXT.rename(columns={"vix": "fear"})},
        {"actions": None},
        {"actions": ACTIONS.assign(value=0.2)},
        {"actions": ACTIONS.assign(kind="split")},
        {"signals": "score"},
    ],
    ids=str,
)
def test_anything_else_counts(changes):
    plain = (
        of(actions=None)
        if changes.get("actions", ACTIONS) is None and "prices" in changes
        else of()
    )
    assert of(**changes) != plain


# --- chunks ---------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Three months of two assets, one with holes; scores, a restated one; moods; actions, one too late."""
    times = pd.date_range("2024-01-15 21:00", periods=80, freq="D", tz="UTC")
    grid = pd.MultiIndex.from_product([times, ["A", "B"]], names=["timestamp", "asset"])
    prices = grid.to_frame(index=False).drop(index=[21, 23, 25, 99])
    values = np.random.default_rng(3)
    prices["close"] = values.uniform(90, 110, len(prices))
    prices["open"], prices["high"], prices["low"] = prices["close"], 120.0, 80.0
    prices["momentum"] = np.where(values.random(len(prices)) < 0.2, np.nan, 1.0)
    prices.to_parquet(tmp_path / "prices.parquet", index=False)
    scores = prices[["timestamp", "asset"]].iloc[::3].assign(score=1.5)
    scores["available_at"] = scores["timestamp"]
    late = scores.iloc[[7]].assign(score=9.0)
    late["available_at"] += pd.Timedelta("2D")
    pd.concat([scores, late]).to_parquet(tmp_path / "scores.parquet", index=False)
    pd.DataFrame({"timestamp": times[::5], "mood": np.arange(16.0)}).to_parquet(
        tmp_path / "moods.parquet"
    )
    pd.DataFrame(
        {
            "date": ["2024-01-01", "2024-02-10", "2024-02-10", "2024-05-01"],
            "asset": ["A", "A", "B", "A"],
            "kind": ["dividend", "split", "dividend", "split"],
            "value": [0.1, 2.0, 0.3, 4.0],
        }
    ).to_parquet(tmp_path / "actions.parquet")
    return tmp_path


def everything(folder):
    return {
        "signals": ["momentum", Table(folder / "scores.parquet", timing="next_bar")],
        "features": ATR(3),
        "context": folder / "moods.parquet",
        "actions": folder / "actions.parquet",
    }


def feed_of(folder, **options):
    return DataFeed.from_parquet(folder / "prices.parquet", **(everything(folder) | options))


def whole_of(folder):
    return MarketData.from_tables(folder / "prices.parquet", **everything(folder))


class BuyOnce(Strategy):
    """Buys A at its first bar, and never B; fails at the bar it is told."""

    def __init__(self, fail_at=-1):
        self.fail_at = fail_at
        self.n_bars = 0

    def on_market_data(self, event):
        self.n_bars += 1
        if self.n_bars == self.fail_at:
            raise ValueError("as told")
        if event.asset == "A" and self.n_bars < 3:
            self.buy("A", 1)


@pytest.mark.parametrize("chunk", [1, 9, "month", 10_000])
@pytest.mark.parametrize("prefetch", [True, False])
def test_it_is_the_same_for_any_chunks(folder, chunk, prefetch):
    feed = feed_of(folder, chunk=chunk, prefetch=prefetch)
    whole = fingerprint(whole_of(folder))
    assert feed.fingerprint() == whole
    assert run_backtest(feed, BuyOnce()).fingerprint == whole
    # Of chunks that come only once, it is made as they pass.
    assert BacktestEngine(iter(list(feed)), BuyOnce()).run().fingerprint == whole


@pytest.mark.parametrize(
    ("name", "row", "column"),
    [
        ("prices", 3, "open"),  # of an asset that is never held
        ("prices", 80, "high"),
        ("prices", 153, "momentum"),
        ("scores", 52, "score"),  # a restated one
        ("moods", 0, "mood"),
        ("moods", 15, "mood"),
        ("actions", 0, "value"),
        ("actions", 1, "value"),
        ("actions", 2, "value"),
    ],
)
def test_any_value_of_any_chunk_counts(folder, name, row, column):
    before = run_backtest(feed_of(folder, chunk=50), BuyOnce()).fingerprint
    path = folder / f"{name}.parquet"
    table = pd.read_parquet(path)
    table.assign(**{column: nudged(table[column], row)}).to_parquet(path)
    feed = feed_of(folder, chunk=50)
    after = run_backtest(feed, BuyOnce()).fingerprint
    assert after != before
    assert after == fingerprint(whole_of(folder))
    assert BacktestEngine(iter(list(feed)), BuyOnce()).run().fingerprint == after


def nudged(values, row):
    values = values.copy()
    values.iloc[row] = np.nextafter(np.nan_to_num(values.iloc[row]), 200.0)
    return values


def test_what_no_run_can_know_does_not_count(folder):
    before = feed_of(folder).fingerprint()
    actions = pd.read_parquet(folder / "actions.parquet")
    actions.drop(index=3).to_parquet(folder / "actions.parquet")
    assert feed_of(folder).fingerprint() == fingerprint(whole_of(folder)) == before


def test_bars_of_one_timestamp_do_not_pass_for_those_of_another():
    def data(offsets):
        ones = np.ones(3)
        return MarketData.from_arrays(
            ("A", "B"), [1, 2, 3], offsets, [0, 1, 0], ones, ones, ones, ones
        )

    made = [fingerprint(data(offsets)) for offsets in ([0, 1, 2, 3], [0, 2, 3, 3], [0, 2, 2, 3])]
    assert len(set(made)) == 3


# --- files that change ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["prices", "scores", "moods"])
@pytest.mark.parametrize("moment", ["before the run", "after it"])
def test_changed_files_are_refused(folder, name, moment):
    path = folder / f"{name}.parquet"

    def change():
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))

    feed = feed_of(folder)
    if moment == "before the run":
        change()
    result = run_backtest(feed, BuyOnce())
    if moment == "after it":
        change()
    with pytest.raises(DataError) as error:
        _ = result.fingerprint
    table = {"prices": "prices", "scores": "signals[1]", "moods": "context"}[name]
    assert str(error.value) == (
        f"{table}: {path} was written since the feed was made, so what was read from it can no longer be told; "
        "make the feed anew, and run that"
    )


def test_files_that_change_under_the_pass_are_refused(folder, monkeypatch):
    feed = feed_of(folder, chunk=9, prefetch=False)
    path = folder / "moods.parquet"

    def writes_between(self, chunks=DataFeed.__iter__):
        for chunk in chunks(self):
            os.utime(path, ns=(0, 1))
            yield chunk

    monkeypatch.setattr(DataFeed, "__iter__", writes_between)
    with pytest.raises(DataError, match="was written since the feed was made"):
        feed.fingerprint()


def test_a_file_that_is_gone_is_refused(folder):
    feed = feed_of(folder)
    first = feed.fingerprint()
    assert feed.fingerprint() == first
    (folder / "scores.parquet").unlink()
    with pytest.raises(DataError, match=r"scores.parquet is gone since the feed was made"):
        feed.fingerprint()


# --- results --------------------------------------------------------------------------------


def test_a_run_cut_short_has_the_fingerprint_of_all_its_data(folder):
    feed = feed_of(folder, chunk=9)
    with pytest.raises(StrategyError) as error:
        run_backtest(feed, BuyOnce(fail_at=70))
    assert error.value.partial_result.fingerprint == fingerprint(whole_of(folder))


def test_of_chunks_that_come_once_it_has_that_of_those_it_came_to(folder):
    chunks = list(feed_of(folder, chunk=9))
    n_bars = np.cumsum([chunk.n_rows - chunk.n_carried for chunk in chunks])
    with pytest.raises(StrategyError) as error:
        BacktestEngine(iter(chunks), BuyOnce(fail_at=n_bars[3] + 1)).run()
    assert error.value.partial_result.fingerprint == fingerprint(chunks[:5])
    assert len({fingerprint(chunks[:n]) for n in range(1, len(chunks))}) == len(chunks) - 1


def test_a_stored_result_keeps_it(folder, tmp_path):
    result = run_backtest(feed_of(folder), BuyOnce())
    again = BacktestResult.load(result.to_parquet(tmp_path / "stored"))
    assert again.fingerprint == result.fingerprint == fingerprint(whole_of(folder))
