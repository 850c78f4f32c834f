"""Results, their files, descriptions and checks take time in proportion to what they hold.

A door is timed at n and at 2n. Linear work doubles, quadratic work takes four times as long; whatever else the
machine does only adds, so the best of a few attempts decides. Where a frame is made of n rows, the Python calls
are counted as well: there are as many for 2n rows, for no line of Python is run for each.
"""

import gc
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from growth.harness import HOPELESS
from unit.made_up import DAY, START, busy_run, market, rows, run_records

from ml4t.backtest import (
    BacktestConfig,
    BacktestEngine,
    BacktestResult,
    MarketData,
    SignalStrategy,
    Strategy,
    suggest_levels,
)
from ml4t.backtest.analytics.benchmark_returns import beside
from ml4t.backtest.analytics.differing_trades import differing_trades
from ml4t.backtest.analytics.period_tables import monthly_table, yearly_table
from ml4t.backtest.analytics.rolling_measures import rolling_measures
from ml4t.backtest.core import records as codes
from ml4t.backtest.data import Table
from ml4t.backtest.data.tables.clock import make_clock
from ml4t.backtest.lookahead.check import Probe, RepeatableRun
from ml4t.backtest.lookahead.numeric_tables import read_input
from ml4t.backtest.market.market_data import ACTION
from ml4t.backtest.provenance.run_description import describe_run, describe_strategy
from ml4t.backtest.records.frames import TABLES, RecordFrames
from ml4t.backtest.records.growing_array import GrowingArray
from ml4t.backtest.report.page import run_page
from ml4t.backtest.risk import AnyOf, TimeBasedExit
from ml4t.backtest.runfile import RunFile
from ml4t.backtest.runfile.run_file import _tables

LIMIT = 2.2
ATTEMPTS = 12

Work = Callable[[], object]


def seconds(work: Work) -> float:
    """Processor time of the quickest of three, garbage collection aside: it looks at all of a process."""
    taken = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            began = time.process_time()
            work()
            taken.append(time.process_time() - began)
    finally:
        gc.enable()
    return min(taken)


def ratio(prepare: Callable[[int], Work], n: int) -> float:
    """How many times as long 2n take as n; where that is a little too much, 4n as 2n.

    A cache that 2n are the first to leave enlarges one step, a quadratic term each, and the later the more.
    """
    first = _step(prepare, n)
    return _step(prepare, 2 * n) if LIMIT < first <= HOPELESS else first


def _step(prepare: Callable[[int], Work], n: int) -> float:
    """The least of some attempts, the first that is within bounds."""
    once, twice = prepare(n), prepare(2 * n)
    best = np.inf
    for _ in range(ATTEMPTS):
        best = min(best, seconds(twice) / seconds(once))
        if best <= LIMIT:
            break
    return best


def calls(work: Work) -> int:
    """Functions that are called, in Python and in C."""
    n_calls = 0

    def count(frame, event, argument):
        nonlocal n_calls
        n_calls += event in ("call", "c_call")

    work()  # what is imported and cached at the first time
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return n_calls


# --- what is timed -------------------------------------------------------------------------------


def frames_of_rows(n):
    data, records = busy_run(10 * n, n)
    records["events"] = rows(codes.EVENT, n, rule=-1, asset=0, order_id=np.arange(n))
    records["ledger"] = rows(codes.LEDGER, n, rule=-1, asset=0, place=np.arange(n), trade_id=1)
    return lambda: [RecordFrames(records, data, BacktestConfig()).frame(name) for name in TABLES]


def columns_of_trades(n):
    """Trades that carry n columns."""
    n_times = 50
    features = {f"f{number}": np.arange(float(n_times)) for number in range(n)}
    data = market(np.full(n_times, 100.0), features=features)
    trades = rows(
        codes.TRADE, 10, entry_decision_row=np.arange(10), exit_decision_row=20, side=1, rule=-1
    )
    records = run_records(n_times, np.full(n_times, 100.0), trades=trades)
    names = tuple(reversed(features))
    config = BacktestConfig(record_columns=names)
    return lambda: BacktestResult.from_run(records, data, config).trades


def names_of_rules(n):
    """Metrics and summary where each of n trades was closed by a rule of its own, or for a reason of its own."""
    rule = np.where(np.arange(n) % 2 == 0, np.arange(n), -1)
    trades = rows(codes.TRADE, n, net_pnl=1.0, rule=rule, reason=np.arange(n), side=1)
    names = tuple(f"rule {number}" for number in range(n))
    reasons = tuple(f"reason {number}" for number in range(n))
    data = market(np.full(5, 100.0))
    records = run_records(5, [1e5] * 5, trades=trades, rule_names=names, reasons=reasons)
    return lambda: BacktestResult.from_run(records, data, BacktestConfig()).summary()


def notes_of_rows(n):
    """Notes of n events of every kind and reason, and of n orders that wait."""
    number = np.arange(n)
    records = run_records(
        5,
        [1e5] * 5,
        orders=rows(codes.ORDER, n, rule=-1, timestamp=START),
        events=rows(
            codes.EVENT, n, rule=number % 2, timestamp=START, kind=number % len(codes.EVENT_KINDS),
            reason=number % len(codes.FIXED_REASONS), asked=2.0, given=1.0,
        ),
        rule_names=("one", "other"),
    )  # fmt: skip
    data = market(np.full(5, 100.0))
    return lambda: BacktestResult.from_run(records, data, BacktestConfig()).notes


def notes_of_columns(n):
    """Notes of n columns, half of them NaN at every one of many bars."""
    features = {f"f{number}": np.full(2_000, (1.0, np.nan)[number % 2]) for number in range(n)}
    data = market(np.full(2_000, 100.0), features=features)
    records = run_records(2_000, np.full(2_000, 1e5))
    return lambda: BacktestResult.from_run(records, data, BacktestConfig()).notes


def metrics_of_minutes(n):
    data, records = busy_run(n, n // 20)
    return lambda: BacktestResult.from_run(records, data, BacktestConfig()).metrics


def attribution_of_trades(n):
    """n trades in every frame of an attribution, and by several keys at once."""
    data, records = busy_run(5 * n, n)

    def work():
        found = BacktestResult.from_run(records, data, BacktestConfig()).attribution()
        return (
            found.frames(),
            found.by(["rule", "side", "exit_hour"]),
            found.by_regime("entry", [0]),
        )

    return work


def levels_of_trades(n):
    data, records = busy_run(5 * n, n)
    result = BacktestResult.from_run(records, data, BacktestConfig())
    return lambda: suggest_levels(result)


def trades_of_a_page(n):
    """n trades of a page: their rows, bars and stories, and an input that a rule lacked at each entry."""
    data, records = busy_run(5 * n, n)
    records["events"] = rows(
        codes.EVENT, n, kind=codes.EVENT_KINDS.index("nan_input"), timestamp=records["trades"]["entry_time"],
        rule=0, reason=1, n_fills_before=2 * np.arange(n) + 1,
    )  # fmt: skip
    result = BacktestResult.from_run(records, data, BacktestConfig())
    return lambda: run_page(result, data)


def assets_of_a_page(n):
    """A trade in each of n assets, whose bars are looked for among those of all."""
    closes = np.full((30, n), 100.0)
    names = [f"A{number}" for number in range(n)]
    data = market(closes, assets=names, features={"buy": np.ones(30 * n)})
    result = BacktestEngine(data, SignalStrategy(entry="buy", quantity=1)).run()
    return lambda: run_page(result, data)


def trades_that_differ(n):
    """The round trips of two runs of n trades each, of which few are shared."""
    runs = [busy_run(5 * n, n, seed) for seed in (0, 1)]
    trips = [
        BacktestResult.from_run(records, data, BacktestConfig()).attribution().round_trips
        for data, records in runs
    ]
    return lambda: differing_trades(*trips)


def handed_on(n):
    """n fills as transactions, and what was held at the end of each session."""
    data, records = busy_run(20 * n, n)

    def work():
        result = BacktestResult.from_run(records, data, BacktestConfig())
        return result.positions_frame, result.transactions

    return work


def analyses_of_sessions(n):
    """Tables by month and year, and rolling measures, of n sessions of an hour each."""
    dates = pd.date_range("1900-01-01", periods=n, freq="h")
    returns = pd.Series(np.random.default_rng(0).normal(0.0, 0.01, n), dates)
    other = returns * 0.5
    days = pd.date_range("1700-01-01", periods=n, freq="D", unit="s")
    held = pd.Series(0.001, days)

    def work():
        tables = monthly_table(returns), yearly_table(returns, 252.0, other)
        return tables, rolling_measures(returns, 63, 252.0, other), beside(held, held)

    return work


def positions_over_splits(n):
    """n assets held over n timestamps without a bar, each split in between."""
    n_times = 200
    n_rows = n + n_times - 1
    # All assets have a bar at the first timestamp, the first one alone has bars at all the others.
    close = np.full(n_rows, 100.0)
    splits = np.zeros(n, ACTION)
    splits["time"] = START + DAY * (1 + np.arange(n) % (n_times - 1))
    splits["asset"], splits["value"] = np.arange(n), 2.0
    splits = splits[np.argsort(splits["time"], kind="stable")]
    data = MarketData.from_arrays(
        tuple(f"A{number}" for number in range(n)),
        START + DAY * np.arange(n_times),
        np.append(0, n + np.arange(n_times)),
        np.append(np.arange(n), np.zeros(n_times - 1, int)).astype(np.int32),
        close, close, close, close, actions=splits,
    )  # fmt: skip
    holdings = rows(codes.HOLDING, n, time_index=0, asset=np.arange(n), quantity=1.0, entry_price=1)
    records = run_records(n_times, np.full(n_times, 1e5), holdings=holdings)
    return lambda: RecordFrames(records, data, BacktestConfig()).frame("positions")


def files_of_rows(folder):
    def prepare(n):
        data, records = busy_run(5 * n, n)

        def work():
            result = BacktestResult.from_run(records, data, BacktestConfig(), fingerprint="none")
            return BacktestResult.load(result.to_parquet(folder)).metrics

        return work

    return prepare


def files_of_columns(folder):
    def prepare(n):
        make = columns_of_trades(n)

        def work():
            trades = make()
            records = run_records(0, [])
            result = BacktestResult.from_run(
                records, market([1.0]), BacktestConfig(), fingerprint="none"
            )
            result._tables["trades"] = trades
            return BacktestResult.load(result.to_parquet(folder)).trades

        return work

    return prepare


def chunk(number, n_times, n_features, n_assets=1):
    """The number-th chunk of a run, each of n_times timestamps, with its carry-over rows."""
    carried = min(number, 1)
    n_all = n_times + carried
    close = np.full(n_all * n_assets, 100.0)
    timestamps = START + DAY * (number * n_times - carried + np.arange(n_all))
    return MarketData.from_arrays(
        tuple(f"A{asset}" for asset in range(n_assets)),
        timestamps,
        np.arange(n_all + 1) * n_assets,
        np.tile(np.arange(n_assets, dtype=np.int32), n_all),
        close, close, close, close,
        features={f"f{feature}": close for feature in range(n_features)},
        carried_times=np.full(n_assets, timestamps[0]) if carried else None,
    )  # fmt: skip


class Holds(Strategy):
    """Buys at the first bar of each asset; with `always`, buys at every bar."""

    def __init__(self, always=False):
        self.always = always

    def on_market_data(self, event):
        if self.always or not self.position(event.asset):
            self.buy(event.asset, 1e-3)


def run_and_tables(chunks, strategy, **settings):
    result = BacktestEngine(chunks, strategy, config=BacktestConfig(**settings)).run()
    return [getattr(result, name) for name in TABLES]


def chunks_of_a_run(n):
    """n chunks of 20 bars, all of them held, a trade left open, orders in each."""
    chunks = [chunk(number, 20, 2) for number in range(n)]
    return lambda: run_and_tables(chunks, Holds(always=True))


def columns_of_chunks(n):
    """Chunks of n columns, all of which trades carry."""
    chunks = [chunk(number, 20, n) for number in range(5)]
    return lambda: run_and_tables(chunks, Holds())


def chosen_columns_of_chunks(n):
    """Chunks of n columns, half of which trades carry, named from the last to the first."""
    chunks = [chunk(number, 20, n) for number in range(5)]
    names = tuple(f"f{number}" for number in reversed(range(0, n, 2)))
    return lambda: run_and_tables(chunks, Holds(), record_columns=names)


def rows_of_chunks(n):
    chunks = [chunk(number, n, 2) for number in range(3)]
    return lambda: run_and_tables(chunks, SignalStrategy("f0", quantity=1e-3))


def assets_of_chunks(n):
    """Chunks of n assets, all of which are held."""
    chunks = [chunk(number, 2, 1, n_assets=n) for number in range(4)]
    return lambda: run_and_tables(chunks, Holds())


def appended_values(n):
    value = np.zeros(1)

    def work():
        grows = GrowingArray(np.float64)
        for _ in range(n):
            grows.extend(value)

    return work


def tables_of_a_run_file(n):
    """A run file of n tables that have no name of their own, and n rules."""
    content = {
        "data": {"prices": "prices.csv"},
        "features": {"signals": [f"signal_{number}.parquet" for number in range(n)]},
        "strategy": "mine.py:Mine",
        "risk": {"rules": [{"rule": "TimeBasedExit", "max_bars": 1 + i} for i in range(n)]},
    }

    def work():
        run = RunFile.from_mapping(content)
        run.make_risk_manager()
        return run.description(), _tables(run.features.signals, "signal")

    return work


def described_rules(n):
    """A run of n rules, half of them members of one, described for its run file."""
    alone = [TimeBasedExit(max_bars=1 + number) for number in range(n // 2)]
    arguments = {"rules": [AnyOf(alone), *alone]}
    strategy = describe_strategy(SignalStrategy("entry"))
    return lambda: describe_run("prices.csv", strategy, arguments)


def wide(n):
    times = pd.DatetimeIndex(START + DAY * np.arange(12), tz="UTC")
    columns = {f"c{number}": np.arange(12.0) for number in range(n)}
    return pd.DataFrame({"timestamp": times, **columns})


def disturbed(tables):
    """Disturb all columns of 12 rows after the sixth, and read off what became of them."""
    run = RepeatableRun(lambda **given: next(iter(given.values())), tables, make_clock(), None)
    probe = Probe(START + 5 * DAY, False, (1,))
    return lambda: run.disturbed(probe, run.targets)


def disturbed_pandas(n):
    return disturbed({"signals": wide(n)})


def rebuilt_arrow(n):
    """An Arrow table with all its columns replaced."""
    given = read_input(pa.Table.from_pandas(wide(n)), "signals", make_clock())
    return lambda: given.rebuild([table.columns for table in given.tables])


def disturbed_market_data(n):
    features = {f"f{number}": np.arange(12.0) for number in range(n)}
    return disturbed({"prices": market(np.full(12, 100.0), features=features)})


def disturbed_tables(n):
    """n tables of two columns each."""
    return disturbed({"signals": [Table(wide(2)) for _ in range(n)]})


PREPARED = {
    "frames, by rows": (frames_of_rows, 10_000),
    "frames, by columns that trades carry": (columns_of_trades, 1_000),
    "summary, by rules and reasons": (names_of_rules, 5_000),
    "notes, by events and orders": (notes_of_rows, 50_000),
    "notes, by columns": (notes_of_columns, 500),
    "metrics, by timestamps": (metrics_of_minutes, 400_000),
    "page, by trades": (trades_of_a_page, 1_500),
    "page, by assets": (assets_of_a_page, 400),
    "attribution, by trades": (attribution_of_trades, 20_000),
    "suggested levels, by trades": (levels_of_trades, 20_000),
    "trades that differ, by trades": (trades_that_differ, 20_000),
    "handed on, by fills and sessions": (handed_on, 20_000),
    "tables and rolling measures, by sessions": (analyses_of_sessions, 50_000),
    "positions, by assets split while they have no bar": (positions_over_splits, 300),
    "run in chunks, by chunks": (chunks_of_a_run, 100),
    "run in chunks, by columns": (columns_of_chunks, 400),
    "run in chunks, by columns chosen": (chosen_columns_of_chunks, 800),
    "run in chunks, by rows": (rows_of_chunks, 10_000),
    "run in chunks, by assets": (assets_of_chunks, 2_000),
    "growing array, by values": (appended_values, 50_000),
    "run file, by tables and rules": (tables_of_a_run_file, 300),
    "description of a run, by rules": (described_rules, 1_000),
    "look-ahead, by columns of a pandas frame": (disturbed_pandas, 400),
    "look-ahead, by columns of an Arrow table": (rebuilt_arrow, 500),
    "look-ahead, by columns of market data": (disturbed_market_data, 1_000),
    "look-ahead, by tables": (disturbed_tables, 100),
}


@pytest.mark.parametrize(("prepare", "n"), PREPARED.values(), ids=PREPARED)
def test_twice_as_much_takes_twice_as_long(prepare, n):
    assert ratio(prepare, n) <= LIMIT


@pytest.mark.parametrize(
    ("prepare", "n"), [(files_of_rows, 10_000), (files_of_columns, 200)], ids=["rows", "columns"]
)
def test_files_twice_as_large_take_twice_as_long(prepare, n, tmp_path):
    assert ratio(prepare(tmp_path), n) <= LIMIT


def test_quadratic_work_is_seen():
    """The bound can fail: a list that is searched for each of its elements takes four times as long."""

    def quadratic(n):
        names = list(range(n))
        return lambda: [name in names for name in reversed(names)]

    assert ratio(quadratic, 1_500) > LIMIT


BY_ROWS = {
    "frames": (frames_of_rows, 500),
    "attribution": (attribution_of_trades, 2_000),
    "suggested levels": (levels_of_trades, 500),
    "trades that differ": (trades_that_differ, 500),
    "handed on": (handed_on, 500),
    "notes": (notes_of_rows, 500),
    "metrics": (metrics_of_minutes, 2_000),
    "positions": (positions_over_splits, 250),
    "run in chunks": (rows_of_chunks, 500),
}


@pytest.mark.parametrize(("prepare", "n"), BY_ROWS.values(), ids=BY_ROWS)
def test_no_line_of_python_is_run_for_each_row(prepare, n):
    # A little is for sorted names and for days of the calendar: nothing near a call a row.
    once, twice = calls(prepare(n)), calls(prepare(2 * n))
    assert twice - once < 0.1 * n


def test_files_are_written_without_a_line_of_python_for_each_row(tmp_path):
    once, twice = (calls(files_of_rows(tmp_path)(n)) for n in (500, 1_000))
    assert twice - once < 50
