"""A run as a whole: bars, assets, feature columns, chunks, and one run after the other."""

import gc
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from growth.harness import assert_linear
from growth.worlds import DAY, RICH, Batch, hold_all, market

from benchmarks.processes import in_fresh_process
from ml4t.backtest import BacktestEngine, MarketData, SignalStrategy, Strategy
from ml4t.backtest.risk import PriceBasedStopLoss, RiskDecision, RiskRule, TrailingStop


class Buys(Strategy):
    """Buys once, and looks at every bar."""

    def on_market_data(self, event):
        if event.close > 0.0 and not self.quantity(event.asset):
            self.buy(event.asset, 1.0)


def enters():
    """Enters once: what is long stays so."""
    return SignalStrategy(entry="x0", exit="x1", quantity=1.0)


def turns():
    """Enters and leaves in turn, bar by bar."""
    return SignalStrategy(entry="x0", exit="x0", quantity=1.0)


@pytest.mark.parametrize(
    ("strategy", "n"),
    [(Buys, 20_000), (partial(Batch, hold_all), 2_000), (enters, 50_000), (turns, 3_000)],
)
def test_bars(strategy, n):
    def prepare(n):
        return BacktestEngine(market(n, 1, n_columns=2), strategy(), config=RICH).run

    assert_linear(prepare, n, "bars")


@pytest.mark.parametrize("both_sides", [False, True])
def test_signals_that_rules_get_ahead_of(both_sides):
    """Entries in the first half alone, and an exit in its last bar: what is searched far ahead is not searched again."""

    def prepare(n):
        entry, exit_, price = np.zeros(n), np.zeros(n), np.full(n, 100.0)
        entry[: n // 2 : 40] = 1.0
        exit_[-1] = 1.0
        price[2::40] = 90.0  # the stop of what was entered at the bar before
        data = MarketData.from_arrays(
            ["A"],
            DAY * np.arange(n),
            np.arange(n + 1),
            np.zeros(n, np.int32),
            *[price] * 4,
            features={"in": entry, "out": exit_},
        )
        sides = {"entry": "in", "exit": "out"}
        if both_sides:
            sides |= {"short_entry": "out", "short_exit": "out"}
        strategy = SignalStrategy(**sides, quantity=1.0)
        return BacktestEngine(data, strategy, rules=[PriceBasedStopLoss(pct=0.05)], config=RICH).run

    assert_linear(prepare, 50_000, "signals that rules get ahead of")


@pytest.mark.parametrize(("strategy", "n"), [(Buys, 10_000), (enters, 20_000), (turns, 2_000)])
def test_bars_whose_levels_are_told(strategy, n):
    """Every bar is a new high: its trail moves, and leaves a row."""

    def prepare(n):
        price = 100.0 + 0.001 * np.arange(n)
        signals = {"x0": np.ones(n), "x1": np.zeros(n)}
        data = MarketData.from_arrays(
            ["A"],
            DAY * np.arange(n),
            np.arange(n + 1),
            np.zeros(n, np.int32),
            *[price] * 4,
            features=signals,
        )
        config = RICH.replace(ledger="all")
        engine = BacktestEngine(data, strategy(), rules=[TrailingStop(0.5)], config=config)
        return lambda: engine.run().ledger

    assert_linear(prepare, n, "bars whose levels are told")


@pytest.mark.parametrize("strategy", [Buys, partial(Batch, hold_all), enters, turns])
def test_assets(strategy):
    def prepare(n):
        return BacktestEngine(market(4, n, n_columns=2), strategy(), config=RICH).run

    assert_linear(prepare, 2_000, "assets")


class ReadsOne(RiskRule):
    """Reads one column by its name at every close."""

    def evaluate(self, context):
        assert context.features["x2"] == 100.0
        return RiskDecision.no_action()


def test_feature_columns():
    def prepare(n):
        # Not a market that was kept: the first event makes a type with its columns as attributes.
        data = market.__wrapped__(4, 2, n_columns=n)
        return BacktestEngine(data, Buys(), rules=[ReadsOne()], config=RICH).run

    assert_linear(prepare, 10_000, "feature columns")


def chunks_of(n_chunks, length=4):
    """Chunks of one asset, each with the last bar of the one before."""
    for i in range(n_chunks):
        first = i * length
        times = DAY * np.arange(first + (i == 0), first + length + 1)
        price = np.full(len(times), 100.0)
        yield MarketData.from_arrays(
            ["A"],
            times,
            np.arange(len(times) + 1),
            np.zeros(len(times), np.int32),
            price,
            price,
            price,
            price,
            carried_times=None if i == 0 else times[:1],
        )


def test_chunks():
    def prepare(n):
        return BacktestEngine(list(chunks_of(n)), Buys(), config=RICH).run

    assert_linear(prepare, 500, "chunks")


def resident():
    """Bytes of this process that are in memory."""
    gc.collect()
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * 4096


def growth_of_runs(n):
    """Bytes that ``n`` runs leave behind, after as many before them."""
    data = market(2_000, 1, n_columns=2)
    marks = []
    for _ in range(2):
        for _ in range(n):
            result = BacktestEngine(data, Buys(), config=RICH).run()
            assert len(result.fills) == 1
        marks.append(resident())
    return marks[1] - marks[0]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_runs_in_one_process_leave_nothing_behind():
    # A run of 2,000 bars writes 64,000 bytes: twenty that stayed would be 1.3 MB.
    assert in_fresh_process(growth_of_runs, 20) < 500_000


def kept_of_a_run(n_assets):
    """Bytes that a result holds whose run had so many assets, and one of them in its hands."""
    in_hand = (np.arange(4 * n_assets) % n_assets == 0) * 1.0
    data = MarketData.from_arrays(
        [f"A{i}" for i in range(n_assets)],
        DAY * np.arange(4),
        np.arange(0, 4 * n_assets + 1, n_assets),
        np.tile(np.arange(n_assets, dtype=np.int32), 4),
        *[np.full(4 * n_assets, 100.0)] * 4,
        features={"x0": in_hand, "x1": 0.0 * in_hand},
    )
    kept = []
    for n in (5, 40):
        before = resident()
        kept += [BacktestEngine(data, enters(), config=RICH).run() for _ in range(n)]
    assert len(kept[-1].fills) == 1
    return (resident() - before) / 40


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_a_result_keeps_nothing_by_asset_of_its_run():
    # The positions of 5,000 assets are 2 MB, and what can wait for them is another.
    assert in_fresh_process(kept_of_a_run, 5_000) < 500_000


def test_runs_in_one_process_take_no_longer():
    def prepare(n):
        def runs():
            for _ in range(n):
                BacktestEngine(market(200, 2), Buys(), config=RICH).run()

        return runs

    assert_linear(prepare, 40, "runs")
