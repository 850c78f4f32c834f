"""Splits and dividends: read, placed before the open of their date, ordered."""

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest.data import DataError, market_data


def actions(*rows, time="date"):
    frame = pd.DataFrame(rows, columns=[time, "symbol", "kind", "value"])
    return frame.assign(**{time: pd.to_datetime(frame[time])})


def utc(text):
    return pd.Timestamp(text, tz="UTC").value


def test_actions_stand_by_time_kind_and_asset(bars):
    table = actions(
        ("2024-01-04", "AAA", "dividend", 0.5), ("2024-01-03", "BBB", "Dividend", 0.25),
        ("2024-01-03", "AAA", "dividend", 0.1), ("2024-01-03", "BBB", "split", 2),
    )  # fmt: skip
    data = market_data(bars, actions=table)
    assert data.n_actions == 4
    assert [tuple(row) for row in data.actions.tolist()] == [
        (utc("2024-01-03"), 1, 0, 2.0), (utc("2024-01-03"), 0, 1, 0.1), (utc("2024-01-03"), 1, 1, 0.25),
        (utc("2024-01-04"), 0, 1, 0.5),
    ]  # fmt: skip


def test_a_date_begins_in_the_zone_of_bar_time(bars):
    table = actions(("2024-01-03", "AAA", "split", 2))
    for options in ({"bar_time": "16:00 America/New_York"}, {"timezone": "America/New_York"}):
        assert market_data(bars, actions=table, **options).actions["time"][0] == utc(
            "2024-01-03 05:00"
        )
    daily = bars.assign(timestamp=bars["timestamp"].dt.normalize().dt.tz_localize(None))
    data = market_data(daily, actions=table)
    # Dates beside dates: effective with the bar of the date, so before its open.
    assert data.actions["time"][0] == data.timestamps[1]


def test_an_effective_time_is_taken_as_it_is(bars):
    table = actions(("2024-01-03 14:30+00:00", "AAA", "split", 2), time="effective")
    assert market_data(bars, actions=table).actions["time"][0] == utc("2024-01-03 14:30")


def test_one_asset_needs_no_column(bars):
    prices = bars[bars["asset"] == "AAA"].drop(columns="asset")
    data = market_data(
        prices, actions=actions(("2024-01-03", "AAA", "split", 2)).drop(columns="symbol")
    )
    assert data.actions["asset"][0] == 0


def test_two_dividends_on_one_day_are_two(bars):
    table = actions(("2024-01-03", "AAA", "dividend", 0.5), ("2024-01-03", "AAA", "dividend", 1.0))
    assert market_data(bars, actions=table).n_actions == 2


def test_an_empty_table_is_no_action(bars):
    assert market_data(bars, actions=actions()).n_actions == 0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [("2024-01-03", "ZZZ", "split", 2)],
            r"1 row with an asset that the prices do not have: \(2024-01-03, ZZZ, 2\)",
        ),
        ([("2024-01-03", "AAA", "spinoff", 2)], "must say split or dividend, has 'spinoff'"),
        (
            [("2024-01-03", "AAA", "Delisting", 0.0), ("2024-01-03", "BBB", "delisted", 1.0)],
            "2 rows of column 'kind' with a delisting, and delisting comes with version 0.2: .*; take them out and",
        ),
        ([("2024-01-03", "AAA", "split", 0)], "not a positive number"),
        ([("2024-01-03", "AAA", "dividend", np.nan)], "not a positive number"),
        ([("2024-01-03", "AAA", "dividend", -0.1)], "not a positive number"),
        (
            [("2024-01-03", "AAA", "split", 2)] * 2,
            r"a split that is given twice: \(2024-01-03, AAA, 2\)",
        ),
        (
            [("2024-01-03", "AAA", "dividend", value) for value in (1.0, 0.5, 1.0)],
            r"a dividend that is given twice: \(2024-01-03, AAA, 1\); drop one, or give their sum",
        ),
    ],
)
def test_actions_that_cannot_be(bars, rows, message):
    with pytest.raises(DataError, match=message):
        market_data(bars, actions=actions(*rows))


@pytest.mark.parametrize("column", ["date", "symbol", "kind", "value"])
def test_a_missing_column(bars, column):
    with pytest.raises(DataError, match="actions: has no column of"):
        market_data(bars, actions=actions(("2024-01-03", "AAA", "split", 2)).drop(columns=column))


def test_naive_action_times_beside_aware_bars(bars):
    with pytest.raises(DataError, match="actions has times without a zone"):
        market_data(bars, actions=actions(("2024-01-03 09:30", "AAA", "split", 2)))


@pytest.mark.parametrize(
    ("kind", "value", "match"),
    [
        ("split", 5e-324, r"a split that is not in \[1e-06, 1e\+06\]"),
        ("split", 9e-7, "a split that is not in"),
        ("split", 1.1e6, "a split that is not in"),
        ("dividend", 1.1e15, "a dividend above 1e\\+15"),
    ],
)
def test_an_action_out_of_its_range_is_refused(bars, kind, value, match):
    table = actions(("2024-01-03", "AAA", kind, value))
    with pytest.raises(DataError, match=match):
        market_data(bars, actions=table)


def test_splits_that_multiply_beyond_their_range_are_refused(bars):
    # 1e6 · 1e6 = 1e12 lies in 1e-15..1e15, 1e6 · 1e6 · 1e6 does not. Another asset's do not count.
    days = [f"2024-01-0{day}" for day in (2, 3, 4)]
    table = actions(*((day, "AAA", "split", 1e6) for day in days))
    with pytest.raises(DataError, match=r"1 row with splits that multiply beyond.*2024-01-04"):
        market_data(bars, actions=table)
    table.loc[2, "symbol"] = "BBB"
    assert market_data(bars, actions=table).n_actions == 3
