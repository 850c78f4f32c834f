"""Times that are numbers: what they count, and what is said where nobody says it."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ml4t.backtest.data import DataError, DataFeed, Table, market_data, validate

TIMES = pd.date_range("2024-01-02 12:00", periods=6, freq="D")
SECONDS = TIMES.as_unit("s").asi8
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
PRICES = pd.DataFrame({"timestamp": TIMES, "close": [100.0, 101.3, 100.4, 102.0, 101.2, 101.9]})


def counted(unit, **columns):
    return pd.DataFrame({"timestamp": SECONDS * PER_SECOND[unit], **columns})


@pytest.mark.parametrize("unit", PER_SECOND)
@pytest.mark.parametrize("kind", ["int64", "uint64", "float64"])
def test_numbers_count_what_is_said(unit, kind):
    table = counted(unit, close=1.0).astype({"timestamp": kind})
    data = market_data(table, time_unit=unit)
    np.testing.assert_array_equal(data.timestamps, TIMES.as_unit("ns").asi8)
    assert data.info["times"] == "aware"


@pytest.mark.parametrize("unit", PER_SECOND)
def test_the_message_names_the_unit_that_they_look_like_and_following_it_works(unit):
    with pytest.raises(
        DataError, match=f"they look like .* since 1970, UTC, which time_unit='{unit}' says"
    ):
        market_data(counted(unit, close=1.0))
    assert len(market_data(counted(unit, close=1.0), time_unit=unit).timestamps) == 6


@pytest.mark.parametrize("kind", ["int64", "float64"])
def test_written_dates_count_nothing_and_following_the_message_works(kind):
    table = pd.DataFrame({"date": [20240102, 20240103], "close": [1.0, 2.0]}).astype({"date": kind})
    with pytest.raises(
        DataError, match=r"dates like 20240102 .*pandas.to_datetime\(column.*format='%Y%m%d'\)"
    ) as error:
        market_data(table)
    advice = str(error.value).rpartition("read with ")[2]
    read = table.assign(date=eval(advice, {"pandas": pd, "column": table["date"]}))
    np.testing.assert_array_equal(
        market_data(read).timestamps,
        pd.DatetimeIndex(["2024-01-02", "2024-01-03"]).as_unit("ns").asi8,
    )


def test_small_numbers_are_asked_about():
    with pytest.raises(DataError, match=r"say what they count since 1970, UTC, with time_unit="):
        market_data(pd.DataFrame({"timestamp": [1, 2], "close": 1.0}))


def test_every_table_can_be_counted_and_each_in_its_own_unit(tmp_path):
    naive = {"timezone": "UTC"}
    for signals in (
        counted("ms", score=np.arange(6.0)),
        Table(counted("s", score=np.arange(6.0)), time_unit="s"),
    ):
        data = market_data(PRICES, signals=signals, time_unit="ms", **naive)
        np.testing.assert_array_equal(data.features["score"], np.arange(6.0))
    data = market_data(PRICES, context=counted("ms", vix=np.arange(6.0)), time_unit="ms", **naive)
    np.testing.assert_array_equal(data.context["vix"], np.arange(6.0))
    actions = counted("us", kind="split", value=2.0).iloc[[2]]
    assert len(market_data(PRICES, actions=actions, time_unit="us", **naive).actions) == 1
    wide = counted("ms", A=1.0, B=2.0)
    assert market_data(wide, time_unit="ms").n_rows == 12
    counted("ms", close=1.0).to_csv(tmp_path / "p.csv", index=False)
    assert (
        market_data(tmp_path / "p.csv", time_unit="ms").timestamps[0] == TIMES.as_unit("ns").asi8[0]
    )
    PRICES.assign(timestamp=TIMES.tz_localize("UTC")).to_parquet(tmp_path / "p.parquet")
    feed = DataFeed.from_parquet(
        tmp_path / "p.parquet", signals=counted("ms", score=np.arange(6.0)), time_unit="ms"
    )
    np.testing.assert_array_equal(next(iter(feed)).features["score"], np.arange(6.0))


@pytest.mark.parametrize(
    ("values", "unit", "message"),
    [
        (
            [1735603200000, 1735689600000000],
            "ms",
            r"outside 1677 to 2262.* in 1 row: row 1 \(56971-10-25",
        ),
        ([0.5, 1.5], "s", "must hold whole numbers of seconds"),
        ([1, 2], "min", "time_unit must be 's', 'ms', 'us', 'ns', was 'min'"),
        ([None, 1_735_603_200], "s", "has no time in 1 row"),
    ],
)
def test_numbers_that_are_no_times(values, unit, message):
    table = pa.table({"timestamp": values, "close": [1.0, 2.0]})
    with pytest.raises(DataError, match=message):
        market_data(table, time_unit=unit)
    if unit in PER_SECOND:
        assert [f.check for f in validate(table, time_unit=unit).findings] == ["unreadable"]


def test_a_unit_that_nothing_counts_in_is_refused():
    with pytest.raises(DataError, match=r"time_unit= says .* no table has such times"):
        market_data(PRICES, time_unit="ms")
