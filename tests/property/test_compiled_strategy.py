"""SignalStrategy without Python in the loop does what the same strategy does bar by bar in Python.

Half of the markets have one asset: there the compiled run walks quiet bars without the seven steps.
"""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from property.adapter import outcome
from property.differences import differences
from property.markets import case_of, for_markets, without_scripts
from property.relations import without_events
from property.signals import (
    SHORTS,
    Twin,
    random_limits,
    random_size,
    random_terms,
    run_strategy,
    with_signals,
)
from reference import Case

from ml4t.backtest import SignalStrategy

SHARDS = 2
MARKETS = 500


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
            case.rules[:] = without_scripts(case.rules)
        case = with_signals(case, rng)
        size = random_size(case, rng)
        longs, shorts = rng.choice(((True, False), (True, True), (True, True), (False, True)))
        columns = {"entry": "long_in", "exit": "long_out"} if longs else {}
        columns |= SHORTS if shorts else {}
        if n_assets > 1:  # a basket is paid as a whole, orders made in Python one by one
            case.settings = replace(case.settings, on_insufficient="allow")
        terms = random_terms(case, rng) if rng.random() < 0.6 else {}
        if terms.keys() & {"limit", "stop", "trail", "trail_percent"}:
            size.pop("size_at", None)
        asked = size | terms | (random_limits(rng, n_assets) if rng.random() < 0.6 else {})
        compiled = run_strategy(case, SignalStrategy(**columns, **asked))
        negative = tuple(f"A{asset}" for asset in case.market.negative)
        strategy = Twin(longs, shorts, **asked, settings=case.settings, negative=negative)
        twin = run_strategy(case, strategy)
        found, expected = outcome(compiled), outcome(twin)
        passed_over = [
            row
            for row in found.events
            if row["kind"] == "passed_over" and row["reason"] != "zero_quantity"  # of rules
        ]
        # In Python a reversal is a plain order against a position that is being closed.
        expected = without_events(expected, "duplicate_exit", "passed_over")
        found = without_events(found, "passed_over")
        assert differences(expected, found) == []
        told = [(row["timestamp"], row["asset"], row["reason"]) for row in passed_over]
        assert told == strategy.passed_over
        met.update(row["reason"] for row in passed_over)
        met["added"] += strategy.n_added
        met["replaced"] += strategy.n_replaced
        met.update(compiled.orders["order_type"])
        met["capped"] += sum(row["kind"] == "capped" for row in found.events)
        met["trades"] += len(compiled.trades)
        met["levels"] += int(compiled.trades["level"].notna().sum())
        met["splits"] += sum(action.kind == "split" for action in case.market.actions)

    for_markets(100 + shard, MARKETS * 3 // 4, check)
    assert met["trades"] > 900
    assert met["levels"] > 100
    assert met["splits"] > 50
    assert met["capped"] > 50
    assert met["exit_pending"] > 5
    assert met["conflicting_signal"] > 20
    assert met["no_price"] > 20
    assert met["crossed_prices"] > 20
    assert met["added"] > 20
    assert met["replaced"] > 5
    assert met["position_limit"] > 20 or n_assets == 1
    assert min(met[kind] for kind in ("limit", "stop", "stop_limit", "trailing_stop")) > 20
