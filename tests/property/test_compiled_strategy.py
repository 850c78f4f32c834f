"""SignalStrategy without Python in the loop does what the same strategy does bar by bar in Python.

Half of the markets have one asset: there the compiled run walks quiet bars without the seven steps.
"""

from collections import Counter
from random import Random

import pytest
from property.adapter import outcome
from property.differences import differences
from property.markets import case_of, for_markets
from property.signals import SHORTS, Twin, run_strategy, with_signals
from reference import Case

from ml4t.backtest import SignalStrategy

SHARDS = 2
MARKETS = 400


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
        case = with_signals(case, rng)
        kind = rng.choice(("percent", "quantity", "value"))
        size = {kind: rng.choice((0.5, 0.9, 1.9 if kind == "percent" else 7.0))}
        shorts = rng.random() < 0.5
        columns = SHORTS if shorts else {}
        compiled = run_strategy(case, SignalStrategy("long_in", "long_out", **columns, **size))
        twin = run_strategy(case, Twin(shorts, **size))
        assert differences(outcome(twin), outcome(compiled)) == []
        met["trades"] += len(compiled.trades)
        met["levels"] += int(compiled.trades["level"].notna().sum())
        met["splits"] += sum(action.kind == "split" for action in case.market.actions)

    for_markets(100 + shard, MARKETS // 2, check)
    assert met["trades"] > 1000
    assert met["levels"] > 100
    assert met["splits"] > 50
