"""SignalStrategy without Python in the loop does what the same strategy does bar by bar in Python.

Half of the markets have one asset: there the compiled run walks quiet bars without the seven steps.
"""

from collections import Counter
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from property.adapter import config_of, data_of, desk_of, outcome
from property.differences import differences
from property.markets import case_of, for_markets
from reference import Case

from ml4t.backtest import BacktestEngine, MarketData, SignalStrategy, Strategy
from ml4t.backtest.risk import RiskManager

SHARDS = 2
MARKETS = 500
COLUMNS = ("long_in", "long_out", "short_in", "short_out")


class Twin(Strategy):
    """What SignalStrategy's docstring says, written in Python; of its events it keeps a list."""

    def __init__(self, longs: bool, shorts: bool, **size: float) -> None:
        self.longs = longs
        self.shorts = shorts
        self.size = size
        self.passed_over: list[tuple] = []

    def on_market_data(self, event) -> None:
        enters = self.longs and event.long_in > 0
        shorts = self.shorts and event.short_in > 0
        held = self.quantity(event.asset)
        if held > 0.0:
            self.held(event, enters, self.longs and event.long_out > 0, shorts, self.sell)
        elif held < 0.0:
            self.held(event, shorts, self.shorts and event.short_out > 0, enters, self.buy)
        elif enters:
            self.pass_over(event, shorts, "conflicting_signal")
            self.buy(event.asset, **self.size)
        elif shorts:
            self.sell(event.asset, **self.size)

    def held(self, event, enters: bool, leaves: bool, reverses: bool, enter) -> None:
        exit_waits = bool(self.open_orders(event.asset))
        if reverses or (leaves and not exit_waits):
            self.pass_over(event, enters, "conflicting_signal")
        elif exit_waits:
            self.pass_over(event, enters, "exit_pending")
        if (reverses or leaves) and not exit_waits:
            self.close(event.asset)
        if reverses:
            enter(event.asset, **self.size)

    def pass_over(self, event, was_on: bool, reason: str) -> None:
        if was_on:
            self.passed_over.append((event.timestamp_ns, event.asset, reason))


def with_signals(case: Case, rng: Random) -> MarketData:
    data = data_of(case)
    busy = rng.choice((0.02, 0.1, 0.3))
    draws = {
        name: np.array([rng.choice((1.0, 2.5)) if rng.random() < busy else rng.choice((0.0, np.nan, -1.0))
                        for _ in range(data.n_rows)])
        for name in COLUMNS
    }  # fmt: skip
    return MarketData.from_arrays(
        data.assets, data.timestamps, data.offsets, data.asset_codes,
        data.open, data.high, data.low, data.close,
        features=data.features | draws, context=data.context, actions=data.actions,
    )  # fmt: skip


def run(case: Case, data: MarketData, strategy: Strategy):
    manager = RiskManager()
    desk_of(case, manager).strategy = strategy
    engine = BacktestEngine(data, strategy, risk_manager=manager, config=config_of(case.settings))
    return engine.run()


@pytest.mark.parametrize("n_assets", [1, 3])
@pytest.mark.parametrize("shard", range(SHARDS))
def test_compiled_and_python_strategy_agree(shard, n_assets):
    met: Counter = Counter()

    def check(case: Case) -> None:
        rng = Random(len(case.market.bars) + len(case.rules))
        case = case_of(
            rng.getrandbits(40), n_assets, len(case.market.timestamps) * 4, len(case.rules)
        )
        # Rules asked in Python end every quiet stretch; half of the markets do without them.
        if rng.random() < 0.5:
            case.rules[:] = [rule for rule in case.rules if rule.kind != "scripted"]
        data = with_signals(case, rng)
        size = {rng.choice(("percent", "quantity", "value")): rng.choice((0.5, 0.9, 7.0))}
        longs, shorts = rng.choice(((True, False), (True, True), (True, True), (False, True)))
        columns = {"entry": "long_in", "exit": "long_out"} if longs else {}
        columns |= {"short_entry": "short_in", "short_exit": "short_out"} if shorts else {}
        if n_assets > 1:  # a basket is paid as a whole, orders made in Python one by one
            case.settings = replace(case.settings, on_insufficient="allow")
        compiled = run(case, data, SignalStrategy(**columns, **size))
        strategy = Twin(longs, shorts, **size)
        twin = run(case, data, strategy)
        found, expected = outcome(compiled), outcome(twin)
        passed_over = [row for row in found.events if row["kind"] == "passed_over"]
        # In Python a reversal is a plain order against a position that is being closed.
        expected.events = [row for row in expected.events if row["kind"] != "duplicate_exit"]
        found.events = [row for row in found.events if row["kind"] != "passed_over"]
        assert differences(expected, found) == []
        told = [(row["timestamp"], row["asset"], row["reason"]) for row in passed_over]
        assert told == strategy.passed_over
        met.update(row["reason"] for row in passed_over)
        met["trades"] += len(compiled.trades)
        met["levels"] += int(compiled.trades["level"].notna().sum())
        met["splits"] += int((data.actions["kind"] == 0).sum())

    for_markets(100 + shard, MARKETS // 2, check)
    assert met["trades"] > 1000
    assert met["levels"] > 100
    assert met["splits"] > 50
    assert met["exit_pending"] > 5
    assert met["conflicting_signal"] > 20
