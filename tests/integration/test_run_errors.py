"""Whose exception stops a run: the strategy is blamed for its own alone."""

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest import (
    BacktestConfig,
    BacktestEngine,
    BacktestInterrupted,
    DataError,
    InternalError,
    MarketData,
    SignalStrategy,
    Strategy,
    StrategyError,
    run_backtest,
)
from ml4t.backtest.data import CallableFeatureProvider, DataFeed
from ml4t.backtest.risk import RiskDecision, RuleError

N_BARS = 6_000
TIMES = pd.date_range("2024-01-02 14:31", periods=N_BARS, freq="min", tz="UTC")
TABLE = pd.concat(
    [
        pd.DataFrame(
            {
                "timestamp": TIMES,
                "asset": asset,
                "close": 100.0 + np.sin(np.arange(N_BARS) / 10.0),
                "entry": 1.0,
            }
        )
        for asset in ("AAA", "BBB")
    ],
    ignore_index=True,
)
WHOLE = MarketData.from_tables(TABLE, signals=["entry"])
FEED = DataFeed.from_parquet(TABLE, signals=["entry"], chunk="day")
# Timestamps of the first chunk, of the first two, ...
ENDS = np.cumsum([chunk.n_times - chunk.first_t for chunk in FEED]).tolist()


class PerEvent(Strategy):
    def on_market_data(self, event):
        if not self.position(event.asset):
            self.buy(event.asset, 1)


class PerTimestamp(Strategy):
    def on_timestamp_batch(self, timestamp, events, context):
        for asset in events.assets:
            if not self.position(asset):
                self.buy(asset, 1)


class FailsAt(PerTimestamp):
    """Raises `error` in the n-th timestamp."""

    def __init__(self, error, n):
        self.error = error
        self.n = n

    def on_start(self):
        self.n_seen = 0

    def on_timestamp_batch(self, timestamp, events, context):
        self.n_seen += 1
        if self.n_seen == self.n:
            raise self.error


class Stop(Exception):
    """Of the user."""


STRATEGIES = {
    "per event": PerEvent,
    "per timestamp": PerTimestamp,
    "compiled": lambda: SignalStrategy("entry"),
}
DATA = {"in one piece": lambda: WHOLE, "feed": lambda: FEED, "chunks": lambda: list(FEED)}
every_strategy = pytest.mark.parametrize("make", STRATEGIES.values(), ids=STRATEGIES)
every_data = pytest.mark.parametrize("data", DATA.values(), ids=DATA)


def check_partial(error, n_done):
    """What was done before the error is all there, and nothing of what came after."""
    partial = error.partial_result
    assert partial.partial
    assert len(partial.equity) == n_done
    assert np.isfinite(partial.equity["equity"]).all()
    assert "cut short" in partial.summary()


def notes(error):
    return "\n".join(getattr(error, "__notes__", ()))


# --- the progress callback -----------------------------------------------------------------------


class RaisesFrom:
    """A progress callback that raises once `n` timestamps are done."""

    def __init__(self, error, n):
        self.error, self.n = error, n

    def __call__(self, done, total):
        self.done = done
        if done >= self.n:
            raise self.error


@every_data
@every_strategy
@pytest.mark.parametrize("n", [1, 2_000])
@pytest.mark.parametrize("kind", [Stop, ZeroDivisionError, AssertionError, ValueError])
def test_what_a_progress_callback_raises_is_its_own(data, make, n, kind):
    progress = RaisesFrom(kind("enough"), n)
    with pytest.raises(kind) as error:
        BacktestEngine(data(), make(), progress=progress).run()
    assert error.value is progress.error
    n_done = progress.done
    if data() is WHOLE:
        assert n_done >= n
    else:  # of chunks, the rows or those known so far are counted: the curve says how far it came
        n_done = len(error.value.partial_result.equity)
    assert notes(error.value) == f"raised by the progress callback, at {TIMES[n_done - 1]}"
    check_partial(error.value, n_done)


def test_what_a_progress_callback_raises_at_the_end_keeps_the_whole_result():
    def progress(done, total):
        if done == total:
            raise Stop("enough")

    with pytest.raises(Stop) as error:
        run_backtest(WHOLE, PerTimestamp(), progress=progress)
    assert notes(error.value) == f"raised by the progress callback, at {TIMES[-1]}"
    whole = run_backtest(WHOLE, PerTimestamp())
    assert not error.value.partial_result.partial
    pd.testing.assert_frame_equal(error.value.partial_result.equity, whole.equity)


@every_data
def test_ctrl_c_in_a_progress_callback_is_an_interrupt(data):
    with pytest.raises(BacktestInterrupted, match=r"interrupted .*at 2024-01-0") as error:
        BacktestEngine(data(), PerEvent(), progress=RaisesFrom(KeyboardInterrupt(), 1)).run()
    check_partial(error.value, 1)


# --- chunks --------------------------------------------------------------------------------------


def chunks_then(last, n):
    """Give n chunks, then raise, or give something else."""
    for _, chunk in zip(range(n), FEED, strict=False):
        yield chunk
    if isinstance(last, Exception):
        raise last
    yield last


@every_strategy
@pytest.mark.parametrize("close_at_end", [False, True])
@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("kind", [Stop, OSError, AssertionError, ValueError])
def test_what_a_generator_of_chunks_raises_is_its_own(make, close_at_end, n, kind):
    raised = kind("disk gone")
    config = BacktestConfig(close_at_end=close_at_end)
    with pytest.raises(kind) as error:
        BacktestEngine(chunks_then(raised, n), make(), config=config).run()
    assert error.value is raised
    last = TIMES[ENDS[n - 1] - 1]
    assert notes(raised) == f"raised by the iterable of chunks, asked for chunk {n + 1}, at {last}"
    # With close_at_end the next chunk is asked for before the last timestamp is recorded.
    check_partial(raised, ENDS[n - 1] - close_at_end)


def test_a_generator_that_raises_before_its_first_chunk():
    with pytest.raises(Stop) as error:
        BacktestEngine(chunks_then(Stop("disk gone"), 0), PerEvent()).run()
    assert not hasattr(error.value, "partial_result")


@pytest.mark.parametrize("n", [0, 1, 3])
def test_a_chunk_that_is_no_market_data(n):
    with pytest.raises(
        TypeError, match=f"chunk {n + 1} must be MarketData, was DataFrame"
    ) as error:
        BacktestEngine(chunks_then(TABLE, n), PerEvent()).run()
    if n:
        check_partial(error.value, ENDS[n - 1])


@pytest.mark.parametrize("close_at_end", [False, True])
@pytest.mark.parametrize("n", [1, 2])
def test_a_chunk_that_cannot_follow_is_not_the_strategys_fault(n, close_at_end):
    # Finished market data carries no bar over from before.
    config = BacktestConfig(close_at_end=close_at_end)
    with pytest.raises(ValueError, match="carry their last bars over") as error:
        BacktestEngine(chunks_then(WHOLE, n), PerEvent(), config=config).run()
    last = TIMES[ENDS[n - 1] - 1]
    assert notes(error.value) == f"chunk {n + 1} cannot follow the one before it, at {last}"
    check_partial(error.value, ENDS[n - 1])


def test_what_a_feed_finds_stays_a_data_error_of_the_feed():
    bad = TABLE.assign(close=TABLE["close"].where(TABLE["timestamp"] != TIMES[ENDS[1] + 7], -1.0))
    feed = DataFeed.from_parquet(bad, signals=["entry"], chunk="day")
    with pytest.raises(DataError, match="column 'close' is negative") as error:
        run_backtest(feed, PerEvent())
    assert notes(error.value) == ""
    check_partial(error.value, ENDS[1])  # the bad bar is in the third chunk


def test_what_a_feature_provider_raises_in_a_feed_is_not_the_strategys():
    def feature(asset, time):
        if time >= TIMES[ENDS[1]]:
            raise Stop("oh no")
        return {"feature": 1.0}

    feed = DataFeed.from_parquet(TABLE, features=CallableFeatureProvider(feature), chunk="day")
    with pytest.raises(DataError, match=r"get_features of .* raised Stop: oh no") as error:
        run_backtest(feed, PerEvent())
    check_partial(error.value, ENDS[1])


def test_what_else_stops_a_feed_is_the_feeds(monkeypatch):
    def read(feed):
        yield from chunks[:2]
        raise MemoryError("too much")

    chunks = list(FEED)
    monkeypatch.setattr(DataFeed, "__iter__", read)
    with pytest.raises(MemoryError) as error:
        run_backtest(FEED, PerEvent())
    when = TIMES[ENDS[1] - 1]
    assert notes(error.value) == f"raised by the feed, asked for chunk 3, at {when}"
    check_partial(error.value, ENDS[1])


def test_a_recorded_column_that_no_chunk_has_is_refused_before_the_run():
    class Starts(PerEvent):
        started = False

        def on_start(self):
            self.started = True

    strategy = Starts()
    with pytest.raises(ValueError, match=r"'entri', which is no column .* did you mean 'entry'"):
        run_backtest(FEED, strategy, config=BacktestConfig(record_columns=["entri"]))
    assert not strategy.started


# --- the engine itself ---------------------------------------------------------------------------

# 1e9 units at 1e8 are 1e17. Doubles there lie 16 apart: when they are bought, the cash of 104.0 becomes
# 96 or 112. While they are held, 8 are nothing beside an exposure of 1e17; sold again, the equity has gained
# or lost 8, the trades nothing, and 8 is more than 1e-9 of 104.
HUGE = pd.DataFrame({"timestamp": TIMES[:40], "asset": "AAA", "close": 1e8})
DEBUG = BacktestConfig(initial_cash=104.0, on_insufficient="allow", account="margin", debug=True)


class BuysAndSellsTooMuch(Strategy):
    """Buys at the `n`-th bar, sells at the next."""

    def __init__(self, n):
        self.n = n

    def on_start(self):
        self.n_seen = 0

    def on_market_data(self, event):
        self.n_seen += 1
        if self.n_seen == self.n:
            self.buy("AAA", 1e9)
        if self.n_seen == self.n + 1:
            self.close("AAA")


@pytest.mark.parametrize("n", [1, 25])
@pytest.mark.parametrize("chunk", [None, 10])
def test_a_broken_invariant_is_an_internal_error(n, chunk):
    data = (
        MarketData.from_tables(HUGE) if chunk is None else DataFeed.from_parquet(HUGE, chunk=chunk)
    )
    with pytest.raises(InternalError) as error:
        run_backtest(data, BuysAndSellsTooMuch(n), config=DEBUG)
    # Ordered at bar n + 1, sold at the open of bar n + 2: its equity is the first that is wrong.
    message = str(error.value)
    assert message.startswith(
        f"internal error (asset 'AAA' at {TIMES[n + 1]}): trades and positions"
    )
    assert message.endswith("please report it, with what `ml4t-backtest info` prints")
    assert "BuysAndSellsTooMuch" not in message
    assert isinstance(error.value.__cause__, AssertionError)
    assert len(error.value.partial_result.fills) == 2


# --- strategies and rules, as before -------------------------------------------------------------


@every_data
@pytest.mark.parametrize("n", [1, ENDS[0], ENDS[0] + 1, 4_000])
@pytest.mark.parametrize("kind", [Stop, AssertionError, ValueError])
def test_what_a_strategy_raises_is_the_strategys(data, n, kind):
    with pytest.raises(StrategyError) as error:
        BacktestEngine(data(), FailsAt(kind("oh no"), n), progress=lambda done, total: None).run()
    assert str(error.value) == f"FailsAt raised {kind.__name__} (at {TIMES[n - 1]}): oh no"
    check_partial(error.value, n - 1)


@every_data
@pytest.mark.parametrize("kind", [Stop, AssertionError])
def test_what_a_rule_raises_is_the_rules(data, kind):
    def fails_late(context):
        if context.bars_held == 2_000:
            raise kind("oh no")
        return RiskDecision.no_action()

    with pytest.raises(RuleError, match="fails_late") as error:
        BacktestEngine(data(), PerEvent(), rules=[fails_late]).run()
    # Bought at the second bar, which is the first that is held.
    check_partial(error.value, 2_000)


def test_what_a_strategy_raises_as_a_chunk_ends_is_the_strategys():
    # The last timestamp of a chunk: with close_at_end the next chunk is asked for there as well.
    config = BacktestConfig(close_at_end=True)
    with pytest.raises(StrategyError, match="FailsAt raised Stop"):
        run_backtest(FEED, FailsAt(Stop("oh no"), ENDS[0]), config=config)
