"""Nothing acts in silence: what a run did that its figures do not show is said, chunks and files included."""

import numpy as np
import pandas as pd
import pytest
from scenes import Acts, day, market, run

from ml4t.backtest import (
    BacktestConfig,
    BacktestResult,
    SignalStrategy,
    Strategy,
    StrategyError,
    run_backtest,
)
from ml4t.backtest.data import DataFeed
from ml4t.backtest.risk import TimeBasedExit


def flat(price, *assets, n=6):
    """Closes of some days at one price."""
    times = pd.date_range("2024-03-04 21:00", periods=n, freq="B", tz="UTC")
    return pd.concat(
        pd.DataFrame({"timestamp": times, "asset": asset, "close": float(price)})
        for asset in assets
    )


class Buy(Strategy):
    """Buys as long as nothing is held."""

    def __init__(self, **amount):
        self.amount = amount

    def on_market_data(self, event):
        if not self.position(event.asset):
            self.buy(event.asset, **self.amount)


class TwoTargets(Strategy):
    """Wants 120% of what there is."""

    def on_timestamp_batch(self, timestamp, events, context):
        self.order_target_percent("A", 0.5)
        self.order_target_percent("B", 0.7)


def notes_on(word, result):
    """The notes that have a word in them; as often in the summary."""
    said = [note for note in result.notes if word in note]
    assert result.summary().count(word) == sum(note.count(word) for note in said)
    return said


def test_units_that_cash_cannot_buy_are_said():
    # 1,000 of cash, a coin at 60,000: no whole unit at any of six closes.
    config = BacktestConfig(initial_cash=1_000, quantity="whole")
    result = run_backtest(flat(60_000, "A"), Buy(percent=1.0), config=config)
    assert notes_on("rejected", result) == [
        "6 orders rejected (zero_quantity 6; the first at 2024-03-04 21:00 UTC, A): see result.events."
    ]


def test_costs_that_cash_does_not_cover_are_said():
    # 916·109 = 99,844, and 199.69 of commission: 43.69 too much, at each of five opens.
    config = BacktestConfig(commission=0.002, on_insufficient="reject")
    result = run_backtest(flat(109, "A"), Buy(quantity=916), config=config)
    (said,) = notes_on("rejected", result)
    assert said.startswith(
        "5 orders rejected (insufficient_cash 5; the first at 2024-03-05 21:00 UTC, A)"
    )


def test_signals_that_found_the_cash_gone_are_said():
    prices = flat(100, "AAA", "BBB", "CCC")
    signals = prices[["timestamp", "asset"]].assign(buy=1.0)
    result = run_backtest(prices, SignalStrategy("buy"), signals=signals)
    assert notes_on("rejected", result) + notes_on("scaled", result)


def test_targets_above_the_cash_are_said():
    said = run_backtest(flat(100, "A", "B"), TwoTargets()).notes
    assert any("scaled down (insufficient_cash" in note for note in said)


def test_a_short_in_a_cash_account_is_said():
    # Sold at the first close, tried at the next open.
    result = run([(100.0,) * 4] * 3, acts=Acts({0: lambda s: s.sell("A", 1.0)}), account="cash")
    assert sum('account="margin"' in note for note in result.notes) == 1


def test_a_split_in_raw_prices_is_said():
    # A: 2 for 1 on a day on which the market gains 4%, 52 of 100. B: 40% down is no split. Seen across chunks too.
    closes = {"A": [100.0, 100.0, 52.0, 52.0], "B": [100.0, 60.0, 60.0, 60.0]}
    table = pd.DataFrame(closes, index=pd.date_range("2024-01-02", periods=4))
    (said,) = [note for note in run_backtest(table, Buy(quantity=1)).notes if "half" in note]
    assert said == (
        "1 close is about half of the one before, or less (the first at 2024-01-04, A), and no actions were "
        "given: where that is a split, give actions= or adjusted prices."
    )
    split = pd.DataFrame(
        {"date": [table.index[2]], "asset": ["A"], "kind": ["split"], "value": [2.0]}
    )
    told = run_backtest(table, Buy(quantity=1), actions=split).notes
    assert not any("half" in note for note in told)


def test_a_split_between_two_chunks_of_raw_prices_is_said(tmp_path):
    times = pd.date_range("2024-01-02", periods=4, tz="UTC")
    path = tmp_path / "prices.parquet"
    pd.DataFrame(
        {"timestamp": times, "asset": "A", "close": [100.0, 100.0, 50.0, 24.0]}
    ).to_parquet(path)
    result = run_backtest(DataFeed.from_parquet(path, chunk=2), Buy(quantity=1))
    assert any("2 closes are about half" in n and "2024-01-04" in n for n in result.notes)


def test_a_gain_of_the_bankrupt_is_said():
    # Short 1,000 at 100: equity is 200,000 - 1,000·close, so -20,000 at 220 and -60,000 at 260.
    closes = [100.0, 100, 150, 220, 260, 120, 80, 80, 80]
    acts = Acts({0: lambda s: s.sell("A", percent=1.0), 6: lambda s: s.close("A")})
    result = run([(close,) * 4 for close in closes], acts=acts)
    (said,) = notes_on("zero or less", result)
    first, last = (pd.Timestamp(day(t), tz="UTC") for t in (3, 4))
    assert f"at 2 timestamps from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC" in said
    assert "(lowest -60,000.00)" in said


def test_debt_from_the_costs_of_an_exit_is_said():
    # All cash is spent; 0.001 units sold bring 0.10 and cost 1.
    acts = Acts({0: lambda s: s.buy("A", percent=1.0), 2: lambda s: s.sell("A", 0.001)})
    result = run([(100.0,) * 4] * 6, acts=acts, account="cash", commission={"minimum": 1.0})
    (said,) = notes_on("below zero", result)
    assert "at 3 timestamps" in said
    assert "(lowest -0.90)" in said


class Hold(Strategy):
    """Half of the money in each, then all of it in LIVE."""

    bar = -1

    def on_timestamp_batch(self, timestamp, events, context):
        self.bar += 1
        if self.bar == 0:
            self.order_target_weights({"LIVE": 0.5, "DEAD": 0.5})
        if self.bar == 30:
            self.order_target_weights({"LIVE": 1.0})


@pytest.fixture(scope="module")
def delisted():
    """DEAD falls to 5 and has no row after its fourth."""
    live, dead = flat(100, "LIVE", n=60), flat(50, "DEAD", n=4)
    dead.loc[3, "close"] = 5.0
    signals = pd.DataFrame({"timestamp": live["timestamp"], "asset": "LIVE", "score": np.nan})
    return {"prices": pd.concat([live, dead]), "signals": signals}


def held_to_the_end(delisted):
    tables = dict(delisted)
    return run_backtest(tables.pop("prices"), Hold(), rules=[TimeBasedExit(10)], **tables)


def test_a_delisted_position_and_its_exit_are_said(delisted):
    result = held_to_the_end(delisted)
    assert result.open_positions["mark_time"].tolist() == [
        pd.Timestamp("2024-03-07 21:00", tz="UTC")
    ]
    assert notes_on("marked at a price", result) == [
        "1 position is marked at a price older than 10 bars of its asset (DEAD 5,000.00 since "
        "2024-03-07 21:00 UTC): nobody may be there to pay it."
    ]
    assert notes_on("still waits", result) == [
        "1 order still waits for a bar of its asset (close 1; the first since 2024-04-15 21:00 UTC, DEAD): "
        "see result.orders."
    ]
    assert notes_on("No bar has a value in 'score'", result)


class Fails(Strategy):
    """Buys before the first bar, and fails at the first or the second."""

    def __init__(self, at):
        self.left = at

    def on_start(self):
        self.buy("A", 10.0)

    def on_market_data(self, event):
        if self.left == 0:
            raise ValueError("no more")
        self.left -= 1


@pytest.mark.parametrize("at", [0, 1])
def test_a_run_stopped_on_the_bar_of_an_entry_has_that_bar_as_mark(at):
    with pytest.raises(StrategyError) as error:
        run([(100.0,) * 4] * 5, acts=Fails(at))
    result = error.value.partial_result
    (mark_time,) = result.open_positions["mark_time"]
    assert mark_time.value == day(0)
    assert result.notes[0].startswith("The run was cut short")


def test_a_run_in_chunks_and_a_stored_one_say_the_same(delisted, tmp_path):
    whole = held_to_the_end(delisted)
    delisted["prices"].sort_values(["timestamp", "asset"]).to_parquet(
        tmp_path / "p.parquet", index=False
    )
    feed = DataFeed.from_parquet(tmp_path / "p.parquet", signals=delisted["signals"], chunk="day")
    assert feed.n_chunks > 5
    parts = run_backtest(feed, Hold(), rules=[TimeBasedExit(10)])
    stored = BacktestResult.load(whole.to_parquet(tmp_path / "run"))
    assert whole.notes == parts.notes == stored.notes
    for other in (parts, stored):
        pd.testing.assert_frame_equal(other.open_positions, whole.open_positions)


def test_a_column_is_empty_only_if_every_chunk_says_so(tmp_path):
    prices = flat(100, "A", n=60).reset_index(drop=True)
    prices["late"], prices["never"] = np.where(prices.index < 59, np.nan, 1.0), np.nan
    prices.to_parquet(tmp_path / "p.parquet", index=False)
    feed = DataFeed.from_parquet(tmp_path / "p.parquet", chunk="day")
    for data in (prices, feed):
        assert run_backtest(data, Buy(quantity=1)).empty_columns == ("never",)


def test_a_context_value_named_like_a_feature_is_told_apart():
    nothing = [np.nan] * 3
    bars = {"A": [(100.0,) * 4] * 3}
    data = market(
        bars, {"x": {"A": nothing}, "y": {"A": [1.0] * 3}}, {"x": [1.0] * 3, "y": nothing}
    )
    assert run(data).empty_columns == ("x", "context_y")


def test_a_feature_that_is_there_is_no_note():
    data = market({"A": [(100.0,) * 4] * 3}, {"score": {"A": [np.nan, np.nan, 1.0]}})
    assert run(data).empty_columns == ()
