"""Times of a walk's table are those of its data: zones, and dates, are read as was said of the data."""

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest import MarketData, Strategy
from ml4t.backtest.walk_forward import (
    CombinatorialPurged,
    WalkForward,
    WalkForwardError,
    walk_forward,
)

NEW_YORK = "America/New_York"
SPLITS = (
    WalkForward(10, 5, times="date", label_ends="end"),
    WalkForward(10, 5, embargo=2, times="date", label_ends="end"),
    CombinatorialPurged(4, 2, embargo=1, times="date", label_ends="end"),
)


class Idle(Strategy):
    def on_market_data(self, event):
        pass


def bars(times, assets=("A", "B")):
    close = np.random.default_rng(2).normal(100.0, 1.0, len(times) * len(assets))
    index = pd.MultiIndex.from_product([times, assets], names=["date", "symbol"])
    return pd.DataFrame({"close": close}, index=index).reset_index()


def labelled(prices, ahead):
    end = prices.groupby("symbol")["date"].shift(-ahead)
    return prices.assign(end=end).dropna().reset_index(drop=True)


def rows_of(data, table, splits):
    """The numbers of the rows of each part: to train on, and to predict, of its train and its test part in turn."""
    trained, tested = [], []

    def fit(train):
        trained.append(train.rows.index.tolist())
        return {"strategy": Idle(), "signals": signals}

    def signals(test):
        tested.append(test.rows.index.tolist())

    walked = walk_forward(fit, data, splits, table=table)
    return trained, tested, walked.parts


def in_zone(table):
    return table.assign(**{name: table[name].dt.tz_localize(NEW_YORK) for name in ("date", "end")})


HOURS = pd.date_range("2024-01-02", periods=24 * 40, freq="h")


@pytest.mark.parametrize("splits", SPLITS, ids=repr)
def test_times_without_a_zone_are_of_that_of_the_data(splits):
    prices = bars(HOURS)
    data = MarketData.from_tables(prices, timezone=NEW_YORK)
    table = labelled(prices, 3)
    assert rows_of(data, table, splits)[:2] == rows_of(data, in_zone(table), splits)[:2]


@pytest.mark.parametrize("written", ["naive", "object", "text", "index"])
def test_no_label_of_a_train_part_reaches_its_test_part(written):
    prices = bars(HOURS)
    data = MarketData.from_tables(prices, timezone=NEW_YORK)
    plain = labelled(prices, 3)
    table, splits = plain, SPLITS[0]
    if written == "object":
        table = plain.astype({"date": object, "end": object})
    elif written == "text":
        table = plain.assign(date=plain["date"].astype(str), end=plain["end"].astype(str))
    elif written == "index":
        table = plain.set_index("date")
        table.index.name, splits = None, WalkForward(10, 5, label_ends="end")
        table = table.assign(row=range(len(table)))
    trained, tested = [], []

    def fit(train):
        trained.append(plain.iloc[_places(train.rows)])
        return {"strategy": Idle(), "signals": signals}

    def signals(test):
        tested.append(plain.iloc[_places(test.rows)])

    def _places(rows):
        return rows.get("row", rows.index)

    parts = walk_forward(fit, data, splits, table=table).parts
    for train, test, part in zip(trained, tested[1::2], parts.itertuples(), strict=True):
        # The parts are written on the clock that the table has, too.
        begin, end = part.test_start, part.test_end
        inside = plain["date"].between(part.train_start, part.train_end)
        assert train.index.tolist() == plain.index[inside & (plain["end"] < begin)].tolist()
        assert test.index.tolist() == plain.index[plain["date"].between(begin, end)].tolist()


DAYS = pd.bdate_range("2024-01-02", periods=60)


@pytest.mark.parametrize("splits", SPLITS, ids=repr)
@pytest.mark.parametrize("bar_time", [f"16:00 {NEW_YORK}", "24:00 UTC", "09:30 Asia/Tokyo"])
def test_a_date_belongs_to_the_session_of_the_bars_of_that_date(bar_time, splits):
    prices = bars(DAYS)
    table = labelled(prices, 5)
    said = rows_of(MarketData.from_tables(prices, bar_time=bar_time), table, splits)
    # Without a time of day the bars of a date, and its rows, are at its midnight.
    assert said[:2] == rows_of(MarketData.from_tables(prices), table, splits)[:2]
    if isinstance(splits, WalkForward):
        parts = said[2].itertuples()
        for train, test, part in zip(said[0], said[1][1::2], parts, strict=True):
            last = DAYS[DAYS.get_loc(part.test_start) - 1 - splits.embargo]
            assert table["end"].iloc[train].max() == last
            inside = table["date"].between(part.test_start, part.test_end)
            assert test == table.index[inside].tolist()


def test_dates_beside_bars_of_times_of_day_are_complete_at_the_bar_time():
    hours = pd.DatetimeIndex([day + pd.Timedelta(hours=h) for day in DAYS for h in range(10, 17)])
    data = MarketData.from_tables(
        bars(hours.tz_localize(NEW_YORK)),
        signals=bars(DAYS).rename(columns={"close": "up"}),
        bar_time=f"16:00 {NEW_YORK}",
    )
    table = labelled(bars(DAYS), 5)
    times = {name: table[name] + pd.Timedelta("16h") for name in ("date", "end")}
    exact = in_zone(table.assign(**times))
    for splits in SPLITS:
        assert rows_of(data, table, splits)[:2] == rows_of(data, exact, splits)[:2]


def test_dates_are_complete_at_the_time_of_each_asset():
    prices = bars(DAYS)
    times = {"A": f"16:00 {NEW_YORK}", "B": "09:00 UTC"}
    data = MarketData.from_tables(prices, bar_time=times)
    table = labelled(prices, 5)
    clocks = table["symbol"].map({"A": ("16h", NEW_YORK), "B": ("9h", "UTC")})

    def placed(name):
        return pd.Series(
            [
                (day + pd.Timedelta(time)).tz_localize(zone).tz_convert("UTC")
                for day, (time, zone) in zip(table[name], clocks, strict=True)
            ]
        )

    exact = table.assign(date=placed("date"), end=placed("end"))
    in_order = exact.sort_values("date", kind="stable")  # those of a date are not in order of time
    for splits in SPLITS:
        own, those = rows_of(data, table, splits), rows_of(data, in_order, splits)
        for one, other in zip(own[:2], those[:2], strict=True):
            assert [sorted(rows) for rows in one] == [sorted(rows) for rows in other]
    without = exact.drop(columns="symbol").sort_values("date", ignore_index=True)
    assert rows_of(data, without, SPLITS[0])[0]  # times of day are nobody's
    with pytest.raises(WalkForwardError, match="goes by asset, and table has no column of assets"):
        rows_of(data, table.drop(columns="symbol"), SPLITS[0])


@pytest.mark.parametrize("zone", [None, NEW_YORK])
def test_dates_of_bars_that_are_stamped_with_their_beginning_end_as_these_do(zone):
    days = pd.date_range("2024-01-02", periods=60)
    prices = bars(days)
    data = MarketData.from_tables(prices, stamps="start", bar_length="1d", timezone=zone)
    plain = MarketData.from_tables(prices)
    table = labelled(prices, 5)
    for splits in SPLITS:
        assert rows_of(data, table, splits)[:2] == rows_of(plain, table, splits)[:2]


AWARE = MarketData.from_tables(bars(HOURS.tz_localize(NEW_YORK)))
NAIVE = MarketData.from_tables(bars(HOURS))
DATED = MarketData.from_tables(bars(DAYS))


@pytest.mark.parametrize(
    ("data", "times", "said"),
    [
        (AWARE, HOURS, "times of table, label_ends of table have times without a zone, the data has times with one: .*"
         "timezone='America/New_York', say; say it where the data are read"),
        (NAIVE, HOURS.tz_localize("UTC"), "the data has times without a zone, times of table, label_ends of table have"),
        (NAIVE, DAYS, "times of table, label_ends of table have only dates, the data has times of day: .*bar_time="),
        (DATED, HOURS, "the data has only dates, times of table"),
    ],
)  # fmt: skip
def test_times_that_nobody_said_how_to_read_are_refused(data, times, said):
    with pytest.raises(WalkForwardError, match=said):
        rows_of(data, labelled(bars(times), 3), SPLITS[0])


def test_a_label_before_its_row_and_rows_out_of_order_are_refused():
    table = labelled(bars(DAYS), 3)
    with pytest.raises(WalkForwardError, match="labels end before their own row"):
        rows_of(DATED, table.assign(end=table["date"] - pd.Timedelta("1D")), SPLITS[0])
    with pytest.raises(WalkForwardError, match="times must not go back"):
        rows_of(DATED, table[::-1], SPLITS[0])
