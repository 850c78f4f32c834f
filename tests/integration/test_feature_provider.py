"""Contexts get their features from a provider when there is one, each asked for once at most."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scenes import FLAT, Acts, buy_first, day, market, only_trade, run

from ml4t.backtest import Strategy
from ml4t.backtest.data.features.providers import (
    CallableFeatureProvider,
    FeatureProvider,
    PrecomputedFeatureProvider,
)
from ml4t.backtest.risk import (
    InvalidRuleError,
    PriceBasedStopLoss,
    RiskDecision,
    RiskManager,
    numba_rule,
)

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


# --- a provider with columns ----------------------------------------------------------------------


class Columnar(Counting):
    """The same numbers at once; asked how often for them."""

    def __init__(self):
        super().__init__()
        self.n_columns = 0

    def columns(self, data):
        self.n_columns += 1
        t = (data.timestamps - day(0)) // (day(1) - day(0))
        return {"age": np.repeat(t, np.diff(data.offsets))}, {"vix": 10 * t}


def test_columns_are_read_and_nothing_is_asked_one_by_one():
    seen, asked = [], []
    provider = Columnar()
    provided_run(provider, [reads(seen)])
    provided_run(Counting(), [reads(asked)])
    assert seen == asked
    assert len(seen) > N
    assert provider.n_columns == 1
    assert not provider.asked


def test_a_context_has_the_columns_of_the_provider_and_no_others():
    seen = []

    def rule(context):
        seen.append((dict(context.features), dict(context.market_features)))
        return RiskDecision.no_action()

    data = market({"A": BARS}, features={"size": {"A": [1.0] * N}}, context={"rate": [0.02] * N})
    for provider in (Columnar(), Counting()):
        manager = RiskManager([rule], feature_provider=provider)
        run(data, acts=Acts({0: buy_first}), risk_manager=manager)
    assert seen[: len(seen) // 2] == seen[len(seen) // 2 :]
    assert seen[0] == ({"age": 0.0}, {"vix": 0.0})


def stops_of(*levels):
    """A table with a stop for A, from the first bar on and from each one after."""
    times = pd.to_datetime([day(t) for t in range(len(levels))], utc=True)
    return pd.DataFrame({"timestamp": times, "asset": "A", "stop": levels})


FALLS = [FLAT, FLAT, (100.0, 100.0, 96.0, 97.0), (97.0, 97.0, 90.0, 91.0)]


@pytest.mark.parametrize("lower", [True, False])
def test_a_parameter_is_a_column_of_the_provider(lower):
    provider = PrecomputedFeatureProvider(stops_of(95.0))
    rule = PriceBasedStopLoss(price="stop")
    manager = RiskManager([rule], feature_provider=provider, lower=lower)
    trade = only_trade(run(FALLS, risk_manager=manager))
    # Frozen at the opening: 95, met by the bar that falls from 97 to 90.
    assert (trade["exit_price"], trade["level"]) == (95.0, 95.0)


def test_columns_of_the_provider_go_before_those_of_the_data():
    data = market({"A": FALLS}, features={"stop": {"A": [50.0] * 4}, "tight": {"A": [97.0] * 4}})
    provider = PrecomputedFeatureProvider(stops_of(95.0))

    def level(column):
        rules = [PriceBasedStopLoss(price=column)]
        manager = RiskManager(rules, feature_provider=provider)
        return only_trade(run(data, risk_manager=manager))["level"]

    assert level("stop") == 95.0
    assert level("tight") == 97.0
    with pytest.raises(ValueError, match=r"a rule reads no column 'stopp'.*did you mean 'stop'"):
        level("stopp")


def test_a_rule_added_during_a_run_reads_columns_of_the_provider():
    manager = RiskManager(feature_provider=PrecomputedFeatureProvider(stops_of(95.0)))

    def add(strategy):
        with pytest.raises(InvalidRuleError, match=r"give 'stopp' among.*did you mean 'stop'"):
            manager.add_rule(PriceBasedStopLoss(price="stopp"))
        manager.add_rule(PriceBasedStopLoss(price="stop"))
        strategy.buy("A", 10.0)

    trade = only_trade(run(FALLS, acts={0: add}, risk_manager=manager))
    assert trade["level"] == 95.0


def test_a_compiled_rule_reads_columns_of_the_provider():
    @numba_rule(columns=("stop",))
    def at_the_stop(view, columns, answer):
        answer.update_stop_loss = columns[0]

    provider = PrecomputedFeatureProvider(stops_of(90.0, 90.0, 96.5))
    manager = RiskManager([at_the_stop], feature_provider=provider)
    trade = only_trade(run(FALLS, risk_manager=manager))
    # Bought at the open of bar 1; the close of bar 2 moves the stop to 96.5, which bar 3 meets.
    assert (trade["exit_price"], trade["level"]) == (96.5, 96.5)


def test_a_table_is_no_provider():
    with pytest.raises(TypeError, match="must be a FeatureProvider, was DataFrame"):
        RiskManager(feature_provider=stops_of(95.0))


# --- one provider for a strategy and its rules ----------------------------------------------------


class Asks(Strategy):
    """Asks for every asset at every time, whether it has a bar or not; trades what has one."""

    def __init__(self, provider):
        self.provider = provider
        self.seen = []

    def on_timestamp_batch(self, timestamp, events, context):
        t = (timestamp.value - day(0)) // (day(1) - day(0))
        for asset in self.data.assets:
            features = self.provider.get_features(asset, timestamp)
            self.seen.append((asset, t, features["age"]))
        self.seen.append(("market", t, self.provider.get_market_features(timestamp)["vix"]))
        # The orders of B fill at its bar after the one that is missing.
        {1: self.buy, 4: self.close, 6: self.buy, 9: self.buy}.get(t, _nothing)("A", *_one(t))
        {3: self.buy, 7: self.buy}.get(t, _nothing)("B", 1.0)


def _nothing(*_):
    pass


def _one(t):
    return () if t == 4 else (1.0,)


def test_one_provider_serves_a_strategy_and_rules_and_calls_once():
    provider = Counting()
    shared = CallableFeatureProvider(provider.get_features, provider.get_market_features)
    seen = []
    strategy = Asks(shared)
    manager = RiskManager([reads(seen), reads([])], feature_provider=shared)
    bars_of_b = [None if t in (4, 8) else FLAT for t in range(N)]
    run(market({"A": BARS, "B": bars_of_b}), acts=strategy, risk_manager=manager)
    assert max(provider.asked.values()) == 1
    assert len(provider.asked) == 3 * N
    assert strategy.seen[3:6] == [("A", 1, 1.0), ("B", 1, 1.0), ("market", 1, 10.0)]
    # B has no bar at 4: its opening at 5 knows what was known of it at 3.
    assert ("B", True, 3.0, 40.0) in seen
    assert ("B", True, 7.0, 80.0) in seen
    assert ("A", True, 9.0, 90.0) in seen
