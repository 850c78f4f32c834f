"""What a check asks of a run, how it disturbs, and what it reports."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from unit.lookahead.worlds import Follow, Peek, market, prices, values

from ml4t.backtest import (
    BacktestConfig,
    DataError,
    LookaheadReport,
    Strategy,
    check_lookahead,
    run_backtest,
)
from ml4t.backtest.data import Table
from ml4t.backtest.data.tables.clock import make_clock
from ml4t.backtest.lookahead.disturb import disturb
from ml4t.backtest.lookahead.numeric_tables import read_input
from ml4t.backtest.risk import (
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    TimeBasedExit,
    TrailingStop,
)


def peeking(**options):
    return check_lookahead(lambda: Peek(lambda data: data.close), prices=prices(), **options)


# --- honest runs -----------------------------------------------------------------------------


@pytest.mark.parametrize("shard", range(4))
def test_an_honest_strategy_is_never_accused(shard):
    rules = [
        PriceBasedStopLoss(pct=0.03),
        PriceBasedTakeProfit(pct=0.05),
        TimeBasedExit(7),
        TrailingStop(0.04),
    ]
    for seed in range(50 * shard, 50 * shard + 50):
        random = np.random.default_rng(seed)
        kept = [rule for rule in rules if random.random() < 0.5]
        report = check_lookahead(
            Follow,
            prices=prices(seed, 25).sample(frac=0.9, random_state=seed).sort_index(),
            signals=values(seed + 1, n_days=25),
            context=market(seed + 2, 25),
            rules=kept,
            config=BacktestConfig(commission=0.001, slippage=0.001),
            probes=2,
            seed=seed,
        )
        assert report.ok, (seed, str(report))


# --- what a run must be ----------------------------------------------------------------------


def test_runs_that_differ_are_refused():
    random = np.random.default_rng(0)

    class Dice(Strategy):
        def on_market_data(self, event):
            if random.random() < 0.3:
                self.buy(event.asset, 1.0)

    with pytest.raises(ValueError, match="two runs on equal tables differ"):
        check_lookahead(Dice, prices=prices())


def test_a_run_that_ignores_its_tables_is_refused():
    original = prices()
    with pytest.raises(ValueError, match="nothing that run returned depends on the tables"):
        check_lookahead(lambda prices: run_backtest(original, Follow("close")), prices=original)


def test_a_strategy_that_is_made_already_is_refused():
    with pytest.raises(TypeError, match="give the class"):
        check_lookahead(Follow(), prices=prices())
    with pytest.raises(TypeError, match="must be a function"):
        check_lookahead(3, prices=prices())


def test_bad_tables_are_refused():
    with pytest.raises(DataError, match="must be a pandas"):
        check_lookahead(Follow, prices=prices(), signals=3)
    with pytest.raises(DataError, match="not the path of its file"):
        check_lookahead(Follow, prices=prices(), signals=Path("x.parquet"))
    with pytest.raises(ValueError, match="nothing to disturb"):
        check_lookahead(Follow)
    with pytest.raises(ValueError, match="probes must be at least 1"):
        peeking(probes=0)


def test_times_of_day_beside_dates_need_a_bar_time():
    signals = values()
    signals["date"] += pd.Timedelta("20h")
    with pytest.raises(DataError, match="bar_time"):
        check_lookahead(Follow, prices=prices(), signals=signals)
    assert check_lookahead(Follow, prices=prices(), signals=signals, bar_time="21:00").ok


def test_a_run_that_fails_after_the_moment_is_compared_up_to_it():
    class Brittle(Peek):
        def on_market_data(self, event):
            if event.close > 1e3:
                raise ValueError("too high")
            super().on_market_data(event)

    table = prices()
    cheap = table.assign(**{name: table[name] * 7 for name in ("open", "high", "low", "close")})
    assert cheap["close"].max() < 1e3
    assert not check_lookahead(lambda: Brittle(lambda data: data.close), prices=cheap).ok


def test_a_run_that_fails_at_once_says_why():
    limit = prices()["close"].max() * 1.0001

    def run(prices):
        if prices["close"].max() > limit:
            raise KeyError("no such price")
        return run_backtest(prices, Follow("close"))

    with pytest.raises(RuntimeError, match=r"run failed on values disturbed after .*no such price"):
        check_lookahead(run, prices=prices())


def test_tables_of_the_user_are_not_touched():
    table, before = prices(), prices()

    def run(prices):
        prices["close"] *= 1.0
        prices["score"] = prices.groupby("asset")["close"].shift(-1)
        return run_backtest(prices.fillna(0.0), Follow())

    check_lookahead(run, prices=table)
    pd.testing.assert_frame_equal(table, before)


# --- the report ------------------------------------------------------------------------------


def test_a_report_says_what_moved():
    report = peeking()
    (leak,) = report.leaks
    assert leak.timestamp <= leak.disturbed_after
    assert 0 < leak.n_moved <= leak.n_probes
    assert 0 < report.n_moved <= report.n_probes == 20
    row = report.frame.iloc[0]
    assert (row["table"], row["column"]) == ("prices", "close")
    assert row["timestamp"] == pd.Timestamp(leak.timestamp, tz="UTC")
    assert row["asset"] in ("AAA", "BBB")
    text = str(report)
    assert text.startswith(f"LOOK-AHEAD: {report.n_moved} of 20 probes")
    assert "prices.close" in text
    assert str(row["timestamp"].date()) in text
    assert not report.ok


def test_a_report_without_a_leak():
    report = check_lookahead(Follow, prices=prices(), signals=values(), probes=4)
    assert isinstance(report, LookaheadReport)
    assert report.ok
    assert len(report.frame) == 0
    assert str(report) == "no look-ahead found: 4 probes, no earlier decision moved"


def test_the_same_seed_gives_the_same_report():
    def tomorrow(prices):
        return prices[["date", "asset"]].assign(score=prices.groupby("asset")["close"].shift(-1))

    one, again, other = (
        check_lookahead(tomorrow, prices=prices(n_days=20), seed=seed) for seed in (3, 3, 4)
    )
    assert one == again != other


def test_columns_that_leak_only_together_are_named_together():
    # Both are -1 throughout: one that changes alone changes nothing.
    table = values(1, "one").assign(one=-1.0, two=-1.0)

    def run(prices, scores):
        later = scores.groupby("asset")[["one", "two"]].shift(-1)
        both = ((later["one"] > 0.0) & (later["two"] > 0.0)).astype(float)
        signals = scores[["date", "asset"]].assign(score=both)
        return run_backtest(prices, Follow(), signals=signals)

    (leak,) = check_lookahead(run, prices=prices(), scores=table, probes=40).leaks
    assert (leak.table, leak.column) == ("scores", "one, two")


def test_closes_of_flat_bars_are_found_by_themselves():
    table = prices()
    for name in ("open", "high", "low"):
        table[name] = table["close"]
    report = check_lookahead(lambda: Peek(lambda data: data.close), prices=table)
    assert [(leak.table, leak.column) for leak in report.leaks] == [("prices", "close")]


# --- disturbing ------------------------------------------------------------------------------

BAR = ("open", "high", "low", "close", "bid", "ask")


@pytest.mark.parametrize("widen", [False, True])
@pytest.mark.parametrize(
    "chosen", [c for n in range(1, 7) for c in itertools.combinations(BAR, n)], ids=",".join
)
def test_bars_stay_valid_whatever_is_disturbed(chosen, widen):
    table = prices(4)
    table["bid"], table["ask"] = table["close"] * 0.999, table["close"] * 1.001
    (numeric,) = read_input(table, "prices", make_clock()).tables
    rows = np.arange(len(table)) >= 40
    new = disturb(numeric, rows, chosen, np.random.default_rng(1), widen)
    assert set(new) == set(chosen) | ({"low", "high"} if widen else set())
    bar = {name: new.get(name, numeric.columns[name]) for name in BAR}
    assert (bar["low"] <= np.minimum(bar["open"], bar["close"])).all()
    assert (bar["high"] >= np.maximum(bar["open"], bar["close"])).all()
    assert (bar["low"] > 0.0).all()
    assert (bar["bid"] <= bar["ask"]).all()
    for name in chosen:
        assert (bar[name][:40] == numeric.columns[name][:40]).all()
        assert (bar[name][40:] != numeric.columns[name][40:]).mean() > 0.9


def test_a_column_stays_of_its_kind():
    n_rows = 200
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "date": pd.date_range("2024-01-01", periods=n_rows),
            "mark": random.random(n_rows) < 0.5,
            "side": random.choice([-1.0, 0.0, 1.0], n_rows),
            "count": random.integers(0, 9, n_rows),
            "share": random.uniform(0.2, 0.7, n_rows),
            "amount": random.lognormal(size=n_rows),
            "score": random.normal(size=n_rows),
            "constant": 3.5,
            "gaps": np.where(random.random(n_rows) < 0.3, np.nan, 0.5),
        }
    )
    (numeric,) = read_input(table, "signals", make_clock()).tables
    new = disturb(numeric, np.ones(n_rows, bool), list(table)[1:], random)
    assert new["mark"].dtype == bool
    assert set(new["side"]) == {-1.0, 0.0, 1.0}
    assert new["count"].dtype.kind == "i"
    assert (new["count"] >= 0).all()
    assert ((new["share"] >= 0.0) & (new["share"] <= 1.0)).all()
    assert (new["amount"] > 0.0).all()
    assert (new["constant"] != 3.5).mean() > 0.9
    assert (np.isnan(new["gaps"]) == table["gaps"].isna()).all()
    assert not np.array_equal(new["gaps"], table["gaps"], equal_nan=True)
    assert not np.array_equal(new["score"], table["score"])


# --- when rows are known ----------------------------------------------------------------------


def known(options, clock):
    days = pd.DataFrame({"date": pd.to_datetime(["2024-01-04", "2024-01-05"]), "x": [1.0, 2.0]})
    (table,) = read_input(Table(days, **options), "signals", clock).tables
    return [str(pd.Timestamp(time)) for time in table.known]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["2024-01-04 21:00:00", "2024-01-05 21:00:00"]),
        ({"bar_time": "16:15 America/New_York"}, ["2024-01-04 21:15:00", "2024-01-05 21:15:00"]),
        # A day that begins at its stamp ends at the next midnight of New York.
        ({"stamps": "start"}, ["2024-01-05 05:00:00", "2024-01-06 05:00:00"]),
        ({"stamps": "start", "bar_length": "7d"}, ["2024-01-11 05:00:00", "2024-01-12 05:00:00"]),
    ],
)
def test_a_row_is_known_when_its_table_says(options, expected):
    assert known(options, make_clock("16:00 America/New_York")) == expected


def test_a_row_of_all_assets_is_known_with_the_first_of_them():
    wide = pd.DataFrame({"date": pd.to_datetime(["2024-01-05"]), "US": [1.0], "JP": [2.0]})
    clock = make_clock({"US": "16:00 America/New_York", "JP": "15:00 Asia/Tokyo"})
    (table,) = read_input(wide, "prices", clock).tables
    assert str(pd.Timestamp(table.known[0])) == "2024-01-05 06:00:00"
    long = pd.DataFrame({"date": wide["date"][[0, 0]], "asset": ["US", "JP"], "close": [1.0, 2.0]})
    (table,) = read_input(long, "prices", clock).tables
    assert [str(pd.Timestamp(t)) for t in table.known] == [
        "2024-01-05 21:00:00",
        "2024-01-05 06:00:00",
    ]
