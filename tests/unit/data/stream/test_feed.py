"""A feed gives in chunks what tables in one piece give: values, errors and runs."""

import itertools
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml4t.backtest import (
    BacktestConfig,
    BacktestEngine,
    MarketData,
    Strategy,
    check_lookahead,
    run_backtest,
)
from ml4t.backtest.data import (
    ATR,
    EWMA,
    CallableFeatureProvider,
    DataError,
    DataFeed,
    DataWarning,
    FeatureProvider,
    LookAheadError,
    PrecomputedFeatureProvider,
    Table,
    market_data,
    validate,
    write_dataset,
)
from ml4t.backtest.data.stream import series_source
from ml4t.backtest.risk import (
    ExitType,
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RiskDecision,
    RiskManager,
    TimeBasedExit,
    TrailingStop,
    numba_rule,
)

ASSETS = ["AAA", "BBB", "CCC", "DDD"]
CLOCK = {"bar_time": "16:00 America/New_York"}


@pytest.fixture(scope="module")
def tables():
    """Daily bars with holes; values published in the evening, days later, or anew; context with NaN."""
    rng = np.random.default_rng(5)
    days = pd.bdate_range("2023-11-20", periods=90)
    grid = pd.MultiIndex.from_product([days, ASSETS], names=["date", "asset"]).to_frame(index=False)
    bars = grid[rng.random(len(grid)) < 0.8]
    bars = bars[(bars["asset"] != "DDD") | (bars["date"] < days[40])]  # one ends early
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, len(bars))))
    spread = close * rng.uniform(0.001, 0.02, len(bars))
    prices = bars.assign(
        open=close - spread / 2, high=close + spread, low=close - spread, close=close,
        volume=rng.integers(1, 100, len(bars)), momentum=rng.normal(size=len(bars)),
    )  # fmt: skip
    seen = grid[rng.random(len(grid)) < 0.7]
    delay = pd.to_timedelta(rng.choice([21, 22, 70, 200], len(seen)), "h")
    signals = seen.assign(
        available_at=(seen["date"] + delay).dt.tz_localize("UTC"), score=rng.normal(size=len(seen))
    )
    restated = signals.sample(60, random_state=1).assign(
        available_at=lambda t: t["available_at"] + pd.Timedelta("5D"), score=lambda t: -t["score"]
    )
    signals = pd.concat([signals, restated], ignore_index=True)
    early = pd.DataFrame({"date": pd.bdate_range("2023-01-02", "2024-06-03")})
    context = early.assign(
        vix=np.where(rng.random(len(early)) < 0.3, np.nan, rng.uniform(10, 20, len(early))),
        rate=np.where(rng.random(len(early)) < 0.9, np.nan, 1.0) * rng.uniform(size=len(early)),
    )
    actions = pd.DataFrame(
        {
            "date": days[[10, 10, 35, 60]],
            "asset": ["AAA", "BBB", "AAA", "CCC"],
            "kind": ["split", "dividend", "split", "split"],
            "value": [2.0, 0.5, 0.5, 3.0],
        }
    )
    return {"prices": prices, "signals": signals, "context": context, "actions": actions}


@pytest.fixture(scope="module")
def folder(tables, tmp_path_factory):
    folder = tmp_path_factory.mktemp("feed") / "data"
    write_dataset(
        {n: t for n, t in tables.items() if n != "actions"}, folder, by="month", quiet=True
    )
    tables["actions"].to_parquet(folder / "actions.parquet")
    return folder


def everything(folder, timing="strict", max_age=None):
    signals = Table(folder / "signals", timing=timing, max_age=max_age)
    return {
        "signals": ["momentum", signals],
        "features": [ATR(3), EWMA(5)],
        "context": Table(folder / "context", available_after="1d", timing=timing, max_age=max_age),
        "actions": folder / "actions.parquet",
        **CLOCK,
    }


def joined(chunks):
    """The own rows of chunks, put together again."""
    columns = {}
    for chunk in chunks:
        first, n_carried = int(chunk.carried_times.size > 0), chunk.carried_times.size
        own = {name: getattr(chunk, name)[n_carried:] for name in ("open", "high", "low", "close")}
        own |= {f"feature {name}": values[n_carried:] for name, values in chunk.features.items()}
        own |= {f"context {name}": values[first:] for name, values in chunk.context.items()}
        own |= {"codes": chunk.asset_codes[n_carried:], "times": chunk.timestamps[first:]}
        own |= {"counts": np.diff(chunk.offsets)[first:], "actions": chunk.actions}
        for name, values in own.items():
            columns.setdefault(name, []).append(values)
    return {name: np.concatenate(parts) for name, parts in columns.items()}


def assert_same(feed, whole):
    ours, theirs = joined(feed), joined([whole])
    due = theirs["actions"]["time"] <= whole.timestamps[-1]
    theirs["actions"] = theirs["actions"][due]
    assert ours.keys() == theirs.keys()
    for name, values in theirs.items():
        np.testing.assert_array_equal(ours[name], values, err_msg=name)


CHUNKS = ["month", "day", "year", 1, 2, 7, 40, 10_000]


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("timing", ["strict", "next_bar", "lag=2"])
@pytest.mark.parametrize("max_age", [None, "4d"])
def test_values_in_chunks_are_the_values_in_one(folder, chunk, timing, max_age):
    options = everything(folder, timing, max_age)
    feed = DataFeed.from_parquet(folder / "prices", chunk=chunk, **options)
    whole = MarketData.from_tables(folder / "prices", **options)
    assert feed.assets == whole.assets
    assert feed.n_times == whole.n_times
    assert feed.n_rows == whole.n_rows
    assert_same(feed, whole)
    assert_same(feed, whole)  # a second pass reads anew
    assert next(iter(feed)).signal_names == whole.signal_names


@pytest.mark.parametrize("rows", [1, 5, 100])
def test_a_long_past_is_read_in_parts(folder, monkeypatch, rows):
    monkeypatch.setattr(series_source, "ROWS_AT_A_TIME", rows)
    options = everything(folder, "next_bar") | {"assets": ASSETS}
    feed = DataFeed.from_parquet(folder / "prices", start="2024-02-01", chunk=20, **options)
    prices = pq.read_table(folder / "prices").to_pandas()
    prices = prices[prices["date"] >= "2024-02-01"]
    assert_same(feed, MarketData.from_tables(prices, **options))


def test_each_chunk_carries_the_last_bar_of_every_asset(folder):
    *_, last = DataFeed.from_parquet(folder / "prices", **CLOCK)
    prices = pq.read_table(folder / "prices").to_pandas()
    before = prices[prices["date"] < prices["date"].max().replace(day=1)]
    expected = before.groupby("asset", observed=True)["close"].last()
    n_carried = last.carried_times.size
    np.testing.assert_array_equal(last.close[:n_carried], expected[ASSETS])
    assert len(set(last.carried_times)) > 1


class Trader(Strategy):
    """Weights by a signal every third day, orders of single assets in between."""

    def on_start(self):
        self.days = 0

    def on_timestamp_batch(self, timestamp, events, context):
        self.days += 1
        if self.days % 3 == 0:
            best = max(events, key=lambda event: event.momentum)
            self.order_target_percent(best.asset, 0.5)
        elif self.days % 7 == 0:
            self.close(next(iter(events)).asset)


def trade(data):
    rules = [PriceBasedStopLoss(pct=0.02), PriceBasedTakeProfit(pct=0.04), TrailingStop(pct=0.03)]
    return run_backtest(data, Trader(), rules=rules, config=BacktestConfig(initial_cash=1e5))


@pytest.mark.parametrize("chunk", ["month", 1, 9])
@pytest.mark.parametrize("prefetch", [True, False])
def test_a_run_over_a_feed_is_the_run_over_tables(folder, chunk, prefetch):
    options = everything(folder, "next_bar")
    whole = trade(MarketData.from_tables(folder / "prices", **options))
    parts = trade(
        DataFeed.from_parquet(folder / "prices", chunk=chunk, prefetch=prefetch, **options)
    )
    assert len(whole.trades) > 10
    for name in ("trades", "fills", "orders", "events", "equity", "positions"):
        pd.testing.assert_frame_equal(getattr(whole, name), getattr(parts, name), check_exact=True)
    assert whole.metrics == parts.metrics
    assert whole.info["bars"] == parts.info["bars"]


def provider_of(folder):
    context = Table(folder / "context", available_after="1d")
    return PrecomputedFeatureProvider(folder / "signals", context, **CLOCK)


def months():
    """Asked one by one, for each bar once; what it says depends on the bar, and may be missing."""
    asked = set()

    def answer(asset, time):
        assert (asset, time) not in asked
        asked.add((asset, time))
        return {"month": time.month} | ({} if time.day % 5 == 1 else {"letter": ord(asset[0])})

    return CallableFeatureProvider(answer, lambda time: {"day": time.day})


@pytest.mark.parametrize("chunk", ["month", 1, 7])
def test_providers_in_chunks_are_those_in_one(folder, chunk):
    def options():
        return CLOCK | {"features": [ATR(3), provider_of(folder), months()]}

    whole = MarketData.from_tables(folder / "prices", **options())
    tables = MarketData.from_tables(
        folder / "prices",
        features=folder / "signals",
        context=Table(folder / "context", available_after="1d"),
        **CLOCK,
    )
    np.testing.assert_array_equal(whole.features["score"], tables.features["score"])
    np.testing.assert_array_equal(whole.context["vix"], tables.context["vix"])
    assert set(whole.features) == {"momentum", "atr_3", "score", "month", "letter"}
    assert set(whole.context) == {"vix", "rate", "day"}
    assert_same(DataFeed.from_parquet(folder / "prices", chunk=chunk, **options()), whole)


def test_a_column_that_a_provider_has_in_some_chunks_only(folder):
    provider = CallableFeatureProvider(lambda asset, time: {"late": 1.0} if time.month == 2 else {})
    feed = DataFeed.from_parquet(folder / "prices", features=provider, **CLOCK)
    with pytest.raises(DataError, match="features: column 'late' is not in every chunk; give each"):
        list(feed)


def test_a_provider_of_rules_that_stops_giving_columns(folder):
    class Sometimes(FeatureProvider):
        def get_features(self, asset, timestamp):
            return {}

        def get_market_features(self, timestamp):
            return {}

        def columns(self, data):
            return None if data.first_t or data.timestamps[0] > self.first else ({}, {})

    feed = DataFeed.from_parquet(folder / "prices", **CLOCK)
    provider = Sometimes()
    provider.first = next(iter(feed)).timestamps[0]
    manager = RiskManager([TrailingStop(pct=0.03)], feature_provider=provider)
    with pytest.raises(
        DataError, match="columns of Sometimes must be given for every chunk or for"
    ):
        BacktestEngine(feed, Trader(), risk_manager=manager).run()


@pytest.fixture(scope="module")
def at_a_score():
    leave = ExitType.RISK_EXIT.code

    @numba_rule(columns=("score", "vix"), frozen_columns=("rate",))
    def at_a_score(view, columns, answer):
        answer.update_stop_loss = view.entry_price * (0.97 + 0.01 * min(max(columns[0], -1.0), 1.0))
        if columns[1] > 17.0 and columns[2] > 0.3 and not view.opening:
            answer.exit_type = leave

    return at_a_score


def by_score(context):
    """The target that the last known score allows."""
    score, vix = context.features["score"], context.market_features["vix"]
    if np.isnan(score):
        return RiskDecision.no_action()
    step = 0.02 + 0.01 * abs(score) + 0.001 * vix
    return RiskDecision.update_stops(take_profit=context.entry_price * (1.0 + step))


@pytest.mark.parametrize("chunk", ["month", 1, 9])
@pytest.mark.parametrize("provided", [True, False])
def test_rules_on_columns_in_chunks(folder, at_a_score, chunk, provided):
    options = dict(CLOCK)
    if not provided:
        options["signals"] = folder / "signals"
        options["context"] = Table(folder / "context", available_after="1d")

    def trade(data):
        rules = [at_a_score, by_score, TimeBasedExit(max_bars="vix")]
        manager = RiskManager(rules, feature_provider=provider_of(folder) if provided else None)
        return run_backtest(data, Trader(), risk_manager=manager)

    whole = trade(MarketData.from_tables(folder / "prices", **options))
    parts = trade(DataFeed.from_parquet(folder / "prices", chunk=chunk, **options))
    assert len(whole.trades) > 10
    assert {"at_a_score", "by_score"} <= set(whole.trades["rule"].dropna())
    for name in ("trades", "fills", "orders", "events", "equity", "positions"):
        pd.testing.assert_frame_equal(getattr(whole, name), getattr(parts, name), check_exact=True)


def test_the_thread_ends_with_the_pass(folder):
    usual = sys.getswitchinterval()
    chunks = iter(DataFeed.from_parquet(folder / "prices", **CLOCK))
    next(chunks)
    assert sys.getswitchinterval() < usual
    chunks.close()
    assert sys.getswitchinterval() == usual


# --- what is read ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end"),
    [("2024-01-10", "2024-02-05"), (None, pd.Timestamp("2024-01-31")), (pd.Timestamp("2024-03-01").date(), None)],
)  # fmt: skip
def test_dates_and_assets_are_chosen(folder, start, end):
    feed = DataFeed.from_parquet(
        folder / "prices", signals=folder / "signals", actions=folder / "actions.parquet",
        assets=["CCC", "AAA"], start=start, end=end, chunk=11, **CLOCK,
    )  # fmt: skip
    prices = pq.read_table(folder / "prices").to_pandas()
    chosen = prices["asset"].isin(["AAA", "CCC"])
    chosen &= prices["date"].between(
        pd.Timestamp(start or "2000-01-01"), pd.Timestamp(end or "2100-01-01")
    )
    signals, actions = (
        pq.read_table(folder / name).to_pandas() for name in ("signals", "actions.parquet")
    )
    whole = MarketData.from_tables(
        prices[chosen],
        signals=signals[signals["asset"].isin(["AAA", "CCC"])],
        actions=actions[actions["asset"].isin(["AAA", "CCC"])],
        assets=["CCC", "AAA"],
        **CLOCK,
    )
    assert feed.assets == ("CCC", "AAA")
    assert_same(feed, whole)


def test_an_end_is_a_whole_day_or_an_instant(tmp_path):
    times = pd.date_range("2024-01-02 10:00", periods=60, freq="h", tz="UTC")
    pd.DataFrame({"timestamp": times, "close": 1.0}).to_parquet(tmp_path / "p.parquet")

    def n_rows(**span):
        return DataFeed.from_parquet(tmp_path / "p.parquet", **span).n_rows

    assert n_rows(end="2024-01-02") == 14
    assert n_rows(end="2024-01-02 12:00") == 3
    assert n_rows(start="2024-01-03", end="2024-01-03") == 24
    assert n_rows(start="2024-01-02 07:00-05:00", end="2024-01-02 13:00+00:00") == 2


@pytest.mark.parametrize("form", ["files by asset", "hive", "one file", "row groups"])
def test_files_in_any_form(tables, folder, tmp_path, form):
    prices = tables["prices"].sort_values(
        ["asset", "date"] if "asset" in form else ["date", "asset"]
    )
    place = tmp_path / "prices"
    place.mkdir()
    if form == "files by asset":
        for name, part in prices.groupby("asset"):
            part.to_parquet(place / f"{name}.parquet")
    elif form == "hive":
        pq.write_to_dataset(
            pa.Table.from_pandas(prices, preserve_index=False), place, partition_cols=["asset"]
        )
    else:
        pq.write_table(
            pa.Table.from_pandas(prices, preserve_index=False), place / "all.parquet",
            row_group_size=17 if form == "row groups" else None,
        )  # fmt: skip
    whole = MarketData.from_tables(place, sort=True, **CLOCK)
    for chunk in ("month", 10):
        feed = DataFeed.from_parquet(place, chunk=chunk, **CLOCK)
        assert_same(feed, whole)
        in_order = form in ("one file", "row groups")
        assert feed.n_times == (whole.n_times if in_order else None)


def partitioned(table, place, keys):
    days = table["date"]
    made = {"year": days.dt.year, "month": days.dt.month, "time": days.dt.strftime("%Y-%m-01")}
    table = table.assign(**{key: made[key] for key in keys if key in made})
    table = table.sample(frac=1, random_state=3)
    pq.write_to_dataset(
        pa.Table.from_pandas(table, preserve_index=False), place, partition_cols=keys
    )
    return place


@pytest.mark.parametrize("unit", ["ns", "us"])
@pytest.mark.parametrize("copied", [1, 40, 10_000])
@pytest.mark.parametrize("chunk", [1, 50, 64, 333])
def test_batches_end_elsewhere_than_chunks(tmp_path, monkeypatch, chunk, copied, unit):
    monkeypatch.setattr("ml4t.backtest.data.stream.table_source.FIRST_BATCH", 16)
    monkeypatch.setattr("ml4t.backtest.data.stream.table_source.LARGEST_BATCH", 64)
    monkeypatch.setattr("ml4t.backtest.data.stream.chunk_columns.COPIED_AT_ONCE", copied)
    times = pd.date_range("2024-01-02", periods=700, freq="min", tz="UTC")
    rng = np.random.default_rng(8)
    # A column that is whole at first and has holes later, numbers that are no floats, an empty file.
    prices = pd.DataFrame(
        {
            "timestamp": times.as_unit(unit),
            "close": 100 + rng.normal(0, 1, 700).cumsum() / 10,
            "volume": rng.integers(1, 1_000, 700),
            "late": np.where((np.arange(700) > 300) & (rng.random(700) < 0.3), np.nan, 1.5),
        }
    )
    table = pa.Table.from_pandas(prices, preserve_index=False)
    for number, (first, last) in enumerate(itertools.pairwise([0, 90, 90, 500, 700])):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(table.slice(first, last - first), path, row_group_size=70)
    assert table["late"].null_count > 0
    feed = DataFeed.from_parquet(tmp_path, chunk=chunk)
    assert_same(feed, MarketData.from_tables(prices))


@pytest.mark.parametrize(
    "keys", [["year", "month"], ["asset", "year"], ["year", "asset"], ["time"], ["asset", "time"]]
)
def test_what_only_folders_say_is_no_column(tables, folder, tmp_path, keys):
    """Assets that files do not have are one, though; the day of a file that has times is not."""
    places = {
        name: partitioned(
            tables[name],
            tmp_path / name,
            [key for key in keys if name != "context" or key != "asset"],
        )
        for name in ("prices", "signals", "context")
    }
    options = {"signals": places["signals"], "context": places["context"], **CLOCK}
    whole = MarketData.from_tables(places["prices"], sort=True, **options)
    memory = {"signals": tables["signals"], "context": tables["context"], **CLOCK}
    assert_same([whole], MarketData.from_tables(tables["prices"], **memory))
    for chunk in ("month", 10):
        feed = DataFeed.from_parquet(places["prices"], chunk=chunk, sort=True, **options)
        assert_same(feed, whole)
    report = validate(places["prices"], severity={"out_of_order": "off"}, **options)
    assert report.ok
    assert not report.frame["column"].isin(keys).any()


def test_what_folders_say_is_a_column_where_it_is_asked_for(tables, tmp_path):
    place = partitioned(tables["prices"], tmp_path / "p", ["year", "month"])
    scores = Table(
        partitioned(tables["signals"], tmp_path / "s", ["year", "month"]), values=["score", "month"]
    )
    feed = DataFeed.from_parquet(place, values=["year"], signals=scores, sort=True, **CLOCK)
    values = joined(feed)
    years = (values["times"].astype("M8[ns]").astype("M8[Y]").astype(int) + 1970).repeat(
        values["counts"]
    )
    np.testing.assert_array_equal(values["feature year"], years)
    whole = MarketData.from_tables(
        tables["prices"],
        signals=tables["signals"].assign(month=tables["signals"]["date"].dt.month),
        **CLOCK,
    )
    np.testing.assert_array_equal(values["feature month"], whole.features["month"])
    again = MarketData.from_tables(place, signals=scores, sort=True, **CLOCK)
    np.testing.assert_array_equal(values["feature month"], again.features["month"])
    # As the time, if the user says so.
    days = tables["prices"].assign(day=tables["prices"]["date"].astype(str)).drop(columns="date")
    pq.write_to_dataset(
        pa.Table.from_pandas(days, preserve_index=False), tmp_path / "d", partition_cols=["day"]
    )
    data = MarketData.from_tables(tmp_path / "d", columns={"timestamp": "day"}, sort=True, **CLOCK)
    np.testing.assert_array_equal(data.timestamps, whole.timestamps)


def test_a_part_that_is_all_midnights_is_no_table_of_dates(tmp_path):
    times = pd.date_range("2024-01-02", periods=50, freq="h")
    signals = pd.DataFrame({"timestamp": times, "score": np.arange(50.0)})
    pd.DataFrame({"timestamp": times, "close": 1.0}).to_parquet(tmp_path / "p.parquet")
    signals.to_parquet(tmp_path / "s.parquet")
    options = {"signals": tmp_path / "s.parquet", "timezone": "America/New_York"}
    feed = DataFeed.from_parquet(tmp_path / "p.parquet", chunk=1, **options)
    assert_same(feed, MarketData.from_tables(tmp_path / "p.parquet", **options))


def test_wide_values_and_tables_in_memory(folder, tables):
    wide = (
        tables["signals"]
        .drop_duplicates(["date", "asset"])
        .pivot_table(index="date", columns="asset", values="score")
    )
    wide = wide.reset_index()
    text = tables["context"].assign(date=tables["context"]["date"].astype(str))
    options = {"signals": {"score": wide}, "context": text, **CLOCK}
    feed = DataFeed.from_parquet(folder / "prices", chunk=13, **options)
    assert_same(feed, MarketData.from_tables(folder / "prices", **options))


def test_only_columns_asked_for_are_read(folder):
    feed = DataFeed.from_parquet(folder / "prices", values=[], **CLOCK)
    assert list(next(iter(feed)).features) == []


def test_progress_counts_rows_where_times_are_not_known(tables, tmp_path):
    tables["prices"].sort_values(["asset", "date"]).to_parquet(tmp_path / "p.parquet", index=False)
    feed, said = DataFeed.from_parquet(tmp_path / "p.parquet"), []
    run_backtest(feed, Trader(), progress=lambda *figures: said.append(figures))
    assert feed.n_times is None
    assert said[-1] == (feed.n_rows, feed.n_rows)
    assert all(done <= total == feed.n_rows for done, total in said)
    assert [done for done, _ in said] == sorted(done for done, _ in said)


# --- errors ---------------------------------------------------------------------------------


def written(path, rows, **columns):
    frame = pd.DataFrame(rows, columns=["timestamp", "asset", "close"]).assign(**columns)
    frame["timestamp"] = pd.to_datetime(frame["timestamp"])
    frame.to_parquet(path)
    return path


def test_rows_repeated_in_two_files_are_found(tmp_path):
    written(tmp_path / "1.parquet", [("2024-01-31", "A", 1.0), ("2024-02-01", "A", 1.0)])
    written(tmp_path / "2.parquet", [("2024-02-01", "A", 1.1), ("2024-02-02", "A", 1.0)])
    feed = DataFeed.from_parquet(tmp_path)
    with pytest.raises(DataError, match=r"must be unique, is repeated in 1 row: \(2024-02-01, A\)"):
        list(feed)


@pytest.mark.parametrize("room", ["prices", "signals", "context"])
def test_files_with_and_without_a_zone_are_refused(folder, tmp_path, room):
    # Arrow reads them as the first file has them: naive times would silently be UTC.
    days = pd.to_datetime(["2024-01-02 21:00", "2024-01-03 21:00"])
    for number, times in enumerate([days, days.tz_localize("UTC") + pd.Timedelta("7D")]):
        frame = pd.DataFrame({"timestamp": times, "x": 1.0, "asset": "AAA", "close": 1.0})
        dropped = {"prices": ["x"], "signals": ["close"], "context": ["asset", "close"]}[room]
        frame.drop(columns=dropped).to_parquet(tmp_path / f"{number}.parquet", index=False)
    tables = {"prices": folder / "prices", **CLOCK} | {room: tmp_path}
    for read in (market_data, DataFeed.from_parquet):
        with pytest.raises(
            DataError,
            match=rf"^{room}: column 'timestamp' has times without a zone in 0.parquet and with one in 1.parquet; ",
        ):
            read(**tables)
    (finding,) = validate(**tables, severity={"stale": "off"}).errors
    assert (finding.table, finding.check, finding.column) == (room, "time_zones", "timestamp")
    assert list(finding.values) == [2]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "Etc/UTC"])
def test_files_in_two_zones_are_refused_but_names_of_utc_are_one(tmp_path, zone):
    # Midnights of Tokyo, which are dates there, would be read as 15:00 UTC of the day before.
    for number, of_file in enumerate(("UTC", zone)):
        times = pd.date_range("2024-01-02", periods=2, freq="7D", tz=of_file) + pd.Timedelta(
            number, "D"
        )
        frame = pd.DataFrame({"timestamp": times, "asset": "AAA", "close": 1.0})
        frame.to_parquet(tmp_path / f"{number}.parquet", index=False)
    for read in (market_data, DataFeed.from_parquet):
        if zone == "Etc/UTC":
            assert read(tmp_path, sort=True).n_rows == 4
            continue
        with pytest.raises(
            DataError, match=r"times in UTC in 0.parquet and in Asia/Tokyo in 1.parquet; write all"
        ):
            read(tmp_path, sort=True)


def test_times_that_run_backwards_are_found_unless_sorted(tmp_path):
    path = written(
        tmp_path / "p.parquet",
        [("2024-01-03", "A", 1.0), ("2024-01-02", "A", 2.0), ("2024-02-02", "A", 3.0)],
    )
    with pytest.raises(DataError, match="run backwards within an asset in 1 row"):
        list(DataFeed.from_parquet(path))
    assert joined(DataFeed.from_parquet(path, sort=True))["close"].tolist() == [2.0, 1.0, 3.0]


def test_a_bad_price_stops_the_run_and_what_was_done_is_kept(tmp_path):
    rows = [(f"2024-0{month}-02", "A", 1.0) for month in range(1, 7)]
    rows[4] = ("2024-05-02", "A", -1.0)

    class Buy(Strategy):
        def on_market_data(self, event):
            self.buy(event.asset, 1.0)

    feed = DataFeed.from_parquet(written(tmp_path / "p.parquet", rows))
    with pytest.raises(
        DataError, match=r"'close' is negative in 1 row: \(2024-05-02, A, -1\)"
    ) as error:
        BacktestEngine(feed, Buy()).run()
    assert error.value.partial_result.partial
    assert 1 <= len(error.value.partial_result.fills) <= 3


def test_a_value_known_before_its_time_is_found_in_its_chunk(folder, tmp_path):
    times = pd.to_datetime(["2024-01-02", "2024-02-02"], utc=True)
    pd.DataFrame(
        {
            "timestamp": times,
            "available_at": times - pd.to_timedelta([0, 1], "h"),
            "x": 1.0,
            "asset": "AAA",
        }
    ).to_parquet(tmp_path / "s.parquet")
    feed = DataFeed.from_parquet(folder / "prices", signals=tmp_path / "s.parquet", **CLOCK)
    chunks = iter(feed)
    assert len(list(itertools.islice(chunks, 2))) == 2
    with pytest.raises(LookAheadError, match=r"before the value's own time in 1 row"):
        list(chunks)


SCORES = {"date": ["2024-01-02"], "asset": ["AAA"], "x": [1.0]}


def wrong_columns():
    """Tables with a column that cannot be, in every place, and what is said of it."""
    for room in ("signals", "features", "context"):
        frame = pd.DataFrame(SCORES)
        if room == "context":
            frame = frame.drop(columns="asset")
        for table, message in (
            (Table(frame, values=["scor"]), f"has no column 'scor'; its columns are {', '.join(frame)}$"),
            (Table(frame, values=[]), "has no column of values$"),
            (frame.assign(grade="good"), "column 'grade' holds .*string, must hold numbers"),
            (frame.assign(momentum=1.0), "column 'momentum' is already in another table; rename or"),
            (Table(frame.assign(available_at=frame["date"]), available_after="1d"), "has a column of publication times"),
        ):  # fmt: skip
            yield {room: table}, f"^{room}: {message}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chunk": "week"}, "chunk must be 'day', 'month', 'year' or a positive number of rows, was 'week'"),
        ({"chunk": 0}, "positive number of rows, was 0"),
        ({"start": "soon"}, "start must be a date or time like"),
        ({"start": "2024-01-02", "end": "2024-01-01"}, "end must not be before start"),
        ({"end": "1999-01-01"}, "prices: no row is of the assets and dates asked for"),
        ({"assets": ["ZZZ"]}, "prices: no row is of the assets and dates asked for"),
        ({"values": ["alpha"]}, "prices: has no column 'alpha'"),
        ({"signals": "nowhere.parquet"}, "signals: there is no file nowhere.parquet"),
        ({"signals": pd.DataFrame({"asset": ["AAA"], "x": [1.0]})}, "signals: no column of times"),
        *wrong_columns(),
        ({"signals": {"a": pd.DataFrame(SCORES), "b": pd.DataFrame(SCORES)}}, r"signals\['b'\]: column 'x' is already in another table"),
        ({"signals": pd.DataFrame(SCORES), "context": pd.DataFrame({"date": ["2024-01-02"], "x": [1.0]})}, "context: column 'x' is already in another table"),
        ({"features": {"momentum": ATR(3)}}, "features: column 'momentum' is already in another table; rename or leave out one of them"),
        ({"signals": pd.DataFrame({"date": ["2024-01-02"], "asset": ["ZZZ"], "x": [1.0]})}, "signals: 1 row of assets that the prices do not have"),
        ({"signals": "alpha"}, "neither a file nor a column of the price table"),
        ({"bar_time": None, "signals": pd.DataFrame({"timestamp": ["2024-01-02 10:00"], "asset": ["AAA"], "x": [1.0]})}, "prices has only dates, signals has times of day"),
        ({"on_violation": "ignore"}, "on_violation must be"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_before_anything_is(folder, options, message):
    with pytest.raises(DataError, match=message):
        DataFeed.from_parquet(folder / "prices", **(CLOCK | options))


@pytest.mark.parametrize(("options", "message"), list(wrong_columns()))
def test_what_is_said_of_columns_is_what_is_said_of_tables_in_one_piece(folder, options, message):
    with pytest.raises(DataError, match=message) as whole:
        MarketData.from_tables(folder / "prices", **CLOCK, **options)
    with pytest.raises(DataError) as parts:
        DataFeed.from_parquet(folder / "prices", **CLOCK, **options)
    assert str(parts.value) == str(whole.value)


def test_prices_that_are_no_numbers_are_said_before_they_are_read(tables, tmp_path):
    path = tmp_path / "p.parquet"
    tables["prices"].assign(volume="many").to_parquet(path, index=False)
    with pytest.raises(DataError, match=r"prices: column 'volume' holds .*string, must hold num"):
        DataFeed.from_parquet(path, **CLOCK)
    tables["prices"].assign(momentum="many").to_parquet(path, index=False)
    with pytest.raises(DataError, match=r"prices: column 'momentum' holds .*string, must hold num"):
        DataFeed.from_parquet(path, values=["momentum"], **CLOCK)
    (chunk,) = DataFeed.from_parquet(path, chunk=10_000, **CLOCK)
    assert chunk.info["left_out"] == ["momentum"]
    assert "momentum" not in chunk.features


def test_text_times_in_files_are_refused(tmp_path):
    pd.DataFrame({"date": ["2024-01-02"], "close": [1.0]}).to_parquet(tmp_path / "p.parquet")
    with pytest.raises(DataError, match=r"'date' holds .*string, must hold dates or timestamps"):
        DataFeed.from_parquet(tmp_path / "p.parquet")


def test_a_feed_is_not_validated_nor_disturbed(folder):
    feed = DataFeed.from_parquet(folder / "prices", **CLOCK)
    with pytest.raises(DataError, match=r"^prices: a DataFeed cannot be validated, .* one month"):
        validate(feed)
    with pytest.raises(DataError, match=r"^prices: the values of a DataFeed cannot be disturbed, "):
        check_lookahead(Trader, prices=feed)


def test_a_warning_of_a_feed_is_of_the_line_that_reads_it(folder):
    options = {"values": ["momentum"], "on_violation": "warn", **CLOCK}
    times = pd.to_datetime(["2024-01-02"], utc=True)
    early = {"timestamp": times, "available_at": times - pd.Timedelta("1h"), "x": 1.0}
    early = pd.DataFrame(early | {"asset": "AAA"})
    feed = DataFeed.from_parquet(folder / "prices", signals=early, prefetch=False, **options)
    with pytest.warns(DataWarning, match="before the value's own time") as warned:
        list(feed)
    assert [warning.filename for warning in warned] == [__file__]


def test_tables_are_not_joined_to_a_feed(folder):
    feed = DataFeed.from_parquet(folder / "prices", **CLOCK)
    with pytest.raises(TypeError, match="signals cannot be joined to finished DataFeed"):
        run_backtest(feed, Trader(), signals=folder / "signals")


def test_a_feed_of_anything_but_tables_is_refused():
    with pytest.raises(
        TypeError,
        match=r"made by DataFeed.from_parquet.*not of generator.*given to a run as they are",
    ):
        DataFeed(chunk for chunk in [])
