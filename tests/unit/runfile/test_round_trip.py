"""Python to file to Python, and what cannot be written."""

import dataclasses
import datetime

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest import (
    BacktestConfig,
    DataFeed,
    MarketData,
    Sessions,
    SignalStrategy,
    Slippage,
    Strategy,
)
from ml4t.backtest.data import ATR, CallableFeatureProvider, Table
from ml4t.backtest.demo import AlwaysInvested, TopPredictions
from ml4t.backtest.provenance.rules import RULES, describe_rule
from ml4t.backtest.risk import (
    AllOf,
    AnyOf,
    BreakEven,
    CompositeRule,
    DynamicTrailingStop,
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
    PortfolioRule,
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RegimeDependentRule,
    RestrictedAssets,
    RiskDecision,
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
from ml4t.backtest.runfile import RunFile, RunFileError
from ml4t.backtest.runfile.imports import make
from ml4t.backtest.runfile.sections import NamedRule
from ml4t.backtest.runfile.text import read_file

EVERY_RULE = [
    PriceBasedStopLoss(pct=0.1),
    PriceBasedStopLoss(price="level", priority=-2, name="floor"),
    PriceBasedStopLoss(pct=0.1, only_tighten=True),
    PriceBasedTakeProfit(price=120),
    TrailingStop(np.float64(0.1)),
    TrailingStop(amount=2.5),
    TrailingStop(atr="atr", k=3),
    VolatilityScaledStopLoss(2, atr="atr", only_tighten=True),
    VolatilityScaledStopLoss(2, atr=ATR(10)),
    SignalExit("RSI(14, field='open')", above=70),
    MaxPositions(8, rank=ATR(10)),
    VolatilityScaledTakeProfit(2.5, volatility=0.1, priority=1),
    TrailingStop(0.1, activation=0.05),
    VolatilityScaledStopLoss(2, atr="atr", live=True),
    BreakEven(0.05, costs=True),
    DynamicTrailingStop(0.1, tighten=0.01, floor=0.02),
    DynamicTrailingStop("pct", tighten=0.01, floor=0.02),
    DynamicTrailingStop({"regime": {0: 0.1, 1: 0.05}}, tighten=0.01, floor=0.02),
    DynamicTrailingStop(0.1, schedule=[(0.1, 0.05), (0.2, 0.03)]),
    MaxLoss(500, only_tighten=True),
    MaxLoss("money"),
    RegimeDependentRule("regime", {0: TrailingStop(0.1), 1: MaxLoss(50)}, priority=2),
    RegimeDependentRule(
        "vix", [TrailingStop(0.1), TimeBasedExit(3)], bands=[25], hysteresis=1, only_tighten=True
    ),
    PriceBasedTakeProfit(r=2),
    TrailingStop({"regime": {0: 0.1, 1: np.float64(0.04)}}),
    ScaledExit([(0.03, 0.5), (np.float64(0.06), 0.5)], priority=1),
    TimeBasedExit("bars"),
    SignalExit("bars", above=70, side="long"),
    SessionExit(minutes=7.5, priority=1),
    SessionExit(bars=2),
    MaxDailyLoss(value=500.0, on_breach="flatten"),
    MaxDailyLoss(0.1, resume="never"),
    MaxDrawdown(0.1, resume="never"),
    MaxDrawdown(0.1, on_breach="warn"),
    MaxDrawdown(0.1, resume=5, priority=1),
    MaxLeverage(1.5, on_breach="scale"),
    MaxGrossExposure(0.8),
    MaxNetExposure(value=1e5, on_breach="warn"),
    MaxPositionWeight(0.1),
    MaxGroupExposure({"A": "tech", "B": "oil"}, {"tech": 0.2, "oil": 0.4}),
    MaxGroupExposure({"A": "tech"}, value=1e4, name="Tech"),
    MaxPositions(8),
    MaxPositions(8, rank="score"),
    MaxTurnover(0.2, bars=21, on_breach="scale"),
    VolatilityTarget(0.1, window=60, periods_per_year=52),
    MaxVaR(0.02, 0.99),
    MaxCVaR(0.03, min_periods=50, on_breach="halt", resume=10),
    RestrictedAssets(["A", "B"]),
    LongOnly(),
    AnyOf([AllOf([TimeBasedExit(3), TrailingStop(0.2)], priority=4), PriceBasedStopLoss(pct=0.1)]),
    CompositeRule([TimeBasedExit(3), TimeBasedExit(4, name="late")], name="both"),
]


class NothingHalts(PortfolioRule):
    """With the arguments of the base."""

    def evaluate(self, portfolio):
        return None


@pytest.mark.parametrize("given", [{}, {"on_breach": "warn"}, {"on_breach": "halt", "resume": 5}])
def test_a_limit_in_python_is_described_by_what_it_was_given(given):
    described = describe_rule(NothingHalts(**given), "rule")
    assert described.pop("rule").endswith(":NothingHalts")
    assert described == {"on_breach": "reject", **given, "name": "NothingHalts"}


@pytest.mark.parametrize("rule", EVERY_RULE, ids=repr)
def test_a_rule_is_the_same_after_a_file(rule):
    assert NamedRule.model_validate(describe_rule(rule, "rule")).make() == rule


@pytest.mark.parametrize(("place", "modules"), [("", None), ("runs", ".."), ("runs/a", "../..")])
def test_the_folder_of_modules_is_written_relative_to_the_file(folder, place, modules):
    (folder / place).mkdir(parents=True, exist_ok=True)
    run = RunFile.from_python("prices.csv", SignalStrategy("score"))
    path = run.save(folder / place / "run.yaml")
    assert read_file(path).content.get("modules") == modules
    assert RunFile.load(path) == run


def test_every_rule_is_among_them():
    assert [name for name in RULES if f"{name}(" not in repr(EVERY_RULE)] == []


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_a_run_is_the_same_after_a_file(folder, suffix):
    run = RunFile.from_python(
        "prices.csv",
        TopPredictions(places=3, vix_limit=np.float64(30.0)),
        signals={"score": Table("scores.csv", values=["score"], available_after=pd.Timedelta("90min"))},
        features=[ATR(10), Table("more/features.parquet", timing="lag=1")],
        context={"dataset": "vix"},
        actions=folder / "actions.csv",
        rules=[*EVERY_RULE, (TimeBasedExit(20), "AAA"), (TrailingStop(0.3), ["AAA", "BBB"])],
        config=BacktestConfig(
            initial_cash=5_000, account="margin", max_leverage=1.5, commission=0.002,
            slippage=Slippage(spread=0.5, without_quotes=np.float64(0.001)),
            fill_at="close", record_columns=["score"],
        ),
        output="results",
        bar_time="16:00 America/New_York",
        assets=("AAA", "BBB"),
    )  # fmt: skip
    again = RunFile.load(run.save(folder / f"again{suffix}"))
    assert again == run
    assert RunFile.from_mapping(run.description()) == run
    text = (folder / f"again{suffix}").read_text()
    assert str(folder) not in text, "paths below the folder of the file are relative to it"
    assert "fill_at" in text
    assert "gap_fill" not in text, "settings at their default are left out"


def test_a_profile_is_the_same_after_a_file(folder):
    """A switch that is given against it may be at its default: it is written all the same."""
    config = BacktestConfig(profile="vectorbt", slip_stops=True)
    run = RunFile.from_python("prices.csv", TopPredictions(), config=config)
    assert run.config() == config
    assert RunFile.load(run.save(folder / "again.yaml")) == run
    assert RunFile.from_mapping(run.description()) == run


@pytest.mark.parametrize(
    "calendar",
    [
        "XNYS",
        Sessions(open="09:30", close="16:00", tz="America/New_York", early_closes={"2024-11-29": "13:00"}),
        Sessions(open="18:00", close="17:00", weekdays="Mon Tue", holidays=["2024-12-25"]),
        Sessions(table=[("2024-01-02", "2024-01-02T14:30Z", "2024-01-02T21:00Z")], tz="America/New_York"),
    ],
    ids=["name", "times", "overnight", "table"],
)  # fmt: skip
@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_a_calendar_is_the_same_after_a_file(folder, calendar, suffix):
    config = BacktestConfig(calendar=calendar)
    run = RunFile.from_python("prices.csv", TopPredictions(), config=config)
    again = RunFile.load(run.save(folder / f"again{suffix}"))
    assert again == run
    assert again.config() == config
    assert RunFile.from_mapping(run.description()) == run


@pytest.mark.parametrize(
    ("span", "stands"),
    [
        ({}, {}),
        ({"start": "2024-03-05", "end": datetime.date(2024, 3, 9)}, {"start": "2024-03-05", "end": "2024-03-09"}),
        ({"start": "2024", "end": pd.Timestamp("2024-03-09")}, {"start": "2024-01-01T00:00:00", "end": "2024-03-09T00:00:00"}),
        ({"end": np.datetime64("2024-03-09T21:00")}, {"end": "2024-03-09T21:00:00"}),
        ({"start": pd.Timestamp("2024-03-06 16:00", tz="America/New_York")}, {"start": "2024-03-06T16:00:00-05:00"}),
    ],
)  # fmt: skip
def test_a_feed_is_the_same_after_a_file(folder, span, stands):
    prices = pd.read_csv("prices.csv", parse_dates=["timestamp"])
    prices.assign(score=1.0, other=2.0).to_parquet("prices.parquet")
    feed = DataFeed.from_parquet(
        "prices.parquet", signals="score", features=[ATR(3)], assets=("AAA",), values=["score"],
        chunk=np.int64(3), prefetch=False, **span,
    )  # fmt: skip
    run = RunFile.from_python(feed, AlwaysInvested(), rules=[TimeBasedExit(3)])
    again = RunFile.load(run.save("feed.yaml"))
    assert again == run
    data = run.data
    assert (data.chunk, data.values, data.prefetch) == (3, ("score",), False)
    assert {name: getattr(data, name) for name in stands} == stands
    made = again.market_data()
    assert (made.n_rows, made.fingerprint()) == (feed.n_rows, feed.fingerprint())


def test_a_saved_file_still_means_its_tables_elsewhere(folder, tmp_path_factory):
    run = RunFile.from_python("prices.csv", AlwaysInvested())
    again = RunFile.load(run.save(tmp_path_factory.mktemp("other") / "run.yaml"))
    assert again.data.prices.path == str(folder / "prices.csv")
    assert again == run


def test_a_compiled_strategy_says_its_parameters():
    strategy = SignalStrategy("a", short_entry="b", quantity=5)
    run = RunFile.from_python("prices.csv", strategy)
    assert run.strategy.parameters == {"entry": "a", "short_entry": "b", "quantity": 5.0}
    assert run.make_strategy().parameters == strategy.parameters


def test_classes_of_a_file_are_named_by_it(folder):
    strategy = make("mine.py:BuyOnce", Strategy, {"units": 5}, folder=folder, field="strategy")
    rule = make("mine.py:Below", RiskRule, {"price": 92.0}, folder=folder, field="rule")
    run = RunFile.from_python("prices.csv", strategy, rules=[rule])
    assert run.strategy.spec == f"{folder / 'mine.py'}:BuyOnce"
    again = RunFile.load(run.save("again.yaml"))
    assert "class: mine.py:BuyOnce" in (folder / "again.yaml").read_text()
    assert (again.make_strategy().units, again.risk.rules[0].make().price) == (5, 92.0)


class Holds(Strategy):
    def __init__(self, what):
        self.what = what

    def on_market_data(self, event):
        pass


def only_close(context):
    return RiskDecision.no_action()


@dataclasses.dataclass(frozen=True)
class Odd(RiskRule):
    what: object = None

    def evaluate(self, context):
        return RiskDecision.no_action()


FRAME = pd.DataFrame({"timestamp": pd.date_range("2024", periods=3, tz="UTC"), "close": 1.0})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prices": FRAME}, "prices is a DataFrame in memory, which a file cannot hold; write it with write_dataset, and give its path"),
        ({"prices": MarketData.from_tables(FRAME)}, "prices is a MarketData in memory"),
        ({"prices": ["a.parquet", "b.parquet"]}, "prices is a list of paths, and a file can hold one; put the files into one folder"),
        ({"prices": DataFeed.from_parquet(FRAME)}, "prices is a DataFrame in memory"),
        ({"prices": DataFeed.from_parquet(FRAME), "signals": "s.csv"}, "signals goes into the feed, not beside it"),
        ({"signals": [Table(FRAME)]}, "signals[0] is a DataFrame in memory"),
        ({"context": {"vix": FRAME}}, "context['vix'] is a DataFrame in memory"),
        ({"features": CallableFeatureProvider(lambda asset, time: {})}, "features[0] is a CallableFeatureProvider in memory"),
        ({"rules": [lambda context: RiskDecision.no_action()]}, "rules[0]: <lambda> is a function, and a file can name classes only; make it a subclass of RiskRule in a module"),
        ({"rules": [AnyOf([as_rule(only_close)])]}, "rules[0].rules[0]: only_close is a function"),
        ({"rules": [Odd(what=object())]}, "rules[0].what is an object, which a file cannot hold"),
        ({"strategy": Holds(FRAME)}, "strategy.parameters.what is a DataFrame, which a file cannot hold"),
        ({"strategy": Holds({1: 2})}, "strategy.parameters.what is a dict, which a file cannot hold"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_says_so(folder, arguments, message):
    prices, strategy = (
        arguments.pop("prices", "prices.csv"),
        arguments.pop("strategy", AlwaysInvested()),
    )
    with pytest.raises(RunFileError) as error:
        RunFile.from_python(prices, strategy, **arguments)
    assert str(error.value).startswith(message)


def test_a_class_made_in_a_function_cannot_be_named():
    class Inner(AlwaysInvested):
        pass

    with pytest.raises(
        RunFileError, match=r"strategy: Inner is made inside .*, where a file cannot find it"
    ):
        RunFile.from_python("prices.csv", Inner())


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("Forgets", {"size": 3}, "strategy: Forgets keeps no attribute 'size', so what it was called with is unknown"),
        ("Doubles", {"units": 3}, "strategy: Doubles.units is not what Doubles was called with"),
    ],
)  # fmt: skip
def test_a_strategy_that_does_not_keep_its_parameters(folder, name, parameters, message):
    strategy = make(f"mine.py:{name}", Strategy, parameters, folder=folder, field="strategy")
    with pytest.raises(RunFileError) as error:
        RunFile.from_python("prices.csv", strategy)
    assert str(error.value).startswith(message)
