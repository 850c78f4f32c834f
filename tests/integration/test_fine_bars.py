"""Bars walked on fine bars: what a day did, told by its hours; worked out by hand."""

import mmap
import tempfile

import numpy as np
import pandas as pd
import pytest
from scenes import DAY, FLAT, START, day, market

from ml4t.backtest import (
    BacktestConfig,
    BacktestEngine,
    BacktestResult,
    DataError,
    DataFeed,
    MarketData,
    Strategy,
    run_backtest,
)
from ml4t.backtest.data.stream.mapped_bars import mapped_bars
from ml4t.backtest.risk.rules import PriceBasedStopLoss, PriceBasedTakeProfit, TrailingStop

HOUR = DAY // 24
BOTH = (100.0, 112.0, 94.0, 105.0)  # stop 95 and target 110 are both in it
STOP_AND_TARGET = [PriceBasedStopLoss(price=95.0), PriceBasedTakeProfit(price=110.0)]

Bar = tuple[float, float, float, float]


class Acts(Strategy):
    """Does at timestamp t what stands under t."""

    def __init__(self, **acts) -> None:
        self.acts = acts

    def on_timestamp_batch(self, timestamp, events, context) -> None:
        act = self.acts.get(f"t{(timestamp.value - START) // DAY}")
        if act is not None:
            act(self)


def buys(**terms) -> Acts:
    return Acts(t0=lambda strategy: strategy.buy("A", 10, **terms))


def hours(*bars: Bar, t: int = 1, names: tuple[str, ...] = ("A",)) -> MarketData:
    """Fine bars, the last of them stamped at the end of bar `t`, an hour apart."""
    times = [day(t) - HOUR * (len(bars) - 1 - i) for i in range(len(bars))]
    table = pd.DataFrame(bars, columns=["open", "high", "low", "close"])
    table["timestamp"] = pd.to_datetime(times, utc=True)
    return MarketData.from_tables(dict.fromkeys(names, table))


def run(
    bars: list, fine: MarketData, strategy: Strategy | None = None, rules=(), **settings
) -> BacktestResult:
    config = BacktestConfig(intrabar="fine", debug=True, **settings)
    strategy = buys() if strategy is None else strategy
    return run_backtest(market({"A": bars}), strategy, rules=[*rules], config=config, fine=fine)


def exits(result: BacktestResult) -> list[tuple[float, str]]:
    """Price before slippage and choice of every exit."""
    fills = result.fills[result.fills["exit_type"].notna()]
    choices = fills["intrabar"].astype(object).fillna("")
    return list(zip(fills["base_price"], choices, strict=True))


def kinds(result: BacktestResult) -> list[tuple]:
    events = result.events
    return list(zip(events["kind"], events["asked"], events["given"], strict=True))


# ----- which came first -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fine", "exit_at"),
    [
        # up to 112 in the first hour, down to 94 in the second: the target
        ([(100, 112, 99, 111), (111, 111, 94, 105)], (110.0, "fine")),
        # the other way round: the stop
        ([(100, 101, 94, 96), (96, 112, 96, 105)], (95.0, "fine")),
        # one hour has it all: the worse side
        ([(100, 101, 99, 100), (100, 112, 94, 105)], (95.0, "adverse_first")),
        # the second hour opens at 94, through the stop, which fills there
        ([(100, 101, 98, 98), (94, 112, 94, 105)], (94.0, "fine")),
        # it opens at 111, beyond the target
        ([(100, 101, 98, 98), (111, 112, 94, 105)], (111.0, "fine")),
    ],
)
def test_fine_bars_tell_stop_from_target(fine, exit_at):
    result = run([FLAT, BOTH], hours(*fine), rules=STOP_AND_TARGET)
    assert exits(result) == [exit_at]
    assert result.counters["bars_opened"] == 1
    assert result.counters["ambiguous_bars"] == (exit_at[1] == "adverse_first")
    assert kinds(result) == []


def test_under_fine_favourable_the_better_side_of_an_hour_comes_first():
    fine = hours((100, 112, 94, 105))
    both = run_backtest(
        market({"A": [FLAT, BOTH]}), buys(), rules=STOP_AND_TARGET, fine=fine, bounds=True
    )
    assert exits(both.adverse) == [(95.0, "adverse_first")]
    assert exits(both.favourable) == [(110.0, "favourable_first")]
    assert both.ambiguous_bars == (1, 1)
    assert both.favourable.config.intrabar == "fine_favourable"
    assert "fine_favourable" in str(both)


def test_what_the_close_alone_reaches_fills_at_the_close():
    # The hours end at 97; the closing auction is at 94, below the stop of 95, which fills there.
    fine = hours((100, 101, 98, 99), (99, 99, 97, 97))
    result = run([FLAT, (100, 101, 94, 94)], fine, rules=[PriceBasedStopLoss(price=95.0)])
    assert exits(result) == [(94.0, "")]


def test_a_bar_whose_open_decides_it_all_is_not_opened():
    # The gap to 90 meets the stop at the open; nothing is left, and nobody asks for fine bars.
    result = run([FLAT, FLAT, (90, 92, 88, 91)], hours(FLAT, t=1), rules=STOP_AND_TARGET)
    assert exits(result) == [(90.0, "")]
    assert (result.counters["bars_opened"], kinds(result)) == (0, [])


def test_levels_do_not_move_between_fine_bars():
    # A trail of 10% from the fill at 100 stands at 90 all day: 120 in the first hour makes it 108 at the close,
    # too late for the fall to 95; the next open, 107, is below it.
    fine = hours((100, 120, 100, 119), (119, 119, 95, 110))
    bars = [FLAT, (100, 120, 95, 110), (107, 108, 106, 107)]
    assert exits(run(bars, fine, rules=[TrailingStop(0.1)])) == [(107.0, "")]


# ----- orders -----------------------------------------------------------------------------------


def test_an_entry_inside_is_guarded_from_its_fine_bar_on():
    # The limit at 95 is reached in the first hour, the stop at 93 in the third; 97 in the second is seen.
    fine = hours((100, 100, 94, 96), (96, 97, 95, 96), (96, 96, 92, 95))
    bars = [FLAT, (100, 100, 92, 95)]
    strategy = buys(limit=95, stop_loss=93)
    assert exits(run(bars, fine, strategy)) == [(93.0, "")]
    # An entry at 99 on the way up in the second hour is not met by the low of 92 before it.
    fine = hours((98, 98, 92, 98), (98, 99.5, 98, 99))
    bars = [FLAT, (98, 99.5, 92, 99)]
    assert exits(run(bars, fine, buys(stop=99, stop_loss=93))) == []
    # Of the bar alone the low counts against the position: the stop loss at 93.
    alone = run_backtest(market({"A": bars}), buys(stop=99, stop_loss=93))
    assert exits(alone) == [(93.0, "")]


def test_excursions_of_an_entry_inside_are_those_of_the_hours_after_it():
    # Bought at 95 as the first hour falls to 94, which must come after; it ends at 96. 97 comes in the second
    # hour; 100 and the 101 before it are not ours. Sold at the next open, 96: MFE 2, MAE -1.
    fine = hours((100, 101, 94, 96), (96, 97, 95, 95))
    acts = buys(limit=95)
    acts.acts["t1"] = lambda strategy: strategy.close("A")
    result = run([FLAT, (100, 101, 94, 95), (96, 96, 96, 96)], fine, acts)
    trade = result.trades.iloc[0]
    assert (trade["mfe"], trade["mae"]) == (2.0, -1.0)


def test_a_stop_limit_triggered_beyond_its_limit_is_a_limit_order_from_the_next_fine_bar_on():
    # Triggered at 105 beyond the limit of 103, the first hour ends at 106. The second falls through 103.
    fine = hours((100, 106, 100, 106), (106, 106, 102, 104))
    result = run([FLAT, (100, 106, 100, 104)], fine, buys(stop=105, limit=103))
    assert result.fills["base_price"].tolist() == [103.0]
    # One bar alone says less: the close of 104 is not within 103, and the order rests.
    alone = run_backtest(market({"A": [FLAT, (100, 106, 100, 104)]}), buys(stop=105, limit=103))
    assert len(alone.fills) == 0


def test_after_a_position_has_ended_no_order_enters_in_a_later_hour():
    fine = hours((100, 100, 94, 95), (95, 95, 92, 93))
    strategy = Acts(t0=lambda s: (s.buy("A", 10), s.buy("A", 5, limit=93)))
    result = run([FLAT, (100, 100, 92, 93)], fine, strategy, [PriceBasedStopLoss(price=95.0)])
    assert result.fills["base_price"].tolist() == [100.0, 95.0]


# ----- fine bars that are not those of the bar --------------------------------------------------


@pytest.mark.parametrize(
    ("fine", "told"),
    [
        ([(200, 224, 188, 210)], ("fine_bars_differ", 112.0, 224.0)),  # not adjusted for a split
        ([(100, 112, 93, 105)], ("fine_bars_differ", 94.0, 93.0)),
        (
            [(100, 109, 94, 105)],
            ("fine_bars_differ", 112.0, 109.0),
        ),  # the target of 110 is not reached
        ([(100, 112, 96, 105)], ("fine_bars_differ", 94.0, 96.0)),
    ],
)
def test_fine_bars_of_another_bar_are_told_and_the_bar_decides(fine, told):
    result = run([FLAT, BOTH], hours(*fine), rules=STOP_AND_TARGET)
    assert exits(result) == [(95.0, "adverse_first")]
    assert kinds(result) == [told]
    assert result.counters["fine_bars_differ"] == 1
    (note,) = [one for one in result.notes if "fine bars" in one]
    assert (
        "1 bar of 1 to be opened could not be walked on fine bars (0 without any, 1 with others"
        in note
    )


def test_prices_that_differ_by_rounding_are_those_of_the_bar():
    # 94.00009 comes to 94 and 112.0001 to 112, each within a millionth; the stop stands at 94.
    rules = [PriceBasedStopLoss(price=94.0), PriceBasedTakeProfit(price=112.0)]
    result = run(
        [FLAT, BOTH], hours((100, 101, 94.00009, 96), (96, 112.0001, 96, 105)), rules=rules
    )
    assert exits(result) == [(94.0, "fine")]
    assert result.counters["price_outside_bar"] == 0


def test_without_fine_bars_the_bar_decides_and_says_so():
    result = run([FLAT, FLAT, BOTH], hours(FLAT, t=1), rules=STOP_AND_TARGET)
    assert exits(result) == [(95.0, "adverse_first")]
    assert [kind for kind, *_ in kinds(result)] == ["no_fine_bars"]
    assert result.counters["no_fine_bars"] == 1


def test_an_asset_without_a_fine_series_needs_none():
    data = market({"A": [FLAT, BOTH], "B": [FLAT, BOTH]})
    strategy = Acts(t0=lambda s: (s.buy("A", 10), s.buy("B", 10)))
    fine = hours((100, 112, 99, 111), (111, 111, 94, 105), names=("B",))
    config = BacktestConfig(intrabar="fine")
    result = run_backtest(data, strategy, rules=STOP_AND_TARGET, config=config, fine=fine)
    assert exits(result) == [(95.0, "adverse_first"), (110.0, "fine")]
    assert (result.counters["bars_opened"], kinds(result)) == (1, [])


def test_fine_bars_of_a_day_without_a_bar_are_those_of_no_other_day():
    # A does not trade on day 2, says its table; the hours of that day are none of day 3, and differ from it.
    fine = pd.concat(
        [pd.DataFrame([(100.0, 130.0, 100.0, 100.0)]), pd.DataFrame([BOTH])], ignore_index=True
    ).set_axis(["open", "high", "low", "close"], axis=1)
    fine["timestamp"] = pd.to_datetime([day(2), day(3)], utc=True)
    data = market({"A": [FLAT, FLAT, None, BOTH], "B": [FLAT] * 4})
    config = BacktestConfig(intrabar="fine")
    result = run_backtest(
        data, buys(), rules=STOP_AND_TARGET, config=config, fine=MarketData.from_tables({"A": fine})
    )
    assert kinds(result) == [("fine_bars_differ", 112.0, 130.0)]


# ----- doors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fine", "settings", "said"),
    [
        (None, {"intrabar": "fine"}, "intrabar='fine' needs fine bars: give them as fine="),
        (hours(FLAT), {}, "looks at none: write BacktestConfig"),
        (hours(FLAT, names=("A", "Z")), {"intrabar": "fine"}, "without prices: 'Z'; leave"),
        (hours(FLAT, t=-30), {"intrabar": "fine"}, "have no time in common"),
        (hours(FLAT, t=90), {"intrabar": "fine"}, "have no time in common"),
    ],
)
def test_fine_bars_that_do_not_fit_are_refused_before_the_run(fine, settings, said):
    with pytest.raises(ValueError, match=said):
        run_backtest(
            market({"A": [FLAT] * 3}), buys(), fine=fine, config=BacktestConfig(**settings)
        )


def test_fine_bars_longer_than_the_bars_are_refused():
    config = BacktestConfig(intrabar="fine")
    days = market({"A": [FLAT] * 30})
    weeks = MarketData.from_arrays(
        ["A"], [day(7 * t) for t in range(30)], range(31), [0] * 30, *[[100.0] * 30] * 4
    )
    with pytest.raises(ValueError, match=r"longer than the bars: a step of 7 days .* 1 days"):
        run_backtest(days, buys(), fine=weeks, config=config)


def table(times) -> pd.DataFrame:
    return pd.DataFrame({"timestamp": times, "asset": "A", "close": 100.0})


def bars_at(times) -> pd.DataFrame:
    prices = dict.fromkeys(("open", "high", "low", "close"), 100.0)
    return pd.DataFrame({"timestamp": times, "asset": "A", **prices})


def test_dates_beside_times_of_day_are_refused():
    prices = table(pd.date_range("2024-01-01", periods=3))
    minutes = table(pd.date_range("2024-01-02 09:30", periods=3, freq="min"))
    config = BacktestConfig(intrabar="fine")
    with pytest.raises(DataError, match="prices have dates and fine has times of day"):
        run_backtest(prices, buys(), fine=minutes, config=config)
    with pytest.raises(DataError, match="fine name no zone, those of prices have America/New_York"):
        run_backtest(prices, buys(), fine=minutes, config=config, bar_time="16:00 America/New_York")
    minutes["timestamp"] = minutes["timestamp"].dt.tz_localize("America/New_York")
    bar_time = "16:00 America/New_York"
    run_backtest(prices, buys(), fine=minutes, config=config, bar_time=bar_time)


@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_fine_bars_of_a_feed_are_those_of_its_table(tmp_path, chunk):
    rng = np.random.default_rng(3)
    stamps = pd.date_range("2024-01-02 10:00", periods=300, freq="min", tz="UTC")
    minutes = pd.concat([bars_at(stamps).assign(asset=asset) for asset in ("A", "B")])
    minutes = minutes.sort_values(["timestamp", "asset"], ignore_index=True)
    minutes["high"] += rng.random(len(minutes)) * 8.0
    minutes["low"] -= rng.random(len(minutes)) * 8.0
    minutes = minutes[rng.random(len(minutes)) < 0.7]
    groups = minutes.groupby(["asset", pd.Grouper(key="timestamp", freq="10min")])
    bars = groups.agg({"open": "first", "high": "max", "low": "min", "close": "last"}).reset_index()
    bars["timestamp"] += pd.Timedelta("9min")
    minutes.to_parquet(tmp_path / "minutes.parquet")
    feed = DataFeed.from_parquet(tmp_path / "minutes.parquet", chunk=chunk)

    class Holds(Strategy):
        def on_market_data(self, event):
            if not self.position(event.asset):
                self.buy(event.asset, 1.0)

    rules = [PriceBasedStopLoss(pct=0.04), PriceBasedTakeProfit(pct=0.04)]
    config = BacktestConfig(intrabar="fine")
    whole, parts = (
        run_backtest(bars, Holds(), rules=rules, config=config, fine=fine)
        for fine in (minutes, feed)
    )
    assert "fine" in set(whole.fills["intrabar"])
    pd.testing.assert_frame_equal(whole.fills, parts.fills)
    pd.testing.assert_frame_equal(whole.events, parts.events)
    assert whole.counters == parts.counters


def test_fine_bars_of_a_feed_stand_on_disk_as_long_as_they_are_needed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stamps = pd.date_range("2024-01-02 09:30", periods=3, freq="min")
    bars_at(stamps).to_parquet(tmp_path / "a.parquet")
    data = mapped_bars(DataFeed.from_parquet(tmp_path / "a.parquet", chunk=2))
    (folder,) = tmp_path.glob("ml4t-bars-*")
    assert (folder / "close").stat().st_size == 3 * 8
    owner = data.close
    while not isinstance(owner, mmap.mmap):
        owner = owner.obj if isinstance(owner, memoryview) else owner.base
    assert not data.close.flags.writeable
    del data, owner
    assert list(tmp_path.glob("ml4t-bars-*")) == []


def test_a_feed_whose_bars_cannot_be_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    bad = bars_at(pd.date_range("2024-01-02 09:30", periods=3, freq="min"))
    bad.loc[2, "low"] = 1_000.0
    bad.to_parquet(tmp_path / "a.parquet")
    feed = DataFeed.from_parquet(tmp_path / "a.parquet", chunk=2)
    with pytest.raises(DataError, match="low"):
        run_backtest(
            market({"A": [FLAT]}), buys(), fine=feed, config=BacktestConfig(intrabar="fine")
        )
    assert list(tmp_path.glob("ml4t-bars-*")) == []


def test_chunks_are_walked_on_the_same_fine_bars(tmp_path):
    bars = [FLAT, FLAT, BOTH]
    prices = pd.DataFrame(bars, columns=["open", "high", "low", "close"])
    prices["timestamp"] = pd.to_datetime([day(t) for t in range(3)], utc=True)
    prices["asset"] = "A"
    prices.to_parquet(tmp_path / "days.parquet")
    fine = hours((100, 112, 99, 111), (111, 111, 94, 105), t=2)
    feed = DataFeed.from_parquet(tmp_path / "days.parquet", chunk=1)
    config = BacktestConfig(intrabar="fine")
    result = run_backtest(feed, buys(), rules=STOP_AND_TARGET, config=config, fine=fine)
    assert exits(result) == [(110.0, "fine")]
    assert isinstance(BacktestEngine(feed, buys(), config=config, fine=fine).run(), BacktestResult)
