"""Tables that speak of another time than the bars: refused, or told of with both ranges."""

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest.data import DataError, DataFeed, DataWarning, Table, market_data, validate

TIMES = pd.date_range("2024-01-02 12:00", periods=6, freq="D")
PRICES = pd.DataFrame({"timestamp": TIMES, "close": [100.0, 101.3, 100.4, 102.0, 101.2, 101.9]})
MILLISECONDS = TIMES.as_unit("ms").asi8


def scores(times):
    return pd.DataFrame({"timestamp": times, "score": np.arange(float(len(times)))})


def checks(**tables):
    return [finding.check for finding in validate(PRICES, **tables).findings]


APART = {
    "milliseconds read as nanoseconds": (pd.to_datetime(MILLISECONDS), r"before the first bar.* 1970-01-01"),
    "seconds read as milliseconds": (pd.to_datetime(MILLISECONDS // 1000, unit="ms"), r"before the first bar.* 1970-01-20"),
    "a year early": (TIMES - pd.Timedelta("366D"), r"before the first bar.* 2023-01-0"),
    "a year late": (TIMES + pd.Timedelta("365D"), r"after the last bar, and never seen .* 2025-01-01"),
    "a second late": (TIMES[-1:] + pd.Timedelta("1s"), "after the last bar"),
}  # fmt: skip


@pytest.mark.parametrize("case", APART)
def test_signals_outside_the_bars_are_refused(case, tmp_path):
    times, message = APART[case]
    with pytest.raises(DataError, match=f"signals: all values are published {message}") as error:
        market_data(PRICES, signals=scores(times))
    assert "bars 2024-01-02 12:00:00 UTC to 2024-01-07 12:00:00 UTC" in str(error.value)
    assert checks(signals=scores(times)) == ["no_overlap"]
    PRICES.to_parquet(tmp_path / "p.parquet")
    scores(times).to_parquet(tmp_path / "s.parquet")
    with pytest.raises(DataError, match=f"signals: all values are published {message}"):
        DataFeed.from_parquet(tmp_path / "p.parquet", signals=tmp_path / "s.parquet")


@pytest.mark.parametrize("room", ["features", "context"])
def test_other_tables_after_the_last_bar_are_refused_too(room):
    late = scores(TIMES + pd.Timedelta("365D"))
    with pytest.raises(DataError, match=f"{room}: all values are published after the last bar"):
        market_data(PRICES, **{room: late})


@pytest.mark.parametrize("room", ["features", "context"])
def test_what_was_known_long_before_may_be_meant_and_is_told_of(room):
    # A sector, say: one value from years before holds all the time.
    early = scores(TIMES[:1] - pd.Timedelta("900D"))
    with pytest.warns(DataWarning, match=f"{room}: values and bars have little time in common"):
        data = market_data(PRICES, **{room: early})
    seen = data.features if room == "features" else data.context
    np.testing.assert_array_equal(seen["score"], 0.0)
    assert "little_overlap" in checks(**{room: early})


@pytest.mark.parametrize(
    "times",
    [
        TIMES,
        TIMES - pd.Timedelta("1D"),
        TIMES[:1] - pd.Timedelta("30D"),  # the last month's, which holds
        pd.date_range("2010-01-01 12:00", "2024-01-04 12:00"),
        pd.date_range("2024-01-05 12:00", "2030-01-01", freq="D"),
        TIMES[2:3],
    ],
)
def test_tables_that_belong_to_the_bars(times):
    market_data(PRICES, signals=scores(times))
    assert not {"no_overlap", "little_overlap"} & set(checks(signals=scores(times)))


def test_little_time_in_common_is_told_with_both_ranges():
    # Bars of 2024, signals of 2023 up to 5 January: five days of a year.
    bars = pd.DataFrame({"timestamp": pd.date_range("2024-01-01", "2024-12-31"), "close": 1.0})
    signals = scores(pd.date_range("2023-01-01", "2024-01-05"))
    message = (
        r"little time in common \(values 2023-01-01 to 2024-01-05, bars 2024-01-01 to 2024-12-31\)"
    )
    with pytest.warns(DataWarning, match=message):
        market_data(bars, signals=signals)
    found = validate(bars, signals=signals).warnings
    assert "little_overlap" in [finding.check for finding in found]


def test_the_lag_counts():
    with pytest.raises(DataError, match="after the last bar"):
        market_data(PRICES, signals=Table(scores(TIMES), available_after="10d"))


def test_years_without_a_bar_are_told_of(tmp_path):
    # Milliseconds up to 2024, microseconds from 2025 on, all read as the latter.
    numbers = [1735516800000, 1735603200000, 1735689600000000, 1735776000000000]
    bars = pd.DataFrame({"timestamp": pd.to_datetime(numbers, unit="us"), "close": 1.0})
    message = "prices: no bar for 55 years, from 1970-01-21 02:06:43.* to 2025-01-01"
    with pytest.warns(DataWarning, match=message):
        market_data(bars)
    (finding,) = [f for f in validate(bars).findings if f.check == "time_gap"]
    assert finding.times.tolist() == [pd.Timestamp("2025-01-01").value]
    bars.assign(asset="A").to_parquet(tmp_path / "p.parquet")
    with pytest.warns(DataWarning, match="prices: no bar for 55 years"):
        DataFeed.from_parquet(tmp_path / "p.parquet")


@pytest.mark.parametrize("day", ["1899-12-31", "2201-01-01"])
def test_times_outside_1900_to_2200_are_named(day):
    days = [pd.Timestamp(day), *pd.date_range(day, periods=3)[1:]]
    bars = pd.DataFrame({"timestamp": pd.DatetimeIndex(days), "close": 1.0})
    with pytest.warns(
        DataWarning, match=rf"prices: times are outside 1900 to 2200 in \d rows? \({day} 00:00:00"
    ):
        market_data(bars)
    assert "far_time" in [finding.check for finding in validate(bars).findings]


@pytest.mark.parametrize(
    ("unit", "read_as"), [("s", "ns"), ("ms", "ns"), ("us", "ns"), ("s", "ms")]
)
def test_numbers_that_were_read_in_too_small_a_unit_are_told_of(unit, read_as, tmp_path):
    # Milliseconds of 2024, 1.7e12 of them, are 28 minutes of nanoseconds.
    days = pd.date_range("2024-01-02 12:00", periods=4).as_unit(unit).asi8
    bars = pd.DataFrame({"timestamp": pd.to_datetime(days, unit=read_as), "close": 1.0})
    with pytest.warns(
        DataWarning, match=r"prices: times are all in January 1970 .* in the right unit"
    ):
        market_data(bars)
    assert "far_time" in [finding.check for finding in validate(bars).findings]
    bars.to_parquet(tmp_path / "p.parquet")
    with pytest.warns(DataWarning, match="prices: times are all in January 1970"):
        DataFeed.from_parquet(tmp_path / "p.parquet")


def test_dates_of_january_1970_are_usual():
    market_data(pd.DataFrame({"date": pd.date_range("1970-01-02", periods=5), "close": 1.0}))


def test_times_of_1900_and_of_2200_are_usual():
    for day in ("1900-01-01", "2200-12-29"):
        market_data(pd.DataFrame({"timestamp": pd.date_range(day, periods=3), "close": 1.0}))
