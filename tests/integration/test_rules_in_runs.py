"""Rules while positions are open: added, removed, shared, mistaken, without values, without bars."""

import copy
from concurrent.futures import ThreadPoolExecutor
from math import nan

import pandas as pd
import pytest
from scenes import FLAT, Acts, buy_first, day, fills, market, only_trade, run

from ml4t.backtest import BacktestConfig, BacktestEngine, Commission, SignalStrategy, Strategy
from ml4t.backtest.risk import (
    AllOf,
    AnyOf,
    BreakEven,
    CompositeRule,
    ExitType,
    InvalidRuleError,
    LongOnly,
    MaxLoss,
    PortfolioRule,
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RegimeDependentRule,
    RiskDecision,
    RiskManager,
    RiskRule,
    RuleError,
    SignalExit,
    TimeBasedExit,
    TrailingStop,
)
from ml4t.backtest.risk.spec import Form, RuleSpec
from ml4t.backtest.runfile import RunFile

LOW = (100.0, 100.0, 94.0, 100.0)  # reaches a stop at 95
BOTH_EXECUTIONS = pytest.mark.parametrize("lower", [True, False], ids=["lowered", "in Python"])


def exit_days(result):
    days = [(time.value - day(0)) // (day(1) - day(0)) for time in result.trades["exit_time"]]
    return list(zip(result.trades["asset"], days, strict=True))


# ----- distances ---------------------------------------------------------------------------------


@BOTH_EXECUTIONS
@pytest.mark.parametrize("added_first", ["pct", "amount"])
def test_of_a_fraction_and_a_distance_the_tighter_trail_is_another_at_another_price(
    lower, added_first
):
    # From 100 on 10% is tighter than 12: 90 to 88. At a high of 130 it is not: 117 to 118.
    trails = [TrailingStop(0.10, name="pct"), TrailingStop(amount=12.0, name="amount")]
    if added_first == "amount":
        trails.reverse()
    rose, fell = (100.0, 130.0, 100.0, 130.0), (130.0, 130.0, 110.0, 110.0)
    manager = RiskManager(trails, lower=lower)
    result = run([FLAT, FLAT, rose, fell], acts={0: buy_first}, risk_manager=manager)
    trade = only_trade(result)
    assert (trade["rule"], trade["level"], trade["exit_price"]) == ("amount", 118.0, 118.0)


# ----- losses in money ---------------------------------------------------------------------------


@BOTH_EXECUTIONS
@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("tightens", [False, True])
def test_a_max_loss_follows_the_units_held(lower, side, tightens):
    # 10 units at 100 lose 60 at 94; 15 at 96; 5 at 88, from the close after the partial exit on.
    other = "sell" if side == "buy" else "buy"
    distances = []

    def act(units, way):
        def acting(strategy):
            distances.append(abs(strategy.levels("A").stop - 100.0))
            if units:
                getattr(strategy, way)("A", units)

        return acting

    acts = {1: act(5.0, side), 2: act(10.0, other), 3: act(0, side)}
    acts[0] = lambda strategy: getattr(strategy, side)("A", 10.0)
    end = (100.0, 112.0, 88.0, 100.0)
    manager = RiskManager([MaxLoss(60.0, only_tighten=tightens)], lower=lower)
    result = run([FLAT, FLAT, FLAT, FLAT, end], acts=acts, risk_manager=manager)
    assert distances == [6.0, 4.0, 4.0 if tightens else 12.0]
    lost = 20.0 if tightens else 60.0
    assert only_trade(result)["net_pnl"] == -lost


# ----- added and removed ------------------------------------------------------------------------


@BOTH_EXECUTIONS
def test_a_rule_added_to_an_open_position_is_asked_at_its_next_close(lower):
    # Added at close 1; bar 2 touches 95 but nobody knows the stop yet; close 2 arms it for bar 3.
    manager = RiskManager(lower=lower)
    acts = {0: buy_first, 1: lambda s: manager.add_rule(PriceBasedStopLoss(price=95.0))}
    result = run([FLAT, FLAT, LOW, LOW, LOW], acts=acts, risk_manager=manager)
    assert exit_days(result) == [("A", 3)]
    assert only_trade(result)["rule"] == "PriceBasedStopLoss"


@BOTH_EXECUTIONS
def test_an_add_does_not_bring_a_new_rule_forward(lower):
    manager = RiskManager(lower=lower)

    def add_both(strategy):
        manager.add_rule(PriceBasedStopLoss(price=95.0))
        strategy.buy("A", 1.0)

    acts = {0: buy_first, 1: add_both}
    result = run([FLAT, FLAT, LOW, LOW, LOW], acts=acts, risk_manager=manager)
    assert exit_days(result) == [("A", 3)]


@BOTH_EXECUTIONS
def test_a_rule_added_while_flat_knows_the_next_position_from_its_opening(lower):
    manager = RiskManager(lower=lower)

    def add_and_buy(strategy):
        manager.add_rule(PriceBasedStopLoss(price=95.0))
        buy_first(strategy)

    result = run([FLAT, LOW, FLAT], acts={0: add_and_buy}, risk_manager=manager)
    assert exit_days(result) == [("A", 1)]


@BOTH_EXECUTIONS
@pytest.mark.parametrize("by", ["object", "label"])
def test_a_removed_rule_takes_its_level_with_it_at_once(lower, by):
    wide, tight = PriceBasedStopLoss(price=90.0), PriceBasedStopLoss(price=95.0)
    manager = RiskManager([wide, tight], lower=lower)
    removed = tight if by == "object" else "PriceBasedStopLoss#2"
    levels = []

    def remove(strategy):
        levels.append(strategy.levels("A").stop)
        manager.remove_rule(removed)
        levels.append(strategy.levels("A").stop)

    bars = [FLAT, FLAT, LOW, (100.0, 100.0, 89.0, 90.0)]
    result = run(bars, acts={0: buy_first, 1: remove}, risk_manager=manager)
    assert levels == [95.0, 90.0]
    assert exit_days(result) == [("A", 3)]
    assert manager.rules == (wide,)


@BOTH_EXECUTIONS
def test_the_trail_that_takes_over_has_followed_the_price_all_along(lower):
    tight, wide = TrailingStop(0.05), TrailingStop(0.1)
    manager = RiskManager([tight, wide], lower=lower)
    levels = []

    def remove(strategy):
        manager.remove_rule(tight)
        levels.append(strategy.levels("A").stop)

    bars = [FLAT, (100.0, 120.0, 100.0, 119.0), (119.0, 119.0, 117.0, 118.0)]
    run(bars, acts={0: buy_first, 2: remove}, risk_manager=manager)
    assert levels == [120.0 * (1.0 - 0.1)]


def test_what_is_not_in_force_cannot_be_removed():
    manager = RiskManager([TimeBasedExit(3)])
    with pytest.raises(KeyError, match=r"TrailingStop.* is not in force; there are"):
        manager.remove_rule(TrailingStop(0.05))


# ----- answers of the wrong kind ----------------------------------------------------------------


@pytest.mark.parametrize("answer", [None, True, 95.0, "exit", {"stop_loss": 95.0}])
def test_a_rule_must_answer_with_a_decision(answer):
    def wrong(context):
        return answer

    with pytest.raises(RuleError) as error:
        run([FLAT] * 4, [wrong])
    when = str(pd.Timestamp(day(1), tz="UTC"))
    for words in ("wrong", "RiskDecision", type(answer).__name__, "'A'", when):
        assert words in str(error.value)
    # The opening at bar 1 had filled; its record is kept.
    assert fills(error.value.partial_result, "quantity") == [(10.0,)]
    assert len(error.value.partial_result.equity) == 1


@pytest.mark.parametrize("moment", ["opening", "close"])
def test_a_rule_that_raises_names_its_moment(moment):
    def fails(context):
        if (context.close != context.close) == (moment == "opening"):
            raise ZeroDivisionError("no such luck")
        return RiskDecision.no_action()

    with pytest.raises(RuleError, match=rf"rule fails raised .*{moment} of") as error:
        run([FLAT] * 4, [fails])
    assert isinstance(error.value.__cause__, ZeroDivisionError)


def test_the_error_names_the_rule_among_its_namesakes():
    def rule(context):
        return RiskDecision.no_action()

    def late():
        def rule(context):
            raise ZeroDivisionError("no such luck")

        return rule

    with pytest.raises(RuleError, match=r"rule rule#2 raised"):
        run([FLAT] * 4, [rule, late()])


# ----- without values, without bars -------------------------------------------------------------


@BOTH_EXECUTIONS
def test_a_nan_feature_arms_nothing_until_it_has_a_value(lower):
    data = market({"A": [FLAT, LOW, LOW, LOW, LOW]}, {"width": {"A": [nan, nan, 0.05, 0.01, 0.5]}})
    manager = RiskManager([PriceBasedStopLoss(pct="width")], lower=lower)
    result = run(data, risk_manager=manager)
    # Read at close 2 as 5%, for good; so bar 3 is the first it is tried in.
    assert fills(result, "price")[1:] == [(95.0,)]
    assert exit_days(result) == [("A", 3)]
    (event,) = result.events.to_dict("records")
    assert (event["kind"], event["reason"], event["asset"]) == ("nan_input", "width", "A")
    assert pd.isna(only_trade(result)["stop_at_entry"])


@BOTH_EXECUTIONS
@pytest.mark.parametrize("value", [0.0, -0.1, 1.0, 1.5])
def test_a_first_value_out_of_range_is_the_positions_for_good(value, lower):
    data = market({"A": [FLAT, LOW, LOW, LOW]}, {"width": {"A": [value, 0.05, 0.05, 0.05]}})
    manager = RiskManager([PriceBasedStopLoss(pct="width")], lower=lower)
    result = run(data, risk_manager=manager)
    assert len(result.trades) == 0
    assert list(result.events["kind"]) == ["nan_input"]


def test_a_rule_of_ones_own_sees_the_nan_and_arms_nothing():
    seen = []

    def own(context):
        width = context.features["width"]
        seen.append(width)
        if width != width:
            return RiskDecision.no_action()
        return RiskDecision.update_stops(stop_loss=context.entry_price * (1.0 - width))

    data = market({"A": [FLAT, LOW, LOW, LOW]}, {"width": {"A": [nan, 0.05, nan, nan]}})
    result = run(data, [own])
    assert exit_days(result) == [("A", 2)]
    assert str(seen) == "[nan, 0.05]"


@BOTH_EXECUTIONS
def test_rules_on_an_asset_that_stops_trading(lower):
    # B has its last bar on day 2: nothing is tried, decided or filled for it afterwards.
    rules = [PriceBasedStopLoss(price=95.0), TimeBasedExit(2), TrailingStop(0.05)]
    data = market({"A": [FLAT] * 6, "B": [FLAT, FLAT, FLAT]})
    acts = {0: lambda s: (s.buy("A", 1.0), s.buy("B", 1.0))}
    result = run(data, acts=acts, risk_manager=RiskManager(rules, lower=lower))
    assert exit_days(result) == [("A", 3)]
    (left,) = result.open_positions.to_dict("records")
    assert (left["asset"], left["quantity"], left["bars_held"], left["mark"]) == (
        "B",
        1.0,
        2,
        100.0,
    )
    (waiting,) = result.orders[result.orders["status"] == "open"].to_dict("records")
    assert (waiting["asset"], waiting["reason"]) == ("B", "time_exit")
    assert list(result.equity["gross_exposure"])[-1] == 100.0


# ----- shared -----------------------------------------------------------------------------------


@BOTH_EXECUTIONS
def test_one_rule_object_serves_many_assets(lower):
    bars = {
        "A": [FLAT, FLAT, LOW, FLAT, FLAT],
        "B": [FLAT, FLAT, FLAT, (112.0, 112.0, 111.0, 112.0), (111.0, 111.0, 106.0, 106.0)],
        "C": [FLAT] * 5,
    }
    rule = TrailingStop(0.05)
    acts = {0: lambda s: [s.buy(name, 1.0) for name in "ABC"]}
    manager = RiskManager([rule], lower=lower)
    result = run(market(bars), acts=acts, risk_manager=manager)
    assert exit_days(result) == [("A", 2), ("B", 4)]
    assert list(result.trades["exit_price"]) == [95.0, 112.0 * (1.0 - 0.05)]
    assert vars(rule) == vars(TrailingStop(0.05))


@BOTH_EXECUTIONS
def test_a_rule_for_some_assets_leaves_the_others_alone(lower):
    manager = RiskManager(lower=lower)
    manager.add_rule(PriceBasedStopLoss(price=95.0), assets=["A", "C"])
    manager.add_rule(PriceBasedTakeProfit(price=101.0), assets="B")
    data = market({name: [FLAT, FLAT, LOW, FLAT] for name in "ABC"})
    acts = {0: lambda s: [s.buy(name, 1.0) for name in "ABC"]}
    assert exit_days(run(data, acts=acts, risk_manager=manager)) == [("A", 2), ("C", 2)]


def test_an_asset_nobody_knows_is_refused_before_the_run():
    manager = RiskManager()
    manager.add_rule(TimeBasedExit(1), assets="AB")
    with pytest.raises(KeyError, match="AB"):
        run([FLAT] * 3, risk_manager=manager)


class Slow(RiskRule):
    """A rule in Python without any state, with a stop that depends on its context alone."""

    def evaluate(self, context):
        return RiskDecision.update_stops(stop_loss=context.entry_price * 0.97)


@BOTH_EXECUTIONS
def test_rules_are_shared_by_runs_in_two_threads(lower):
    def swing(t, height):
        middle = 100.0 + height * ((t * 7) % 11 - 5)
        return (middle, middle + 2.0, middle - 2.0, middle + 1.0)

    def enter(strategy):
        if not strategy.position("A"):
            strategy.order_target_percent("A", 0.9)

    rules = [TrailingStop(0.08), PriceBasedTakeProfit(pct=0.05), TimeBasedExit(4), Slow()]
    markets = [market({"A": [swing(t, height) for t in range(400)]}) for height in (1.0, 1.7)]

    def one(data):
        manager = RiskManager(rules, lower=lower)
        acts = Acts(dict.fromkeys(range(400), enter))
        return run(data, acts=acts, risk_manager=manager)

    alone = [one(data) for data in markets]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(one, markets * 4))
    assert set(alone[0].trades["rule"].dropna()) >= {"PriceBasedTakeProfit", "Slow"}
    for number, result in enumerate(together):
        pd.testing.assert_frame_equal(result.trades, alone[number % 2].trades)
        pd.testing.assert_frame_equal(result.equity, alone[number % 2].equity)
    assert not alone[0].trades.equals(alone[1].trades)


def test_one_manager_serves_one_run_at_a_time():
    manager = RiskManager([TimeBasedExit(1)])

    class Nested(Strategy):
        def on_market_data(self, event):
            run([FLAT] * 2, risk_manager=manager)

    with pytest.raises(RuntimeError, match="in a run already"):
        run([FLAT] * 2, acts=Nested(), risk_manager=manager)
    # Free again, and it starts anew.
    assert len(run([FLAT] * 4, risk_manager=manager).trades) == 1


# ----- one rule, where several may stand ----------------------------------------------------------


def test_a_single_rule_needs_no_list():
    # Bought at the open of bar 1 = 100; bar 2 reaches 95.
    bars, stop = [FLAT, FLAT, LOW, FLAT], PriceBasedStopLoss(pct=0.05)
    runs = [
        run(bars, stop),
        run(bars, risk_manager=RiskManager(stop)),
        run(bars, AnyOf(stop)),
        run(bars, lambda context: RiskDecision.update_stops(stop_loss=95.0)),
        BacktestEngine(
            market({"A": bars}),
            Acts({0: buy_first}),
            rules=stop,
            config=BacktestConfig(account="margin"),
        ).run(),
    ]
    assert [exit_days(result) for result in runs] == [[("A", 2)]] * 5
    described = RunFile.from_python("prices.csv", SignalStrategy("score"), rules=stop)
    assert [entry.rule for entry in described.risk.rules] == ["PriceBasedStopLoss"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (PriceBasedStopLoss, "PriceBasedStopLoss is a class, not a rule"),
        ("stop", "was str 'stop'"),
        (5, "was int 5"),
    ],
)
def test_what_is_no_rule_is_named_as_it_is(given, message):
    with pytest.raises(InvalidRuleError, match=message):
        run([FLAT] * 3, given)


def test_a_flat_position_has_cost_no_commission():
    seen = []

    class Looks(RiskRule):
        def evaluate(self, context):
            return RiskDecision.no_action()

        def validate_order(self, order, context):
            seen.append((context.position_quantity, context.commission_per_unit))
            return order

    acts = {
        0: lambda s: s.buy("A", 10.0),
        1: lambda s: s.buy("A", 10.0),
        2: lambda s: s.close("A"),
        4: lambda s: s.buy("A", 10.0),
    }
    run([FLAT] * 6, rules=[Looks()], acts=Acts(acts), commission=Commission(per_unit=0.5))
    assert seen == [(0.0, 0.0), (10.0, 0.5), (20.0, 0.5), (0.0, 0.0)]


# ----- targets by the risk -----------------------------------------------------------------------


@BOTH_EXECUTIONS
@pytest.mark.parametrize("target_first", [False, True])
@pytest.mark.parametrize(("side", "sign"), [("buy", 1.0), ("sell", -1.0)])
def test_a_target_by_the_risk_is_there_from_the_opening_and_stays(lower, target_first, side, sign):
    # The trail starts at 95, and at 98.8 the target still lies at 110, twice 5 away.
    rules = [TrailingStop(0.05), PriceBasedTakeProfit(r=2)]
    manager = RiskManager(rules[::-1] if target_first else rules, lower=lower)
    seen = []
    acts = {0: lambda s: getattr(s, side)("A", 10.0)}
    acts |= {t: lambda s: seen.append(s.levels("A").target) for t in (1, 2)}
    better = (100.0, 104.0, 100.0, 104.0) if sign > 0.0 else (100.0, 100.0, 96.0, 96.0)
    result = run([FLAT, FLAT, better], acts=acts, risk_manager=manager)
    assert seen == [100.0 + sign * 10.0] * 2
    assert result.open_positions["target"].tolist() == [100.0 + sign * 10.0]


@BOTH_EXECUTIONS
def test_a_stop_that_comes_later_measures_the_risk_then(lower):
    # Once 103 was seen the stop lies at the entry price: no risk, no target.
    manager = RiskManager([BreakEven(0.03), PriceBasedTakeProfit(r=2)], lower=lower)
    rose = (101.0, 103.0, 101.0, 102.0)
    result = run([FLAT, FLAT, rose, (102.0, 150.0, 102.0, 150.0)], risk_manager=manager)
    assert (result.open_positions["stop"].tolist(), len(result.trades)) == ([100.0], 0)


def test_a_target_by_the_risk_without_a_stop_is_refused_before_the_run():
    target = PriceBasedTakeProfit(r=2)
    with pytest.raises(InvalidRuleError, match=r"no rule arms one for 'A'; add a stop, or name"):
        run([FLAT, FLAT], rules=[target, PriceBasedTakeProfit(pct=0.1)])
    manager = RiskManager([target])
    manager.add_rule(TrailingStop(0.1), assets="B")
    two = market({"A": [FLAT, FLAT], "B": [FLAT, FLAT]})
    with pytest.raises(InvalidRuleError, match="no rule arms one for 'A'"):
        run(two, risk_manager=manager)

    def own(_context):
        return RiskDecision.no_action()

    assert len(run([FLAT, FLAT], rules=[target, own]).open_positions) == 1


TWICE = PriceBasedTakeProfit(r=2)
FIVE = PriceBasedStopLoss(pct=0.05)
NO_STOP = (
    "PriceBasedTakeProfit: r multiplies the distance to the first stop, and no rule arms one for 'A'; add a stop first, or "
    "name the rule's assets with add_rule(rule, assets=...)"
)


@BOTH_EXECUTIONS
@pytest.mark.parametrize("target", [TWICE, AnyOf([TWICE, TimeBasedExit(50)], name="PriceBasedTakeProfit")])  # fmt: skip
@pytest.mark.parametrize("others", [[], [LongOnly()], [PriceBasedTakeProfit(pct=0.5)]])
def test_a_target_by_the_risk_added_to_a_run_without_a_stop_is_refused(lower, target, others):
    manager = RiskManager(others, lower=lower)
    seen = []

    def add(strategy):
        before = manager.rules, manager.rule_names
        with pytest.raises(InvalidRuleError) as error:
            manager.add_rule(target)
        seen.append(str(error.value))
        assert (manager.rules, manager.rule_names) == before

    def add_both(strategy):
        manager.add_rule(FIVE)
        manager.add_rule(target)

    # 10 from the close of bar 2 on: the stop lies at 95, so the target at 110.
    acts = {0: buy_first, 1: add, 2: add_both, 4: lambda s: seen.append(s.levels("A").target)}
    run([FLAT] * 5, acts=acts, risk_manager=manager)
    assert seen == [NO_STOP, 110.0]


@pytest.mark.parametrize("assets", [None, "A", ["B", "A"]])
def test_a_late_target_by_the_risk_needs_a_stop_for_each_of_its_assets(assets):
    two = market({"A": [FLAT] * 4, "B": [FLAT] * 4})
    manager = RiskManager()
    manager.add_rule(FIVE, assets="B")
    told = []

    def add(strategy):
        with pytest.raises(InvalidRuleError) as error:
            manager.add_rule(TWICE, assets=assets)
        told.append(str(error.value))
        with pytest.raises(KeyError, match="NOPE"):
            manager.add_rule(TWICE, assets=["NOPE", "A"])
        manager.add_rule(TWICE, assets="B")

    run(two, acts={0: add}, risk_manager=manager)
    assert told == [NO_STOP]
    assert manager.rule_names == ("PriceBasedStopLoss", "PriceBasedTakeProfit")


@pytest.mark.parametrize("rule", [CompositeRule([TWICE, FIVE]), AnyOf([TWICE, FIVE])])
def test_a_late_target_by_the_risk_may_come_with_its_stop(rule):
    acts = {1: lambda s: s.risk.add_rule(rule), 2: buy_first}
    result = run([FLAT] * 6, acts=acts)
    assert result.open_positions[["stop", "target"]].values.tolist() == [[95.0, 110.0]]


def test_what_python_asks_may_arm_the_stop_of_a_late_target_by_the_risk():
    def own(_context):
        return RiskDecision.update_stops(stop_loss=98.0)

    acts = {1: lambda s: s.risk.add_rule(TWICE), 2: buy_first}
    result = run([FLAT] * 6, rules=[own], acts=acts)
    assert result.open_positions["target"].tolist() == [104.0]


def test_on_start_may_add_the_target_before_the_stop():
    class AddsBoth(Acts):
        def on_start(self):
            self.risk.add_rule(TWICE)
            self.risk.add_rule(FIVE)

    result = run([FLAT] * 4, acts=AddsBoth({0: buy_first}))
    assert result.open_positions["target"].tolist() == [110.0]


@BOTH_EXECUTIONS
def test_who_removes_the_last_stop_keeps_the_targets_that_it_measured(lower):
    # Bought at 100 with the stop at 95; bought again without one.
    seen = []

    def remove(strategy):
        strategy.risk.remove_rule(FIVE)
        strategy.risk.add_rule(TimeBasedExit(50))  # others may still come

    acts = {0: buy_first, 2: remove, 5: buy_first}
    acts |= {t: lambda s: seen.extend((s.levels("A").stop, s.levels("A").target)) for t in (3, 7)}
    up = (100.0, 111.0, 100.0, 110.0)
    manager = RiskManager([FIVE, TWICE], lower=lower)
    result = run([FLAT, FLAT, FLAT, FLAT, up, *[FLAT] * 3], acts=acts, risk_manager=manager)
    assert seen == pytest.approx([nan, 110.0, nan, nan], nan_ok=True)
    assert fills(result, "price", "rule")[1] == (110.0, "PriceBasedTakeProfit")
    assert len(result.events) == 0


def test_a_stop_that_takes_the_place_of_the_last_one_measures_what_opens_later():
    def change(strategy):
        strategy.risk.remove_rule(FIVE)
        strategy.risk.add_rule(PriceBasedStopLoss(pct=0.02))

    acts = {1: change, 2: buy_first}
    result = run([FLAT] * 5, rules=[FIVE, TWICE], acts=acts)
    assert result.open_positions[["stop", "target"]].values.tolist() == [[98.0, 104.0]]


# ----- regimes -----------------------------------------------------------------------------------

RISES = [FLAT, FLAT, *[(p, p + 10.0, p, p + 10.0) for p in (100.0, 110.0, 120.0)]]
FALLS = [(125.0, 125.0, 113.0, 113.0), (113.0, 113.0, 70.0, 70.0), (60.0, 60.0, 60.0, 60.0)]


@pytest.mark.parametrize("beside", [[], ["B"], ["B", "C"]], ids=["alone", "of two", "of three"])
@pytest.mark.parametrize("place", ["context", "features"])
@pytest.mark.parametrize("index", [[20.0] * 4, [20.0, 20.0, 22.0, 24.9], [20.0, 20.0, nan, 15.0]])
@pytest.mark.parametrize("only_tighten", [True, False])
def test_a_trail_is_left_where_it_stood_before_the_close_that_turns(
    only_tighten, index, place, beside
):
    vix = [*index, *[30.0] * 4]
    names = ["A", *beside]
    bars = {"A": [*RISES, *FALLS]} | {name: [FLAT] * 8 for name in beside}
    where = {"context": {"vix": vix}, "features": {"vix": dict.fromkeys(names, vix)}}
    rule = RegimeDependentRule(
        "vix",
        [TrailingStop(0.05), TrailingStop(0.5)],
        bands=[25.0],
        hysteresis=2.0,
        only_tighten=only_tighten,
    )
    acts = {0: lambda s: [s.buy(name, 1.0) for name in names]}
    result = run(market(bars, **{place: where[place]}), acts=acts, rules=[rule])
    # The close of bar 4 turns: by the high of bar 3 the trail stands at 120 less 5%, by that of bar 4 the other at 65.
    assert exit_days(result) == [("A", 5 if only_tighten else 7)]
    assert result.trades["exit_price"].iloc[0] == (120.0 * (1.0 - 0.05) if only_tighten else 60.0)


def test_to_size_an_order_by_the_risk_turns_no_regime_of_the_position_held():
    bars = {"A": [FLAT] * 6 + [(100.0, 100.0, 98.0, 98.0)] * 2}
    vol = [15.0, 15.0, 25.0, 25.0, 35.0, 35.0, 35.0, 35.0]
    rule = RegimeDependentRule(
        "vol",
        [PriceBasedStopLoss(pct=0.2), PriceBasedStopLoss(pct=0.01)],
        bands=[20.0],
        hysteresis=10.0,
    )
    acts = {0: lambda s: [s.buy("A", 1.0)]}
    asks = acts | {3: lambda s: [s.sell("A", risk=0.01, limit=150.0)]}
    for where in ({"context": {"vol": vol}}, {"features": {"vol": {"A": vol}}}):
        for does in (acts, asks):
            assert exit_days(run(market(bars, **where), acts=does, rules=[rule])) == [("A", 6)]


def test_a_column_without_a_value_asks_nobody_and_keeps_the_regime():
    bars = {"A": [FLAT] * 5 + [(100.0, 100.0, 94.0, 94.0)] * 2}
    rule = RegimeDependentRule(
        "vol", [PriceBasedStopLoss(pct=0.05), PriceBasedStopLoss(pct=0.2)], bands=[20.0]
    )
    acts = {0: lambda s: [s.buy("A", 1.0)]}
    for vol, ends in (([15.0, *[nan] * 6], [("A", 5)]), ([25.0, *[nan] * 6], [])):
        result = run(market(bars, context={"vol": vol}), acts=acts, rules=[rule])
        assert exit_days(result) == ends


def test_a_limit_in_python_arms_no_stop():
    class Quiet(PortfolioRule):
        def evaluate(self, portfolio):
            return None

    alone = PriceBasedTakeProfit(r=2.0)
    grouped = AnyOf([alone, TimeBasedExit(5)])
    for rules in ([alone], [alone, Quiet()], [grouped]):
        with pytest.raises(InvalidRuleError, match="no rule arms one for 'A'"):
            run([FLAT] * 4, acts={0: buy_first}, rules=rules)


HIGHER = (100.0, 104.0, 99.5, 103.0)


@pytest.mark.parametrize(
    ("rule", "bars", "asked"),
    [
        # At the opening.
        (AllOf([PriceBasedStopLoss(pct=0.1), PriceBasedStopLoss(pct=0.2)]), [FLAT] * 40, 1),
        (AnyOf([PriceBasedStopLoss(pct=0.1), PriceBasedStopLoss(pct=0.2)]), [FLAT] * 40, 1),
        # Once more for a new high, and at the close of a time exit.
        (AnyOf([PriceBasedStopLoss(pct=0.1), TrailingStop(0.2)]), [FLAT] * 20 + [HIGHER] * 20, 2),
        (AllOf([TimeBasedExit(10), TimeBasedExit(5)]), [FLAT] * 40, 2),
        (AnyOf([TimeBasedExit(10), TimeBasedExit(20), PriceBasedStopLoss(pct=0.1), PriceBasedStopLoss(pct=0.2)]), [FLAT] * 40, 2),
        # What may change with every bar is asked at each of them.
        (AllOf([SignalExit("vol", above=50.0), PriceBasedStopLoss(pct=0.2)]), [FLAT] * 40, 40),
    ],
)  # fmt: skip
def test_what_a_group_answers_stands_until_something_it_looks_at_changes(rule, bars, asked):
    data = market({"A": bars}, context={"vol": [1.0] * len(bars)})
    result = run(data, acts={0: lambda s: [s.buy("A", 1.0)]}, rules=[rule])
    assert result.statistics["evaluations"] == asked


# ----- what the engine asks of a rule ------------------------------------------------------------


def test_a_rule_that_never_changes_is_asked_what_it_is_once_for_all_runs():
    asked = []

    class Counted(PriceBasedStopLoss):
        def lower(self):
            asked.append(self)
            return super().lower()

    rule = Counted(pct=0.05)
    again = copy.deepcopy(rule)
    bars = {"A": [FLAT, FLAT, LOW, FLAT]}
    exits = [
        exit_days(run(market(bars), acts={0: lambda s: [s.buy("A", 1.0)]}, rules=[one]))
        for one in (rule, rule, again)
    ]
    assert exits == [[("A", 2)]] * 3
    assert [one is rule for one in asked] == [True, False], "a copy is asked for itself"


def test_a_rule_that_may_change_is_asked_at_each_run():
    class Widened(RiskRule):
        pct = 0.05

        def evaluate(self, context):
            return RiskDecision.no_action()

        def lower(self):
            return (RuleSpec(ExitType.STOP_LOSS, self.pct, Form.FRACTION),)

    rule = Widened()
    bars = {"A": [FLAT, FLAT, LOW, FLAT]}
    acts = {0: lambda s: [s.buy("A", 1.0)]}
    assert exit_days(run(market(bars), acts=acts, rules=[rule])) == [("A", 2)]
    rule.pct = 0.5
    assert exit_days(run(market(bars), acts=acts, rules=[rule])) == []
