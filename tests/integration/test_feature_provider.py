"""Contexts get their features from a provider when there is one, each asked for once at most."""

from collections import Counter

import pandas as pd
import pytest
from scenes import FLAT, Acts, day, market, run

from ml4t.backtest.data.providers import CallableFeatureProvider, FeatureProvider
from ml4t.backtest.risk import RiskDecision, RiskManager

N = 12
BARS = [FLAT] * N


class Counting(FeatureProvider):
    """The number of the bar as "age", and how often it was asked."""

    def __init__(self):
        self.asked = Counter()

    def get_features(self, asset, timestamp):
        t = (pd.Timestamp(timestamp).value - day(0)) // (day(1) - day(0))
        self.asked[asset, t] += 1
        return {"age": t}

    def get_market_features(self, timestamp):
        t = (pd.Timestamp(timestamp).value - day(0)) // (day(1) - day(0))
        self.asked["market", t] += 1
        return {"vix": 10.0 * t}


def reads(seen):
    def rule(context):
        seen.append(
            (
                context.asset_id,
                context.opening,
                context.features["age"],
                context.market_features["vix"],
            )
        )
        return RiskDecision.no_action()

    return rule


def quiet(context):
    """Looks at prices only."""
    return RiskDecision.update_stops(stop_loss=context.open * 0.5)


# A position from bar 2 on, one from bar 4 on; both are closed and opened again on the way.
ACTS = {
    1: lambda s: s.buy("A", 1.0),
    3: lambda s: (s.buy("B", 1.0), s.close("A")),
    4: lambda s: s.buy("A", 1.0),
    6: lambda s: s.buy("A", 1.0),
}


def provided_run(provider, rules):
    manager = RiskManager(rules, feature_provider=provider)
    run(market({"A": BARS, "B": BARS}), acts=Acts(ACTS), risk_manager=manager)
    return manager


def test_a_context_has_what_the_provider_knew_then():
    seen = []
    provided_run(Counting(), [reads(seen)])
    assert seen[0] == ("A", True, 1.0, 10.0)  # opened at bar 2: what was known is of bar 1
    assert seen[1] == ("A", False, 2.0, 20.0)
    assert ("A", True, 6.0, 60.0) in seen  # added to at the open of bar 7
    assert {row[0] for row in seen} == {"A", "B"}


def test_the_provider_is_asked_once_for_an_asset_and_time():
    provider = Counting()
    manager = provided_run(provider, [reads([]) for _ in range(10)])
    assert max(provider.asked.values()) == 1
    assert {asset for asset, _ in provider.asked} == {"A", "B", "market"}
    # An opening at t + 1 and the close of t share what was known at t.
    assert len([key for key in provider.asked if key[0] == "A"]) < manager.contexts_built
    assert manager.evaluations == 10 * manager.contexts_built


def test_what_no_rule_reads_is_never_computed():
    provider = Counting()
    manager = provided_run(provider, [quiet] * 3)
    assert manager.contexts_built > N
    assert not provider.asked


def test_only_what_is_read_is_computed():
    provider = Counting()

    def on_b(context):
        if context.asset_id == "B" and not context.opening:
            assert context.features["age"] >= 4.0
        return RiskDecision.no_action()

    provided_run(provider, [on_b, quiet])
    assert provider.asked == Counter({("B", t): 1 for t in range(4, N)})


def test_without_a_provider_the_columns_of_the_data_are_the_features():
    seen = []

    def rule(context):
        seen.append((context.features["age"], context.market_features["vix"]))
        return RiskDecision.no_action()

    data = market(
        {"A": BARS},
        features={"age": {"A": list(range(N))}},
        context={"vix": [10.0 * t for t in range(N)]},
    )
    run(data, [rule], Acts({1: lambda s: s.buy("A", 1.0)}))
    assert seen[:3] == [(1.0, 10.0), (2.0, 20.0), (3.0, 30.0)]


def test_a_provider_of_functions_serves_rules():
    seen = []
    provider = CallableFeatureProvider(
        lambda asset, time: {"age": ord(asset)}, lambda time: {"vix": 15}
    )
    provided_run(provider, [reads(seen)])
    assert {(asset, age, vix) for asset, _, age, vix in seen} == {
        ("A", 65.0, 15.0),
        ("B", 66.0, 15.0),
    }


def test_a_provider_that_fails_stops_the_run_with_the_rule_that_asked():
    def fail(asset, time):
        raise LookupError("no such table")

    with pytest.raises(RuntimeError, match="raised LookupError: no such table"):
        provided_run(CallableFeatureProvider(fail), [reads([])])
