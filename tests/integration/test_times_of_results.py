"""The times of a result are written as those of the price table were: dates, zones, or none."""

import json

import pandas as pd
import pytest

from ml4t.backtest import BacktestResult, DataFeed, MarketData, Strategy, run_backtest
from ml4t.backtest.records.frames import TABLES

NEW_YORK = "America/New_York"
DAYS = pd.bdate_range("2024-03-07", periods=6)  # over the change of clocks of 2024-03-10
MINUTES = pd.date_range("2024-03-08 09:31", periods=6, freq="min")
CLOSES = [100.0, 101.0, 99.0, 102.0, 100.0, 103.0]


class Flip(Strategy):
    """Buys at every second bar, and sells at the others."""

    def on_start(self):
        self.n_seen = 0

    def on_market_data(self, event):
        self.n_seen += 1
        if self.n_seen % 2:
            self.buy(event.asset, 10)
        else:
            self.close(event.asset)


FORMS = {
    "dates": (DAYS, {}),
    "dates with a time of day": (DAYS, {"bar_time": f"16:00 {NEW_YORK}"}),
    "dates as midnights of a zone": (DAYS.tz_localize(NEW_YORK), {}),
    "midnights of a zone with a time of day": (
        DAYS.tz_localize(NEW_YORK),
        {"bar_time": f"16:00 {NEW_YORK}"},
    ),
    "dates of bars that begin": (DAYS, {"stamps": "start", "bar_length": "1d"}),
    "midnights of a zone where bars begin": (
        DAYS.tz_localize(NEW_YORK),
        {"stamps": "start", "bar_length": "1d"},
    ),
    "midnights of UTC": (DAYS.tz_localize("UTC"), {}),
    "midnights of UTC with a time of day": (
        DAYS.tz_localize("UTC"),
        {"bar_time": f"16:00 {NEW_YORK}"},
    ),
    "midnights of UTC where bars begin": (
        DAYS.tz_localize("UTC"),
        {"stamps": "start", "bar_length": "1d"},
    ),
    "minutes that begin": (
        MINUTES.tz_localize(NEW_YORK),
        {"stamps": "start", "bar_length": "1min"},
    ),
    "times of a zone": (MINUTES.tz_localize(NEW_YORK), {}),
    "times of UTC": (MINUTES.tz_localize("UTC"), {}),
    "times without a zone": (MINUTES, {}),
    "times said to be of a zone": (MINUTES, {"timezone": NEW_YORK}),
}
AS_WRITTEN = pytest.mark.parametrize(("index", "options"), FORMS.values(), ids=FORMS)


def prices_of(index):
    return pd.DataFrame({"A": CLOSES}, index=index)


def long_of(index):
    return pd.DataFrame({"timestamp": index, "asset": "A", "close": CLOSES})


def from_memory(index, options, folder):
    return run_backtest(prices_of(index), Flip(), **options)


def from_a_file(index, options, folder):
    long_of(index).to_parquet(folder / "prices.parquet")
    return run_backtest(folder / "prices.parquet", Flip(), **options)


def from_a_feed(index, options, folder):
    long_of(index).to_parquet(folder / "prices.parquet")
    feed = DataFeed.from_parquet(folder / "prices.parquet", chunk=2, **options)
    return run_backtest(feed, Flip())


def stored_and_loaded(index, options, folder):
    result = run_backtest(prices_of(index), Flip(), **options)
    return BacktestResult.load(result.to_parquet(folder / "run"))


@AS_WRITTEN
@pytest.mark.parametrize("run", [from_memory, from_a_file, from_a_feed, stored_and_loaded])
def test_equity_and_prices_join_row_by_row(tmp_path, run, index, options):
    result, prices = run(index, options, tmp_path), prices_of(index)
    assert result.equity.index.equals(prices.index)
    assert str(result.equity.index.tz) == str(prices.index.tz)
    joined = result.equity.join(prices)
    assert joined["A"].tolist() == CLOSES
    assert result.equity.loc[index[3], "equity"] == result.equity["equity"].iloc[3]
    # A return a session, by its date; a table of days has one for each of its rows.
    assert result.returns.index.equals(index.tz_localize(None).normalize().unique().as_unit("ns"))


@AS_WRITTEN
def test_times_of_all_tables_are_those_of_bars(index, options):
    result = run_backtest(prices_of(index), Flip(), **options)
    for table in TABLES:
        for name, column in getattr(result, table).items():
            if pd.api.types.is_datetime64_any_dtype(column.dtype):
                assert column.dropna().isin(index).all(), (table, name)
    assert result.trades["entry_time"].tolist() == [index[1], index[3]]
    assert (result.trades["entry_time"] > index[2]).tolist() == [False, True]


@AS_WRITTEN
def test_a_zone_can_be_asked_for_and_arrow_and_files_stay_utc(tmp_path, index, options):
    data = MarketData.from_tables(prices_of(index), **options)
    result = run_backtest(data, Flip())
    instants = pd.DatetimeIndex(data.timestamps, tz="UTC")
    frames = result.to_frames("Asia/Tokyo")
    assert list(frames) == list(TABLES)
    assert frames["equity"].index.tolist() == instants.tolist()
    assert str(frames["fills"]["timestamp"].dtype) == "datetime64[ns, Asia/Tokyo]"
    assert (
        frames["fills"]["timestamp"].tolist()
        == result.to_frames("UTC")["fills"]["timestamp"].tolist()
    )
    stored = pd.read_parquet(result.to_parquet(tmp_path) / "equity.parquet")
    for utc in (stored["timestamp"], result.to_arrow("equity")["timestamp"].to_pandas()):
        assert utc.tolist() == instants.tolist()
        assert str(utc.dtype) == "datetime64[ns, UTC]"


@AS_WRITTEN
def test_times_can_be_had_without_a_zone_for_excel(index, options):
    frames = run_backtest(prices_of(index), Flip(), **options).to_frames(naive=True)
    assert frames["equity"].index.tolist() == index.tz_localize(None).tolist()
    for frame in frames.values():
        assert not any(isinstance(kind, pd.DatetimeTZDtype) for kind in frame.dtypes)


def test_naive_times_of_another_zone_are_read_off_its_clock():
    result = run_backtest(prices_of(MINUTES.tz_localize(NEW_YORK)), Flip())
    # 09:31 in New York in winter is 14:31 UTC.
    index = result.to_frames("UTC", naive=True)["equity"].index
    assert index[0] == pd.Timestamp("2024-03-08 14:31")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", 5, "../etc/passwd"])
def test_an_unknown_zone_is_refused(zone):
    result = run_backtest(prices_of(DAYS), Flip())
    with pytest.raises(ValueError, match="timezone must be the name of a zone, like"):
        result.to_frames(zone)


def test_frames_are_shielded_from_edits():
    result = run_backtest(prices_of(DAYS), Flip())
    frame = result.to_frames()["equity"]
    frame.loc[:, "equity"] = 0.0
    assert result.equity["equity"].iloc[0] == 100_000.0


@AS_WRITTEN
def test_measures_are_json_and_begin_and_end_as_the_prices_do(index, options):
    metrics = run_backtest(prices_of(index), Flip(), **options).metrics
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    for name, time in (("start", index[0]), ("end", index[-1])):
        assert metrics[name] in (time.isoformat(), str(time.date()))


def test_measures_say_dates_and_times_as_iso_8601():
    dates = run_backtest(prices_of(DAYS), Flip()).metrics
    assert (dates["start"], dates["end"]) == ("2024-03-07", "2024-03-14")
    times = run_backtest(prices_of(MINUTES.tz_localize(NEW_YORK)), Flip()).metrics
    assert times["start"] == "2024-03-08T09:31:00-05:00"
    # Bought at 101 and sold at 99: under water from the third minute to the sixth and last one, since
    # the peak of the second, four minutes.
    assert times["max_drawdown_duration"] == pytest.approx(4 / 1440)


@pytest.mark.parametrize(
    ("index", "options", "said"),
    [
        (DAYS, {}, "2024-03-07 to 2024-03-14, "),
        (DAYS, {"bar_time": f"16:00 {NEW_YORK}"}, "2024-03-07 to 2024-03-14, "),
        (MINUTES, {}, "2024-03-08 09:31 to 2024-03-08 09:36, "),
        (MINUTES.tz_localize("UTC"), {}, "2024-03-08 09:31 to 2024-03-08 09:36 UTC, "),
        (
            MINUTES.tz_localize(NEW_YORK),
            {},
            "2024-03-08 09:31 to 2024-03-08 09:36 America/New_York, ",
        ),
    ],
)
def test_the_summary_names_the_period_as_the_prices_do(index, options, said):
    result = run_backtest(prices_of(index), Flip(), **options)
    assert result.summary().splitlines()[1].startswith(said)
