"""What goes wrong in a run, and what is left of it: errors, interrupts, tables that cannot be used."""

import queue
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest import BacktestConfig, DataError, Strategy, StrategyError, run_backtest
from ml4t.backtest.risk import PriceBasedStopLoss, RiskDecision, RuleError, TimeBasedExit

ASSETS = ("AAA", "BBB")


def table(n_bars=1_200):
    times = pd.date_range("2024-01-02 14:31", periods=n_bars, freq="min", tz="UTC")
    closes = 100.0 + np.sin(np.arange(n_bars) / 10.0)
    one = [pd.DataFrame({"timestamp": times, "asset": asset, "close": closes}) for asset in ASSETS]
    return pd.concat(one, ignore_index=True)


class BuysAtStart(Strategy):
    """One unit of everything, and a count of the bars seen."""

    def on_start(self):
        self.n_seen = 0

    def on_market_data(self, event):
        self.n_seen += 1
        if not self.position(event.asset):
            self.buy(event.asset, 1)


class FailsInBar(BuysAtStart):
    """Raises in the n-th bar of BBB."""

    def __init__(self, n=1_000):
        self.n = n

    def on_market_data(self, event):
        super().on_market_data(event)
        if event.asset == "BBB" and self.n_seen == 2 * self.n:
            raise ZeroDivisionError("no such luck")


def check_partial(result, n_done, n_fills=2):
    """What was done before the error is all there, and nothing of what came after."""
    assert result.partial
    assert len(result.equity) == n_done
    assert np.isfinite(result.equity["equity"]).all()
    assert len(result.fills) == n_fills
    assert "The run was cut short" in result.summary()


# --- errors in a run ---------------------------------------------------------------------------


def test_a_strategy_that_raises_in_bar_1000():
    prices = table()
    with pytest.raises(StrategyError) as error:
        run_backtest(prices, FailsInBar())
    when = prices["timestamp"][999]
    assert str(error.value) == (
        f"FailsInBar raised ZeroDivisionError (asset 'BBB' at {when}): no such luck"
    )
    assert isinstance(error.value.__cause__, ZeroDivisionError)
    # Bar 1,000 was not finished, 999 were.
    check_partial(error.value.partial_result, 999)


def test_the_partial_result_is_the_start_of_the_whole_one():
    whole = run_backtest(table(), BuysAtStart())
    with pytest.raises(StrategyError) as error:
        run_backtest(table(), FailsInBar())
    part = error.value.partial_result
    pd.testing.assert_frame_equal(part.equity, whole.equity.iloc[:999])
    pd.testing.assert_frame_equal(part.fills, whole.fills)


def test_a_batch_strategy_that_raises_names_the_timestamp():
    class Fails(Strategy):
        def on_timestamp_batch(self, timestamp, events, context):
            if timestamp.minute == 40:
                raise LookupError("nothing there")

    with pytest.raises(StrategyError) as error:
        run_backtest(table(), Fails())
    assert str(error.value) == (
        "Fails raised LookupError (at 2024-01-02 14:40:00+00:00): nothing there"
    )
    check_partial(error.value.partial_result, 9, n_fills=0)


def test_a_misspelled_attribute_names_the_nearest_column():
    class Misspells(Strategy):
        def on_market_data(self, event):
            return event.predicton

    with pytest.raises(StrategyError, match="did you mean 'prediction'"):
        run_backtest(table().assign(prediction=1.0), Misspells())


def test_an_order_for_an_asset_nobody_knows():
    class Guesses(Strategy):
        def on_market_data(self, event):
            self.buy("AAB", 1)

    with pytest.raises(StrategyError, match=r"Guesses raised KeyError .*AAB"):
        run_backtest(table(), Guesses())


@pytest.mark.parametrize("callback", ["on_fill", "on_end"])
def test_the_other_callbacks_are_located_too(callback):
    def fails(self, *_):
        raise OSError("disk full")

    kind = type("Fails", (BuysAtStart,), {callback: fails})
    with pytest.raises(StrategyError, match=r"Fails raised OSError \(.*\): disk full") as error:
        run_backtest(table(50), kind())
    check_partial(error.value.partial_result, {"on_fill": 1, "on_end": 50}[callback])


def test_a_rule_that_raises_names_rule_asset_and_time():
    def fails_late(context):
        if context.bars_held == 10:
            raise ZeroDivisionError("no such luck")
        return RiskDecision.no_action()

    with pytest.raises(RuleError) as error:
        run_backtest(table(50), BuysAtStart(), rules=[fails_late])
    # Bought at the second bar, 14:32; ten closes later it is 14:41.
    for words in ("fails_late", "AAA", "2024-01-02 14:41", "no such luck"):
        assert words in str(error.value)
    check_partial(error.value.partial_result, 10)


def test_a_strategy_and_its_rules_can_run_again_after_an_error():
    strategy, rules = FailsInBar(5), [TimeBasedExit(max_bars=3)]
    with pytest.raises(StrategyError):
        run_backtest(table(50), strategy, rules=rules)
    strategy.n = -1
    fresh = run_backtest(table(50), BuysAtStart(), rules=rules)
    again = run_backtest(table(50), strategy, rules=rules)
    pd.testing.assert_frame_equal(again.trades, fresh.trades)
    assert len(fresh.trades) > 10


# --- Ctrl-C ------------------------------------------------------------------------------------

# SIGINT is raised in the process itself: what another process sends differs by platform, what the
# interpreter does with it does not.
CHILD = """
    import signal
    import sys
    import threading

    import numpy as np

    from ml4t.backtest import BacktestEngine, MarketData, SignalStrategy, Strategy

    class PerEvent(Strategy):
        def on_market_data(self, event):
            pass

    class PerTimestamp(Strategy):
        def on_timestamp_batch(self, timestamp, events, context):
            pass

    N_TIMES, N_ASSETS = 10_000, 500
    n_rows = N_TIMES * N_ASSETS
    price = np.full(n_rows, 100.0)
    data = MarketData.from_arrays(
        tuple(f"A{i}" for i in range(N_ASSETS)),
        np.arange(1, N_TIMES + 1) * 60_000_000_000,
        np.arange(N_TIMES + 1) * N_ASSETS,
        np.tile(np.arange(N_ASSETS, dtype=np.int32), N_TIMES),
        price, price, price, price,
        features={"entry": np.zeros(n_rows)},
    )
    strategy = {
        "per event": PerEvent,
        "per timestamp": PerTimestamp,
        "compiled": lambda: SignalStrategy("entry"),
    }[sys.argv[1]]()
    engine = BacktestEngine(data, strategy)
    # Whoever runs tests in the background ignores Ctrl-C, and so would this process.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupts = threading.Thread(
        target=lambda: [signal.raise_signal(signal.SIGINT) for line in sys.stdin], daemon=True
    )
    interrupts.start()
    print("ready", flush=True)
    while True:
        try:
            engine.run()
        except KeyboardInterrupt as error:
            partial = getattr(error, "partial_result", None)
            done = -1 if partial is None else len(partial.equity)
            finite = partial is not None and np.isfinite(partial.equity["equity"]).all()
            print(type(error).__name__, done, N_TIMES, partial and partial.partial, finite, flush=True)
"""


@pytest.fixture
def child(request):
    """A process that runs a backtest again and again, and answers a line with a line after SIGINT."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(CHILD), request.param],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    lines = queue.Queue()
    reader = threading.Thread(target=lambda: [lines.put(line) for line in process.stdout])
    reader.start()
    yield process, lines
    process.kill()
    process.wait()
    reader.join()
    process.stdin.close()
    process.stdout.close()


@pytest.mark.parametrize(
    "child", ["per event", "per timestamp", "compiled"], indirect=True, ids=str
)
def test_ctrl_c_stops_within_a_second_and_keeps_what_was_done(child):
    process, lines = child
    assert lines.get(timeout=60) == "ready\n"
    # A signal may come while no bar is processed, between two runs or after the last bar of one: then
    # it is sent again.
    for _ in range(20):
        time.sleep(0.05)
        sent = time.monotonic()
        process.stdin.write("stop\n")
        name, done, n_times, partial, finite = lines.get(timeout=10).split()
        assert time.monotonic() - sent < 1.0
        if name == "BacktestInterrupted" and 0 < int(done) < int(n_times):
            break
    assert (name, partial, finite) == ("BacktestInterrupted", "True", "True")
    assert 0 < int(done) < int(n_times)
    assert process.poll() is None


# --- tables and arguments that cannot be used ---------------------------------------------------

GOOD = table(5)


def changed(column, value, row=2):
    prices = GOOD.assign(open=GOOD["close"], high=GOOD["close"], low=GOOD["close"])
    prices.loc[row, column] = value
    return {"prices": prices}


def signal_table(**columns):
    return pd.DataFrame(
        {"timestamp": GOOD["timestamp"][:1], "asset": "AAA", "score": 1.0} | columns
    )


BAD = {
    "an empty table": ({"prices": GOOD.iloc[:0]}, "no rows"),
    "no prices at all": ({"prices": None}, "prices must be"),
    "a missing column": ({"prices": GOOD.drop(columns="close")}, "close"),
    "a row given twice": (
        {"prices": pd.concat([GOOD, GOOD[2:3]]).sort_values(["asset", "timestamp"])},
        "repeated in 1 row",
    ),
    "times that run backwards": ({"prices": GOOD[::-1]}, "sort=True"),
    "a NaN price": (changed("close", np.nan), "column 'close' is NaN in 1 row"),
    "an infinite price": (changed("high", np.inf), "column 'high' is infinite in 1 row"),
    "a negative price": (changed("low", -1.0), "column 'low' is negative in 1 row"),
    "a price of zero": (changed("open", 0.0), "column 'open' is zero in 1 row"),
    "high below low": (changed("low", 200.0), "below low by up to 50% in 1 row"),
    "open outside the bar": (changed("open", 200.0), "column 'open' is above high"),
    "close outside the bar": (changed("close", 1.0), "column 'close' is below low"),
    "times with and without a zone": (
        {"signals": signal_table(timestamp=GOOD["timestamp"][:1].dt.tz_localize(None))},
        "timezone=",
    ),
    "dates beside times": (
        {"signals": signal_table(timestamp=pd.to_datetime(["2024-01-02"]))},
        "bar_time=",
    ),
    "a signal for an unknown asset": ({"signals": signal_table(asset="CCC")}, "CCC"),
    "an action on an unknown asset": (
        {
            "actions": pd.DataFrame(
                {"date": ["2024-01-02"], "asset": ["CCC"], "kind": ["split"], "value": [2.0]}
            )
        },
        "an asset that the prices do not have",
    ),
    "an unknown column in a rule": (
        {"rules": [PriceBasedStopLoss(pct="widht")], "signals": signal_table(width=0.1)},
        "'widht'",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_with_nothing_half_done(arguments, message):
    strategy = BuysAtStart()
    with pytest.raises(ValueError, match=message) as error:
        run_backtest(**{"prices": GOOD, "strategy": strategy} | arguments)
    if "rules" not in arguments:
        assert isinstance(error.value, DataError)
    assert "\n" not in str(error.value)
    assert not hasattr(strategy, "n_seen"), "the strategy was started"
    # Nothing is left behind: the same strategy runs on good tables.
    assert run_backtest(GOOD, strategy).metrics["timestamps"] == 5


def test_a_signal_that_would_be_known_too_early():
    late = signal_table(available_at=GOOD["timestamp"][:1] - pd.Timedelta("1min"))
    with pytest.raises(DataError, match="available_at"):
        run_backtest(GOOD, BuysAtStart(), signals=late)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strategy": BuysAtStart}, r"strategy must be a Strategy, was .*; write BuysAtStart\(...\)"),
        ({"strategy": Strategy()}, "defines neither on_market_data nor on_timestamp_batch"),
        ({"rules": [3.0]}, "3.0"),
        ({"config": {"initial_cash": 1.0}}, "config must be a BacktestConfig"),
        ({"bar_tme": "16:00"}, "bar_tme"),
    ],
)  # fmt: skip
def test_arguments_of_the_wrong_kind(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        run_backtest(**{"prices": GOOD, "strategy": BuysAtStart()} | arguments)


def test_a_strategy_serves_one_run_at_a_time():
    class Nested(BuysAtStart):
        def on_market_data(self, event):
            run_backtest(GOOD, self, config=BacktestConfig())

    with pytest.raises(StrategyError, match="in a run already"):
        run_backtest(GOOD, Nested())


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("quantity", {"quantity": "ten"}),
        ("value", {"value": [1]}),
        ("percent", {"percent": "1%"}),
        ("risk", {"risk": "1%"}),
        ("limit", {"quantity": 1.0, "limit": "99"}),
    ],
)
def test_an_order_of_what_is_no_number_names_it(name, given):
    class Buys(Strategy):
        def on_market_data(self, event):
            self.buy(event.asset, **given)

    rules = [PriceBasedStopLoss(pct=0.1)]
    with pytest.raises(StrategyError, match=f"{name} must be a number, was"):
        run_backtest(GOOD, Buys(), rules=rules)
