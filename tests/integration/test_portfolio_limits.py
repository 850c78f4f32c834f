"""Limits of the portfolio, by hand: which orders pass, when a run halts and goes on, and what says so."""

import copy
import pickle
from dataclasses import replace

import pandas as pd
import pytest
from scenes import FLAT, day, fills, market, run

from ml4t.backtest import Commission, Strategy, run_backtest
from ml4t.backtest.risk import (
    AllOf,
    AnyOf,
    InvalidRuleError,
    LongOnly,
    MaxCVaR,
    MaxDailyLoss,
    MaxDrawdown,
    MaxGrossExposure,
    MaxGroupExposure,
    MaxLeverage,
    MaxNetExposure,
    MaxPositions,
    MaxPositionWeight,
    MaxTurnover,
    MaxVaR,
    PriceBasedStopLoss,
    RestrictedAssets,
    RiskManager,
    VolatilityTarget,
)

NAN = float("nan")
TWENTY = [f"A{i:02}" for i in range(20)]


def flat(*names, n=4):
    """Assets that stay at 100."""
    return market({name: [FLAT] * n for name in names})


def at(price):
    return (price, price, price, price)


def events(result, *columns):
    return result.events[list(columns or ("kind", "reason", "asked", "given"))].values.tolist()


def held(result):
    positions = result.open_positions
    return dict(zip(positions["asset"], positions["quantity"], strict=True))


def orders(result, *columns):
    return list(result.orders[list(columns)].itertuples(index=False, name=None))


# ----- sizes -------------------------------------------------------------------------------------


def test_twenty_orders_at_one_close_against_at_most_eight_positions_leave_eight():
    def all_of_them(strategy):
        for name in TWENTY:
            strategy.buy(name, 1.0)

    result = run(flat(*TWENTY), [MaxPositions(8)], {0: all_of_them})
    assert list(held(result)) == TWENTY[:8]
    assert events(result, "kind", "asset", "reason", "rule") == [
        ["rejected", name, "max_positions", "MaxPositions"] for name in TWENTY[8:]
    ]


def test_what_a_market_exit_frees_another_may_take():
    def rotate(strategy):
        strategy.close("A")
        strategy.buy("B", 1.0)
        strategy.buy("C", 1.0)

    result = run(flat("A", "B", "C"), [MaxPositions(1)], {0: lambda s: s.buy("A", 1.0), 1: rotate})
    assert held(result) == {"B": 1.0}
    assert orders(result, "asset", "status")[-1] == ("C", "rejected")


def test_what_a_resting_exit_may_free_nobody_takes():
    def wait(strategy):
        strategy.sell("A", 1.0, limit=200.0)
        strategy.buy("B", 1.0)

    result = run(flat("A", "B"), [MaxPositions(1)], {0: lambda s: s.buy("A", 1.0), 1: wait})
    assert held(result) == {"A": 1.0}


def test_a_resting_entry_takes_its_place_before_it_fills():
    def wait(strategy):
        strategy.buy("A", 1.0, limit=50.0)
        strategy.buy("B", 1.0)

    result = run(flat("A", "B"), [MaxPositions(1)], {0: wait})
    assert held(result) == {}
    assert orders(result, "asset", "status") == [("A", "open"), ("B", "rejected")]


@pytest.mark.parametrize(
    ("limit", "units"),
    [
        (MaxLeverage(0.5, on_breach="scale"), 500.0),
        (MaxGrossExposure(0.25, on_breach="scale"), 250.0),
        (MaxGrossExposure(value=12_345.0, on_breach="scale"), 123.45),
        (MaxNetExposure(0.3, on_breach="scale"), 300.0),
        (MaxPositionWeight(0.1, on_breach="scale"), 100.0),
        (MaxGroupExposure({"A": "tech"}, 0.2, on_breach="scale"), 200.0),
        (MaxGroupExposure({"A": "tech"}, {"tech": 0.4}, on_breach="scale"), 400.0),
    ],
)
@pytest.mark.parametrize("side", [1, -1])
def test_scale_leaves_what_fits(limit, units, side):
    def order(strategy):
        (strategy.buy if side > 0 else strategy.sell)("A", 900.0)

    result = run(flat("A"), [limit], {0: order}, initial_cash=100_000.0)
    assert held(result) == {"A": side * units}
    reason = type(limit).reason
    assert events(result) == [["scaled", reason, side * 900.0, side * units]]


def test_weights_that_add_up_to_the_limit_fit():
    """Ten times 0.1 is a little more than 1."""
    names = TWENTY[:10]
    weights = dict.fromkeys(names, 0.1)
    result = run(flat(*names), [MaxLeverage(1.0)], {0: lambda s: s.order_target_weights(weights)})
    assert len(held(result)) == 10
    assert events(result) == []


def test_an_order_through_zero_keeps_what_it_closes():
    acts = {0: lambda s: s.buy("A", 10.0), 1: lambda s: s.sell("A", 25.0)}
    result = run(flat("A", n=5), [LongOnly()], acts)
    assert held(result) == {}
    assert events(result) == [["scaled", "long_only", -25.0, -10.0]]


def test_a_long_and_a_short_net_out():
    def pair(strategy):
        strategy.buy("A", 400.0)
        strategy.sell("B", 400.0)
        strategy.sell("C", 400.0)

    rules = [MaxNetExposure(0.3), MaxGrossExposure(2.0)]
    result = run(flat("A", "B", "C"), rules, {0: pair}, initial_cash=100_000.0)
    # 40% long is more than 30%; then 40% short is, too.
    assert held(result) == {}

    def smaller(strategy):
        strategy.buy("A", 300.0)
        strategy.sell("B", 500.0)

    result = run(flat("A", "B", "C"), rules, {0: smaller}, initial_cash=100_000.0)
    assert held(result) == {"A": 300.0, "B": -500.0}


def test_groups_are_held_one_by_one():
    groups = {"A": "tech", "B": "tech", "C": "oil"}

    def three(strategy):
        for name in groups:
            strategy.buy(name, 100.0)

    limit = MaxGroupExposure(groups, {"tech": 0.15, "oil": 0.5}, on_breach="scale")
    result = run(flat(*groups), [limit], {0: three}, initial_cash=100_000.0)
    assert held(result) == {"A": 100.0, "B": 50.0, "C": 100.0}


def test_restricted_assets_may_be_left():
    acts = {
        0: lambda s: s.buy("A", 10.0),
        1: lambda s: s.risk.add_rule(RestrictedAssets(["A"])),
        2: lambda s: (s.buy("A", 1.0), s.sell("A", 4.0)),
    }
    result = run(flat("A", n=6), [], acts)
    assert held(result) == {"A": 6.0}
    assert [row[:2] for row in events(result)] == [["rejected", "restricted_assets"]]


def test_a_weight_for_some_assets():
    manager = RiskManager()
    manager.add_rule(MaxPositionWeight(0.1, on_breach="scale"), assets=["B"])

    def both(strategy):
        strategy.buy("A", 500.0)
        strategy.buy("B", 500.0)

    result = run(flat("A", "B"), (), {0: both}, risk_manager=manager, initial_cash=100_000.0)
    assert held(result) == {"A": 500.0, "B": 100.0}


def test_exits_by_levels_rules_and_close_always_pass():
    dip = [FLAT, FLAT, (100.0, 100.0, 80.0, 90.0), FLAT]
    rules = [PriceBasedStopLoss(pct=0.05), RestrictedAssets("A", on_breach="warn"), LongOnly()]
    result = run(dip, rules)
    assert fills(result, "quantity", "reason") == [(10.0, "order"), (-10.0, "stop_loss")]


def test_the_higher_priority_is_asked_first_and_the_next_about_what_is_left():
    rules = [
        MaxPositionWeight(0.1, on_breach="scale"),
        MaxGrossExposure(0.3, on_breach="scale", priority=1),
    ]
    result = run(flat("A"), rules, {0: lambda s: s.buy("A", 900.0)}, initial_cash=100_000.0)
    assert held(result) == {"A": 100.0}
    assert events(result) == [["scaled", "max_gross_exposure", 900.0, 100.0]]


def test_a_lot_that_does_not_fit_is_a_rejection_by_the_limit():
    limit = MaxGrossExposure(value=50.0, on_breach="scale")
    result = run(flat("A"), [limit], quantity="whole")
    assert events(result) == [["rejected", "max_gross_exposure", 10.0, 0.0]]


def test_warn_says_so_and_lets_pass():
    result = run(flat("A"), [MaxPositionWeight(0.001, on_breach="warn")], initial_cash=100_000.0)
    assert held(result) == {"A": 10.0}
    said = events(result, "kind", "asset", "asked", "given")
    # Of the order, and of the position, at the mark after its fill; once.
    assert said == [["limit_breached", "A", 10.0, 1.0], ["limit_breached", "A", 1_000.0, 100.0]]


def test_what_a_change_adds_is_asked_for():
    def wait(strategy):
        strategy.order = strategy.buy("A", 10.0, limit=99.0)

    acts = {0: wait, 1: lambda s: s.modify(s.order, quantity=30.0)}
    limit = MaxGrossExposure(value=2_000.0, on_breach="scale")
    result = run(flat("A"), [limit], acts)
    assert orders(result, "quantity") == [(20.0,)]
    assert events(result) == [
        ["modified", "modify", 10.0, 20.0], ["limit_breached", "max_gross_exposure", 20.0, 10.0],
    ]  # fmt: skip


def test_without_a_mark_an_order_cannot_be_measured():
    data = market({"A": [FLAT] * 3, "B": [None, FLAT, FLAT]})
    buy = {0: lambda s: s.buy("B", 1.0)}
    assert events(run(data, [MaxLeverage(1.0)], buy)) == [["rejected", "no_price", 1.0, 0.0]]
    assert held(run(data, [MaxPositions(1)], buy)) == {"B": 1.0}


# ----- the mark ----------------------------------------------------------------------------------


def losing(*prices):
    return [at(price) for price in (100.0, 100.0, *prices)]


def test_a_drawdown_flattens_at_the_next_open_and_for_good():
    bars = losing(80.0, 79.0, 120.0, 120.0)
    acts = {0: lambda s: s.buy("A", 1_000.0), 4: lambda s: s.buy("A", 1.0)}
    result = run(bars, [MaxDrawdown(0.1, on_breach="flatten")], acts, initial_cash=100_000.0)
    assert fills(result, "quantity", "price")[1:] == [(-1_000.0, 79.0)]
    assert fills(result, "exit_type", "rule")[1:] == [("risk_exit", "MaxDrawdown")]
    assert events(result, "kind", "reason") == [
        ["limit_breached", "max_drawdown"], ["halted", "max_drawdown"], ["rejected", "max_drawdown"],
    ]  # fmt: skip
    assert result.events[["asked", "given"]].iloc[0].tolist() == [80_000.0, 90_000.0]
    assert result.trades["reason"].tolist() == ["max_drawdown"]


def test_losses_breach_at_the_limit():
    bars = losing(90.0, 90.0)
    acts = {0: lambda s: s.buy("A", 1_000.0)}
    result = run(bars, [MaxDrawdown(0.1)], acts, initial_cash=100_000.0)
    assert events(result, "kind")[0] == ["limit_breached"]
    bars = losing(90.001, 90.001)
    assert run(bars, [MaxDrawdown(0.1)], acts, initial_cash=100_000.0).events.empty


def test_a_daily_loss_halts_until_the_next_session():
    """The loss counts from the last close of the day before, so it works on daily bars."""
    bars = losing(97.0, 96.0, 96.0)
    buy = {t: lambda s: s.buy("A", 1.0) for t in range(1, 4)} | {0: lambda s: s.buy("A", 1_000.0)}
    result = run(bars, [MaxDailyLoss(0.02)], buy, initial_cash=100_000.0)
    kinds = events(result, "timestamp", "kind")
    times = {kind: time.value for time, kind in kinds}
    assert [kind for _, kind in kinds] == ["limit_breached", "halted", "rejected", "resumed"]
    assert times["halted"] == times["rejected"] == day(2)
    assert times["resumed"] == day(3)


def test_n_bars_of_a_halt():
    bars = losing(80.0, 80.0, 80.0, 80.0, 80.0)
    buy = {t: lambda s: s.buy("A", 1.0) for t in range(1, 6)} | {0: lambda s: s.buy("A", 1_000.0)}
    result = run(bars, [MaxDrawdown(0.1, resume=2)], buy, initial_cash=100_000.0)
    of = {kind: [t.value for t, one in events(result, "timestamp", "kind") if one == kind] for kind in ("halted", "rejected", "resumed")}  # fmt: skip
    # The peak begins anew: the loss behind it is no loss of the next.
    assert of == {"halted": [day(2)], "rejected": [day(2), day(3)], "resumed": [day(4)]}


def test_a_halt_cancels_what_could_add_risk_and_holds_the_rest_to_its_position():
    bars = losing(80.0, 80.0, 80.0)

    def wait(strategy):
        strategy.buy("A", 5.0, limit=10.0)
        strategy.sell("A", 5.0, limit=500.0)
        strategy.sell("A", 5_000.0, stop=1.0)

    result = run(bars, [MaxDrawdown(0.1)], {0: lambda s: s.buy("A", 1_000.0), 1: wait}, initial_cash=100_000.0)  # fmt: skip
    assert [row[1:] for row in events(result) if row[0] == "modified"] == [
        ["max_drawdown", -5.0, -5.0], ["max_drawdown", -5_000.0, -5_000.0],
    ]  # fmt: skip
    assert orders(result, "quantity", "status", "reduce_only")[1:] == [
        (5.0, "cancelled", False), (-5.0, "open", True), (-5_000.0, "open", True),
    ]  # fmt: skip


def test_after_a_level_has_ended_the_position_nothing_goes_short_in_a_halt():
    bars = [*losing(80.0), (80.0, 80.0, 40.0, 60.0), at(60.0)]
    acts = {0: lambda s: s.buy("A", 1_000.0), 2: lambda s: s.sell("A", 1_000.0, stop=45.0)}
    rules = [MaxDrawdown(0.1), PriceBasedStopLoss(pct=0.5)]
    result = run(bars, rules, acts, initial_cash=100_000.0)
    assert fills(result, "quantity", "price") == [(1_000.0, 100.0), (-1_000.0, 50.0)]
    assert orders(result, "status", "reason")[1] == ("cancelled", "position_closed")


def test_while_a_loss_breaches_reject_lets_only_reducing_orders_pass():
    bars = losing(80.0, 80.0, 100.0, 100.0, 100.0)

    def both(strategy):
        strategy.sell("A", 100.0)
        strategy.buy("A", 50.0)

    acts = {0: lambda s: s.buy("A", 1_000.0), 2: both, 4: lambda s: s.buy("A", 1.0)}
    result = run(bars, [MaxDrawdown(0.1, on_breach="reject")], acts, initial_cash=100_000.0)
    # The buyer takes back some of the sale that waits before it: it reduces nothing.
    assert fills(result, "quantity")[1:] == [(-100.0,), (1.0,)]
    assert events(result, "kind") == [["limit_breached"], ["rejected"]]


def test_a_flattened_run_closes_what_fills_late():
    """An asset without a row is left when it has one again."""
    data = market({"A": losing(80.0, 80.0, 80.0), "B": [FLAT, FLAT, None, None, FLAT]})
    acts = {0: lambda s: (s.buy("A", 1_000.0), s.buy("B", 10.0))}
    result = run(data, [MaxDrawdown(0.1, on_breach="flatten")], acts, initial_cash=150_000.0)
    assert held(result) == {}
    assert fills(result, "asset", "quantity")[2:] == [("A", -1_000.0), ("B", -10.0)]


def test_a_limit_that_is_removed_halts_no_more():
    bars = losing(80.0, 80.0, 80.0)
    acts = {
        0: lambda s: s.buy("A", 1_000.0),
        2: lambda s: s.risk.remove_rule("MaxDrawdown"),
        3: lambda s: s.buy("A", 1.0),
    }
    result = run(bars, [MaxDrawdown(0.1)], acts, initial_cash=100_000.0)
    assert held(result) == {"A": 1_001.0}


def test_what_acts_is_a_line_of_the_summary():
    result = run(losing(80.0, 80.0), [MaxDrawdown(0.1)], {0: lambda s: s.buy("A", 1_000.0)}, initial_cash=100_000.0)  # fmt: skip
    assert any("max_drawdown" in note and "halt" in note for note in result.notes)


# ----- what cannot be ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MaxPositions(8, on_breach="scale"), "nothing to scale"),
        (lambda: MaxDrawdown(0.1, on_breach="scale"), "nothing to scale"),
        (lambda: MaxPositions(0), "whole number from 1"),
        (lambda: MaxDrawdown(1.0), "below 1"),
        (lambda: MaxDailyLoss(), "either pct or value"),
        (lambda: MaxDailyLoss(0.1, value=5.0), "either pct or value"),
        (lambda: MaxLeverage(NAN), "above 0"),
        (lambda: MaxPositionWeight("10%"), "above 0"),
        (lambda: MaxDrawdown(0.1, resume="tomorrow"), "next_session"),
        (lambda: MaxDrawdown(0.1, resume=0), "from 1"),
        (lambda: RestrictedAssets([]), "at least one asset"),
        (lambda: MaxGroupExposure({}, 0.1), "map each asset"),
        (lambda: MaxGroupExposure({"A": "x"}, {}), "every group"),
        (lambda: MaxGroupExposure({"A": ["x"]}, 0.1), "must be a label"),
        (
            lambda: MaxGroupExposure({"A": "x", "B": float("nan")}, 0.1),
            "the group of 'B' is missing",
        ),
        (lambda: MaxGroupExposure({"A": None}, 0.1), "the group of 'A' is missing"),
        (lambda: MaxGroupExposure(pd.Series({"A": pd.NA}), 0.1), "the group of 'A' is missing"),
        (
            lambda: MaxGroupExposure(pd.DataFrame({"sector": ["x"]}, ["A"]), 0.1),
            "a table of columns: take the one",
        ),
        (lambda: RestrictedAssets([1]), "at least one asset"),
        (lambda: MaxDrawdown(0.1, resume=[1]), "from 1"),
        (lambda: LongOnly(on_breach="flatten"), "must be one of"),
        (lambda: AllOf([LongOnly()]), "no member"),
        (lambda: AnyOf([MaxPositions(1)]), "no member"),
    ],
)
def test_what_is_no_limit_is_refused_in_a_sentence(make, words):
    with pytest.raises(InvalidRuleError, match=words):
        make()


EVERY_LIMIT = [
    (MaxDailyLoss, {"pct": 0.1}),
    (MaxDrawdown, {"pct": 0.1}),
    (MaxLeverage, {"leverage": 1.0}),
    (MaxGrossExposure, {"pct": 1.0}),
    (MaxNetExposure, {"value": 100.0}),
    (MaxPositionWeight, {"pct": 0.1}),
    (MaxGroupExposure, {"groups": {"A": "x"}, "pct": 0.1}),
    (MaxGroupExposure, {"groups": {"A": "x"}, "pct": {"x": 0.1}}),
    (VolatilityTarget, {"annual": 0.1}),
    (MaxVaR, {"pct": 0.1}),
    (MaxCVaR, {"pct": 0.1}),
    (MaxTurnover, {"pct": 0.1}),
    (MaxPositions, {"n": 3}),
    (RestrictedAssets, {"restricted": ["A"]}),
    (LongOnly, {}),
]
IDLE = ("warn", "reject", "scale")


@pytest.mark.parametrize("resume", [5, "never", "next_session", 0])
@pytest.mark.parametrize(("kind", "given"), EVERY_LIMIT)
def test_a_resume_of_a_limit_that_halts_nothing_is_refused(kind, given, resume):
    halts = [one for one in kind.breaches if one not in IDLE]
    take = ", or give on_breach='halt' or 'flatten'" if halts else ""
    for on_breach in set(kind.breaches) & {*IDLE}:
        with pytest.raises(InvalidRuleError) as error:
            kind(**given, on_breach=on_breach, resume=resume)
        assert str(error.value) == (
            f"{kind.__name__}: resume={resume!r} says when a halt ends, and on_breach={on_breach!r} halts nothing; leave "
            f"resume out{take}"
        )
        assert kind(**given, on_breach=on_breach).limit_spec.on_breach == on_breach
    assert [kind(**given, on_breach=one, resume=5).limit_spec.resume for one in halts] == [5] * len(halts)  # fmt: skip


@pytest.mark.parametrize(
    ("limit", "again", "resume"),
    [
        (MaxDailyLoss(0.1), MaxDailyLoss(0.1, resume="next_session"), "next_session"),
        (MaxDrawdown(0.1), MaxDrawdown(0.1, resume="never"), "never"),
        (MaxPositions(3, on_breach="halt"), MaxPositions(3, on_breach="halt", resume="never"), "never"),
        (MaxDailyLoss(0.1, resume="never"), MaxDailyLoss(0.1, resume="never"), "never"),
        (MaxDailyLoss(0.1, resume=5), MaxDailyLoss(0.1, on_breach="halt", resume=5), 5),
    ],
)  # fmt: skip
def test_a_limit_that_halts_goes_on_by_its_own_resume_unless_given_one(limit, again, resume):
    copies = [copy.copy(limit), copy.deepcopy(limit), pickle.loads(pickle.dumps(limit)), replace(limit)]  # fmt: skip
    for one in (limit, again, *copies):
        assert one == limit
        assert repr(one) == repr(limit)
        assert hash(one) == hash(limit)
        assert one.limit_spec.resume == resume


def test_a_limit_with_its_own_resume_may_be_turned_into_one_that_warns():
    for limit in (MaxDailyLoss(0.1), MaxDrawdown(0.1, resume="never")):
        assert replace(limit, on_breach="warn") == type(limit)(0.1, on_breach="warn")
    with pytest.raises(InvalidRuleError, match="resume=5 says when a halt ends"):
        replace(MaxDrawdown(0.1, resume=5), on_breach="warn")


def test_a_limit_of_the_whole_portfolio_is_for_all_assets():
    manager = RiskManager()
    manager.add_rule(MaxDrawdown(0.1), assets=["A"])
    with pytest.raises(InvalidRuleError, match="max_drawdown is a limit of the whole portfolio"):
        run(flat("A"), (), risk_manager=manager)


def test_a_table_of_groups_names_every_asset_before_the_run():
    with pytest.raises(InvalidRuleError, match="'B' has none"):
        run(flat("A", "B"), [MaxGroupExposure({"A": "tech"}, 0.1)])
    with pytest.raises(InvalidRuleError, match="'oil' has no bound"):
        run(flat("A", "B"), [MaxGroupExposure({"A": "tech", "B": "oil"}, {"tech": 0.1})])


# ----- after fills at a close ----------------------------------------------------------------------


@pytest.mark.parametrize("on_breach", ["halt", "flatten"])
def test_a_loss_by_what_fills_at_a_close_halts_before_the_next_bar(on_breach):
    """Nothing that waits fills in the bar behind it: A costs ten to buy, and nine are too many."""

    def buy(strategy):
        strategy.buy("B", 1.0, limit=95.0)
        strategy.buy("A", 1.0)

    falls = market({"A": [FLAT] * 4, "B": [FLAT, (100, 100, 90, 100), FLAT, FLAT]})
    limit = MaxDailyLoss(value=9.0, on_breach=on_breach, resume="never")
    result = run(falls, [limit], {0: buy}, fill_at="close", commission=Commission(fixed=10.0))
    assert events(result)[0] == ["limit_breached", "max_daily_loss", 99_990.0, 99_991.0]
    assert list(result.events["kind"][:3]) == ["limit_breached", "halted", "cancelled"]
    first, second = result.equity.index[:2]
    assert list(result.events["timestamp"][:3]) == [first] * 3
    exits = [("A", "filled", second)] if on_breach == "flatten" else []  # decided at the next mark
    assert orders(result, "asset", "status", "ended") == [
        ("B", "cancelled", first),
        ("A", "filled", first),
        *exits,
    ]


def test_what_fills_at_an_open_is_tried_at_the_mark_of_its_bar():
    def buy(strategy):
        strategy.buy("A", 1.0)
        strategy.buy("B", 1.0, limit=95.0)

    falls = market({"A": [FLAT] * 4, "B": [FLAT, FLAT, (100, 100, 90, 100), FLAT]})
    limit = MaxDailyLoss(value=9.0, on_breach="halt", resume="never")
    result = run(falls, [limit], {0: buy}, commission=Commission(fixed=10.0))
    second = result.equity.index[1]
    assert orders(result, "asset", "status", "ended") == [
        ("A", "filled", second),
        ("B", "cancelled", second),
    ]


def test_a_change_that_cannot_be_measured_adds_nothing():
    made = {}

    class Changes(Strategy):
        n = 0

        def on_timestamp_batch(self, timestamp, events, context):
            self.n += 1
            if self.n == 1:
                made["order"] = self.buy("B", 1.0)
            if self.n == 2:
                self.risk.add_rule(MaxPositionWeight(0.01))
                self.modify(made["order"], quantity=1_000.0)

    bars = {"A": [FLAT] * 5, "B": [None, None, *[FLAT] * 3]}
    result = run_backtest(market(bars), Changes(), rules=[MaxPositions(5)])
    (told,) = result.events.query("kind == 'limit_breached'").to_dict("records")
    assert (told["asset"], told["reason"], told["asked"], told["given"]) == (
        "B",
        "no_price",
        999.0,
        0.0,
    )
    assert result.open_positions["quantity"].tolist() == [1.0]
