"""sweep: its table, its best, a run again, and what it refuses before anything runs."""

import gc
import threading
import tracemalloc
from functools import partial

import numpy as np
import pandas as pd
import pytest
from unit.sweep.studied import PAIRS, TEMPLATE, dips, market, now_and_then, plain

from ml4t.backtest import (
    BacktestConfig,
    BacktestInterrupted,
    MarketData,
    SignalStrategy,
    run_backtest,
)
from ml4t.backtest.data import ATR, SMA, DataFeed
from ml4t.backtest.data.stream.mapped_bars import mapped_bars
from ml4t.backtest.records.frames import TABLES
from ml4t.backtest.risk import PriceBasedStopLoss, PriceBasedTakeProfit, TrailingStop
from ml4t.backtest.sweep import SweepError, grid, param, random, sweep
from ml4t.backtest.sweep import template as template_module
from ml4t.backtest.sweep.driver import _batch_size


def alone(function, space, data, **options):
    return sweep(function, space, data, workers=1, **options)


def test_each_row_is_the_run_of_its_parameters():
    data = market()
    result = alone(TEMPLATE, PAIRS, data, measures=["total_return", "trades", "sharpe"])
    assert list(result.table) == [
        "stop", "target", "total_return", "trades", "sharpe", "status", "error", "seconds",
    ]  # fmt: skip
    assert len(result) == len(result.table) == 12
    for row in result.table.itertuples():
        rules = [PriceBasedStopLoss(pct=row.stop), PriceBasedTakeProfit(pct=row.target)]
        metrics = run_backtest(data, SignalStrategy("up"), rules=rules).metrics
        assert (row.total_return, row.trades, row.sharpe) == (
            metrics["total_return"],
            metrics["trades"],
            metrics["sharpe"],
        )
        assert (row.status, row.error, row.seconds > 0.0) == ("done", "", True)


def test_a_function_says_the_same_as_a_template():
    def pair(stop, target):
        rules = [PriceBasedStopLoss(pct=stop), PriceBasedTakeProfit(pct=target)]
        return {"strategy": SignalStrategy("up"), "rules": rules}

    assert plain(alone(pair, PAIRS, market())).equals(plain(alone(TEMPLATE, PAIRS, market())))


def test_any_row_runs_again_bit_for_bit():
    result = alone(dips, grid(fall=[0.001, 0.005], hold=[2, 5]), market())
    for number, row in result.table.iterrows():
        one, other = result.run(number), result.run(row)
        assert (one.metrics["sharpe"], one.metrics["trades"]) == (row["sharpe"], row["trades"])
        for table in TABLES:
            assert getattr(one, table).equals(getattr(other, table))


def test_the_best_is_the_first_of_the_highest():
    result = alone(TEMPLATE, PAIRS, market(), measures=["total_return", "max_drawdown"])
    table = result.table
    assert result.best().name == table["total_return"].idxmax()
    assert result.best("max_drawdown", lowest=True).name == table["max_drawdown"].idxmin()
    with pytest.raises(SweepError, match="'sharp' was not measured"):
        result.best("sharp")


def test_functions_measure_the_whole_result():
    measures = {"n": "trades", "last": lambda result: result.equity["equity"].iloc[-1]}
    result = alone(TEMPLATE, PAIRS, market(), measures=measures)
    again = result.run(3)
    assert result.table.loc[3, ["n", "last"]].tolist() == [
        len(again.trades),
        again.equity["equity"].iloc[-1],
    ]


def test_a_trial_that_raises_is_a_row_with_its_error_and_the_rest_go_on():
    result = alone(now_and_then, grid(fall=[0.001, 0.02, 0.002]), market())
    assert result.table["status"].tolist() == ["done", "failed", "done"]
    assert result.table["error"].tolist() == ["", "ValueError: 0.02 is too much", ""]
    assert np.isnan(result.table["sharpe"]).tolist() == [False, True, False]
    assert repr(result) == "SweepResult(3 trials: 2 done, 1 failed)"
    assert "0.02" in result._repr_html_()


def test_a_template_leaves_its_own_strategy_as_it_is():
    strategy = dips(0.001)["strategy"]
    template = {"strategy": strategy, "rules": [partial(TrailingStop, param("trail"))]}
    first = alone(template, grid(trail=[0.01, 0.02, 0.01]), market())
    assert strategy.seen == 0
    assert plain(first).iloc[0].equals(plain(first).iloc[2].rename(0))


def test_columns_that_trials_ask_for_are_joined_once(monkeypatch):
    data = market()
    joins = []
    from ml4t.backtest.sweep import shared_columns

    joined = shared_columns._with
    monkeypatch.setattr(
        shared_columns, "_with", lambda data, given: joins.append(given) or joined(data, given)
    )
    template = {
        "features": partial(ATR, param("period")),
        "strategy": SignalStrategy("up"),
        "rules": [partial(TrailingStop, param("trail"))],
    }
    result = alone(template, grid(period=[5, 9], trail=[0.01, 0.02]), data)
    assert [given["features"].period for given in joins] == [5, 9]
    assert result.table["status"].eq("done").all()
    assert (
        result._runner.arguments({"period": 5, "trail": 0.1})["prices"].close.ctypes.data
        == data.close.ctypes.data
    )


def test_a_grid_of_signals_is_one_table_with_a_column_per_trial():
    days = pd.date_range("2024-01-01", periods=30, freq="B", tz="UTC")
    prices = pd.DataFrame({"timestamp": days, "asset": "A", "close": np.linspace(100.0, 130.0, 30)})
    signals = prices[["timestamp", "asset"]].assign(
        **{f"every_{n}": (np.arange(30) % n == 0) * 1.0 for n in (3, 7)}
    )
    data = MarketData.from_tables(prices, signals=signals)
    template = {"strategy": partial(SignalStrategy, param("column"), quantity=1, max_entries=50)}
    result = alone(template, grid(column=["every_3", "every_7"]), data)
    # Signals at bars 0, 3, ..., 27 and 0, 7, ..., 28, each filled at the next open.
    assert [len(result.run(n).fills) for n in (0, 1)] == [10, 5]


def test_prices_may_come_from_the_trial():
    def seeded(seed):
        return {"prices": market(seed=seed), **dips(0.001)}

    table = sweep(seeded, grid(seed=[1, 2]), workers=1).table
    assert table["total_return"].nunique() == 2


def test_tables_are_read_once_for_all_trials():
    prices = pd.DataFrame(
        {"timestamp": pd.date_range("2024-01-01", periods=9, tz="UTC"), "asset": "A", "close": 9.0}
    )
    assert alone(dips, grid(fall=[0.1]), prices).table["trades"].tolist() == [0]


def test_a_feed_of_fine_bars_is_read_once_for_all_trials(tmp_path, monkeypatch):
    times = pd.date_range("2024-01-01", periods=240, freq="h", tz="UTC")
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(3).normal(0.0, 0.004, len(times))))
    hours = pd.DataFrame({"timestamp": times, "asset": "A"})
    hours = hours.assign(open=close, high=close * 1.002, low=close * 0.998, close=close)
    days = hours.groupby(hours["timestamp"].dt.ceil("D")).agg(
        {"asset": "first", "open": "first", "high": "max", "low": "min", "close": "last"}
    )
    signals = pd.DataFrame({"timestamp": days.index, "asset": "A", "up": 1.0})
    data = MarketData.from_tables(days.reset_index(), signals=signals)
    hours.to_parquet(tmp_path / "hours.parquet")
    feed = DataFeed.from_parquet(tmp_path / "hours.parquet", chunk=50)
    read = []

    def counted(given):
        read.append(given)
        return mapped_bars(given)

    monkeypatch.setattr(template_module, "mapped_bars", counted)
    settings = {"config": BacktestConfig(intrabar="fine")}
    of_feed = alone({**TEMPLATE, **settings, "fine": feed}, PAIRS, data)
    of_data = alone({**TEMPLATE, **settings, "fine": MarketData.from_tables(hours)}, PAIRS, data)
    assert read == [feed]
    assert (of_feed.table["status"] == "done").all()
    assert of_feed.table["trades"].max() > 1
    assert plain(of_feed).equals(plain(of_data))


def test_how_far_it_is_is_told():
    told = []
    alone(TEMPLATE, PAIRS, market(), progress=lambda *given: told.append(given))
    assert [done for done, _, _ in told] == sorted({done for done, _, _ in told})
    assert told[-1][:2] == (12, 12)
    assert "trials/s, best sharpe " in told[-1][2]


def test_ctrl_c_leaves_what_was_done():
    def stops(fall):
        if fall == 0.003:
            raise KeyboardInterrupt
        return dips(fall)

    falls = [0.001, 0.002, 0.003, 0.004]
    with pytest.raises(BacktestInterrupted, match="interrupted after 2 of 4 trials") as told:
        alone(stops, grid(fall=falls), market())
    assert told.value.partial_result.table["status"].tolist() == ["done"] * 2 + ["not run"] * 2


def test_memory_stays_flat():
    data = market(50)
    space = random(400, seed=1, stop=[0.01, 0.02], target=[0.05])
    sizes = []

    def grown(done, total, said):
        if done == total or (done > 100 and not sizes):
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])

    tracemalloc.start()
    try:
        alone(TEMPLATE, space, data, measures=["trades"], progress=grown)
    finally:
        tracemalloc.stop()
    # What is kept of a trial has its place from the beginning.
    assert len(sizes) == 2
    assert sizes[1] - sizes[0] < 300 * 20


# ---- refused before anything runs ------------------------------------------------------------------

RUN = []


def counted(fall):
    RUN.append(fall)
    return dips(fall)


DATA = market(20)
REFUSED = {
    "a parameter nobody reads": (
        lambda: sweep(TEMPLATE, grid(stop=[0.1], target=[0.1], tarket=[0.2]), DATA),
        r"^tarket is a parameter that the template does not read; did you mean 'target'\?$",
    ),
    "a parameter that the function does not have": (
        lambda: sweep(counted, grid(fal=[0.1]), DATA),
        r"^fal is a parameter that counted does not read; did you mean 'fall'\?$",
    ),
    "a parameter that is lacking": (
        lambda: sweep(TEMPLATE, grid(stop=[0.1]), DATA),
        "^the template reads the parameter target, which the space lacks$",
    ),
    "a parameter named as a measure": (
        lambda: sweep(lambda trades: {}, grid(trades=[1]), DATA),
        "^the parameter trades has the name of another column of the table: call it otherwise$",
    ),
    "a measure named as the status": (
        lambda: sweep(counted, grid(fall=[0.1]), DATA, measures={"status": "sharpe"}),
        "^the measure status has the name of another column of the table: call it otherwise$",
    ),
    "measures that are none": (
        lambda: sweep(counted, grid(fall=[0.1]), DATA, measures=3),
        "^measures must be names, or a mapping of names to functions, were 3$",
    ),
    "a measure that is no name": (
        lambda: sweep(counted, grid(fall=[0.1]), DATA, measures=[len]),
        "^the name of a measure must be text, was <built-in function len>: give functions in a mapping$",
    ),
    "no space": (lambda: sweep(counted, {"fall": [0.1]}, DATA), "^space must be what grid, random"),
    "no function": (
        lambda: sweep(SignalStrategy("up"), grid(fall=[0.1]), DATA),
        "^a sweep takes a function from parameters .*, was SignalStrategy$",
    ),
    "an argument that does not exist": (
        lambda: sweep({"strategi": param("a")}, grid(a=[1]), DATA),
        r"^the template: unknown argument 'strategi'; did you mean 'strategy'\?$",
    ),
    "a progress bar for each": (
        lambda: sweep({"progress": param("a")}, grid(a=[1]), DATA),
        "^the template: progress is not for the runs of a sweep; leave it out$",
    ),
    "a measure": (
        lambda: sweep(counted, grid(fall=[0.1]), DATA, measures=["sharp"]),
        r"^there is no measure 'sharp'; did you mean 'sharpe'\?$",
    ),
    "no measure": (
        lambda: sweep(counted, grid(fall=[0.1]), DATA, measures={}),
        "^measures is empty: name at least one$",
    ),
    "workers": (
        lambda: sweep(counted, grid(fall=[0.1]), DATA, workers=0),
        "^workers must be a positive number, was 0$",
    ),
    "a backend": (
        lambda: sweep(counted, grid(fall=[0.1]), DATA, backend="thread"),
        "^backend must be one of 'threads', 'processes', 'dask', 'ray'",
    ),
    "a lambda for processes": (
        lambda: sweep(lambda a: {}, grid(a=[0.1]), DATA, backend="processes"),
        "^the function of the sweep is a lambda, and cannot be sent to other processes: write it at the top",
    ),
    "a lambda inside of a template": (
        lambda: sweep(
            {**TEMPLATE, "rules": [partial(TrailingStop, param("a")), lambda context: None]},
            grid(a=[0.1]),
            DATA,
            backend="processes",
        ),
        r"^rules\[1\] is a lambda, and cannot be sent",
    ),
    "a lambda as a measure": (
        lambda: sweep(
            counted, grid(fall=[0.1]), DATA, measures={"n": lambda r: 1}, backend="processes"
        ),
        "^measure n is a lambda, and cannot be sent",
    ),
    "what no process can be sent": (
        lambda: sweep(
            partial(dips, hold=threading.Lock()), grid(fall=[0.1]), DATA, backend="processes"
        ),
        "^partial cannot be sent to other processes: .*lock.*; or let it run in threads",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_swept_is_refused_before_anything_runs(case):
    make, message = REFUSED[case]
    with pytest.raises(SweepError, match=message) as told:
        make()
    assert "\n" not in str(told.value)
    assert RUN == []


def test_an_error_that_is_its_own_cause_ends_its_trial():
    def fails(a):
        try:
            raise ValueError("in a ring")
        except ValueError as error:
            raise error from error

    assert alone(fails, grid(a=[1]), market(20)).table["error"].tolist() == [
        "ValueError: in a ring"
    ]


def test_a_row_that_is_not_there():
    result = alone(TEMPLATE, PAIRS, market(20))
    with pytest.raises(SweepError, match="row must be a number from 0 to 11, was 12"):
        result.run(12)


def test_what_a_function_returns_is_looked_at():
    wrong = {
        "no mapping": (lambda a: [a], "must return a mapping of the arguments of run_backtest, returned list"),
        "no strategy": (lambda a: {}, "gives no strategy"),
        "prices twice": (lambda a: {"strategy": a, "prices": DATA}, "gives prices, and data is given"),
    }  # fmt: skip
    for function, message in wrong.values():
        (error,) = alone(function, grid(a=[1]), DATA).table["error"]
        assert message in error


def test_an_indicator_is_no_other_of_its_numbers():
    from ml4t.backtest.sweep.shared_columns import SharedColumns

    shared = SharedColumns(market())
    one, other = (shared.joined({"features": {"x": kind(5)}}) for kind in (ATR, SMA))
    assert not np.array_equal(one.features["x"], other.features["x"], equal_nan=True)
    assert shared.joined({"features": {"x": ATR(5)}}) is one


# ---- batches ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "n", "workers", "size"),
    [
        (0.01, 10_000, 2, 20),  # a fifth of a second
        (0.0001, 1_000_000, 2, 1_024),
        (0.0001, 1_000, 2, 250),  # of what is left each worker gets a half of its own
        (
            0.0001,
            40,
            2,
            20,
        ),  # a millisecond of them would be less than what it takes to hand them out
        (10.0, 1_000, 2, 1),
        (0.01, 10_000_000, 3_000, 300),  # 1,000 batches a second, whatever the number of workers
        (0.0, 100, 2, 50),
    ],
)
def test_a_batch_lasts_long_enough_to_be_handed_out(seconds, n, workers, size):
    assert _batch_size(seconds, n, workers) == size
