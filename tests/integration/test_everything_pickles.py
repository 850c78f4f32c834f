"""All that a run is made of goes through pickle, and the run comes out the same, bit for bit."""

import copy
import inspect
import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scenes import day, market
from unit.strategy.test_copies import LEAVES, Every, keep

from ml4t import backtest
from ml4t.backtest import (
    BacktestConfig,
    Commission,
    CompiledStrategy,
    Sessions,
    SignalStrategy,
    Slippage,
    Strategy,
    TargetWeights,
    TopK,
    run_backtest,
)
from ml4t.backtest import risk as rules
from ml4t.backtest.records.frames import TABLES
from ml4t.backtest.risk import (
    AllOf,
    AnyOf,
    BreakEven,
    CFuncRule,
    CompiledRule,
    CompositeRule,
    DynamicTrailingStop,
    LimitBreach,
    LongOnly,
    MaxCVaR,
    MaxDailyLoss,
    MaxDrawdown,
    MaxGrossExposure,
    MaxGroupExposure,
    MaxLeverage,
    MaxLoss,
    MaxNetExposure,
    MaxPositions,
    MaxPositionWeight,
    MaxTurnover,
    MaxVaR,
    PortfolioLimit,
    PortfolioRule,
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RegimeDependentRule,
    RestrictedAssets,
    RiskDecision,
    RiskManager,
    RiskRule,
    ScaledExit,
    SessionExit,
    SignalExit,
    TimeBasedExit,
    TrailingStop,
    VolatilityScaledStopLoss,
    VolatilityScaledTakeProfit,
    VolatilityTarget,
    as_rule,
)


class Mine(RiskRule):
    """A rule with an attribute of its own."""

    def __init__(self, bars):
        self.bars = bars

    def evaluate(self, context):
        done = context.bars_held >= self.bars
        return RiskDecision.exit_now(reason="mine") if done else RiskDecision.no_action()


class Few(PortfolioRule):
    """A limit with an attribute of its own."""

    def __init__(self, n):
        super().__init__(on_breach="scale")
        self.n = n

    def evaluate(self, portfolio):
        n = portfolio.n_positions
        return LimitBreach(n, self.n) if n > self.n else None


STRATEGIES = {
    Strategy: Every(3),
    SignalStrategy: SignalStrategy(
        "up", "down", percent=0.4, limit="price", valid="day", max_positions=1, rank="score"
    ),
    TargetWeights: TargetWeights("score", every=3, when=("up", 5)),
    TopK: TopK("score", 1, short_k=1, every="week_start", percent=0.5, short_percent=0.4),
}
RULES = {
    PriceBasedStopLoss: PriceBasedStopLoss(pct=0.02, only_tighten=True, priority=2),
    PriceBasedTakeProfit: PriceBasedTakeProfit(pct=0.03, name="Target"),
    TrailingStop: TrailingStop(0.02),
    VolatilityScaledStopLoss: VolatilityScaledStopLoss(2.0, atr=1.0),
    VolatilityScaledTakeProfit: VolatilityScaledTakeProfit(3.0, volatility=0.01, name="Far"),
    BreakEven: BreakEven(0.01, costs=True),
    DynamicTrailingStop: DynamicTrailingStop(0.03, schedule=[(0.01, 0.02)]),
    RegimeDependentRule: RegimeDependentRule(
        "score", [TrailingStop(0.02), TimeBasedExit(3)], bands=[0.5], only_tighten=True
    ),
    MaxLoss: MaxLoss(40.0, only_tighten=True),
    TimeBasedExit: TimeBasedExit(4),
    ScaledExit: ScaledExit([(0.03, 0.5), (0.06, 0.5)]),
    SessionExit: SessionExit(bars=1),
    SignalExit: SignalExit("score", below=-1.0, side="short"),
    MaxDailyLoss: MaxDailyLoss(0.02),
    MaxDrawdown: MaxDrawdown(0.02, on_breach="flatten", resume=5),
    MaxLeverage: MaxLeverage(0.5, on_breach="scale"),
    MaxGrossExposure: MaxGrossExposure(0.3, on_breach="scale"),
    MaxNetExposure: MaxNetExposure(value=20_000.0, on_breach="scale"),
    MaxPositionWeight: MaxPositionWeight(0.1, on_breach="scale"),
    MaxGroupExposure: MaxGroupExposure({"A": "x", "B": "x"}, 0.3, on_breach="scale"),
    MaxPositions: MaxPositions(1, rank="score"),
    MaxTurnover: MaxTurnover(0.2, bars=2, on_breach="scale"),
    VolatilityTarget: VolatilityTarget(0.1, 3, 2),
    MaxVaR: MaxVaR(0.001, 0.6, 5, 2),
    MaxCVaR: MaxCVaR(0.001, 0.6, 5, 2, on_breach="warn"),
    RestrictedAssets: RestrictedAssets("Z"),
    LongOnly: LongOnly(),
    Few: Few(1),
    CompositeRule: CompositeRule([TrailingStop(0.03), keep]),
    AnyOf: AnyOf([TimeBasedExit(5), TrailingStop(0.01)], priority=1),
    AllOf: AllOf([TimeBasedExit(2), Mine(3)]),
    CFuncRule: LEAVES,
    "a function": as_rule(keep, name="Keeps"),
    "of a user": Mine(3),
}
CONFIGS = {
    BacktestConfig: BacktestConfig(account="margin", initial_cash=50_000.0, profile="backtrader"),
    Commission: BacktestConfig(
        account="margin", commission=Commission(percent=0.001, minimum=1.0, maximum=20.0)
    ),
    Slippage: BacktestConfig(account="margin", slippage=Slippage(percent=0.001, per_unit=0.01)),
}
MANAGERS = {RiskManager: RiskManager([TrailingStop(0.02), Mine(4)], lower=False)}
PARTS = {
    **{("strategy", name): part for name, part in STRATEGIES.items()},
    **{("rules", name): part for name, part in RULES.items()},
    **{("config", name): part for name, part in CONFIGS.items()},
    **{("risk_manager", name): part for name, part in MANAGERS.items()},
}
# Sessions of five bars: what leaves before a close needs several.
FIVE = [
    (pd.Timestamp(day(t)).date(), pd.Timestamp(day(t) - 1), pd.Timestamp(day(t + 4)))
    for t in range(0, 60, 5)
]
MARGIN = BacktestConfig(account="margin", calendar=Sessions(table=FIVE))


def data():
    draw = np.random.default_rng(7)
    steps = 100.0 * np.exp(np.cumsum(draw.normal(0.0, 0.01, (2, 60)), axis=1))
    bars = {
        name: [(p, p * 1.01, p * 0.99, p * 1.002) for p in path]
        for name, path in zip("AB", steps, strict=True)
    }
    columns = {name: {asset: draw.normal(size=60) for asset in "AB"} for name in ("up", "score")}
    columns["down"] = {asset: -values for asset, values in columns["up"].items()}
    columns["price"] = {asset: [bar[3] * 0.999 for bar in bars[asset]] for asset in "AB"}
    return market(bars, columns)


def tables(given):
    given = {"strategy": Every(2), "config": MARGIN} | given
    result = run_backtest(data(), **given)
    return {name: getattr(result, name) for name in TABLES}


@pytest.mark.parametrize(("argument", "name"), PARTS)
def test_a_part_of_a_run_is_pickled_and_the_run_is_the_same(argument, name):
    part = PARTS[argument, name]
    runs = [
        tables({argument: one}) for one in (pickle.loads(pickle.dumps(part)), part)
    ]  # the copy first: a strategy in Python remembers its last run
    assert len(runs[0]["fills"]) > 2
    for table in TABLES:
        assert runs[0][table].equals(runs[1][table]), table


def test_a_result_is_pickled_and_copied_after_its_tables_were_looked_at():
    result = run_backtest(data(), Every(2), config=MARGIN)
    looked_at = {name: getattr(result, name) for name in TABLES}
    for other in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
        for table in TABLES:
            assert getattr(other, table).equals(looked_at[table]), table


def test_the_tables_above_have_every_public_strategy_rule_and_setting():
    """A class that is added has to be added here, too."""
    made = {name for _, name in PARTS}
    bases = (Strategy, RiskRule, CompiledRule, BacktestConfig, Commission, Slippage, RiskManager)
    public = {
        thing
        for room in (backtest, rules)
        for thing in (getattr(room, name) for name in room.__all__)
        if inspect.isclass(thing) and issubclass(thing, bases)
    }
    # What users derive from: their classes are Every, Mine and those of test_copies.
    assert public - made == {
        RiskRule,
        PortfolioLimit,
        PortfolioRule,
        CompiledRule,
        CompiledStrategy,
    }


@pytest.mark.parametrize(
    ("make", "where"),
    [
        (lambda: as_rule(lambda context: None), "FunctionRule.function is a lambda"),
        (lambda: AnyOf([lambda context: None]), "AnyOf.rules cannot be pickled .*<lambda>"),
        (lambda: Mine(lambda: 3), "Mine.bars is a lambda"),
        (lambda: Mine(partial(lambda: 3)), "Mine.bars cannot be pickled .*<lambda>"),
    ],
    ids=["a rule", "a member", "an attribute", "inside of an attribute"],
)
def test_the_attribute_of_a_rule_that_holds_a_lambda_is_named(make, where):
    with pytest.raises(pickle.PicklingError, match=f"{where}.*: .*top of a module"):
        pickle.dumps(make())
