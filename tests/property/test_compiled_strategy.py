"""SignalStrategy without Python in the loop does what the same strategy does bar by bar in Python.

Half of the markets have one asset: there the compiled run walks quiet bars without the seven steps.
"""

from collections import Counter
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
MARKETS = 400
COLUMNS = ("long_in", "long_out", "short_in", "short_out")


class Twin(Strategy):
    """What SignalStrategy's docstring says, written in Python."""

    def __init__(self, shorts: bool, **size: float) -> None:
        self.shorts = shorts
        self.size = size

    def on_market_data(self, event) -> None:
        if self.open_orders(event.asset):
            return
        enters = event.long_in > 0
        shorts = self.shorts and event.short_in > 0
        held = self.quantity(event.asset)
        if held == 0.0:
            if enters:
                self.buy(event.asset, **self.size)
            elif shorts:
                self.sell(event.asset, **self.size)
        elif held > 0.0:
            self.leave(event.asset, shorts, event.long_out > 0, self.sell)
        else:
            self.leave(event.asset, enters, event.short_out > 0, self.buy)

    def leave(self, asset: str, reverses: bool, leaves: bool, enter) -> None:
        if reverses or leaves:
            self.close(asset)
        if reverses:
            enter(asset, **self.size)


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
        kind = rng.choice(("percent", "quantity", "value"))
        size = {kind: rng.choice((0.5, 0.9, 1.9 if kind == "percent" else 7.0))}
        shorts = rng.random() < 0.5
        columns = {"short_entry": "short_in", "short_exit": "short_out"} if shorts else {}
        compiled = run(case, data, SignalStrategy("long_in", "long_out", **columns, **size))
        twin = run(case, data, Twin(shorts, **size))
        assert differences(outcome(twin), outcome(compiled)) == []
        met["trades"] += len(compiled.trades)
        met["levels"] += int(compiled.trades["level"].notna().sum())
        met["splits"] += int((data.actions["kind"] == 0).sum())

    for_markets(100 + shard, MARKETS // 2, check)
    assert met["trades"] > 1000
    assert met["levels"] > 100
    assert met["splits"] > 50
