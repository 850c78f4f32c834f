"""One thing has one name in events, contexts, positions, fills and orders; another is told which."""

import pandas as pd
import pytest

from ml4t.backtest import Strategy, StrategyError, run_backtest
from ml4t.backtest.market.cross_section import CrossSection
from ml4t.backtest.risk import RiskContext, RiskDecision, RuleError

PRICES = pd.DataFrame(
    {
        "timestamp": pd.date_range("2024-01-02", periods=4),
        "asset": "ACME",
        "close": [10.0, 11.0, 12.0, 13.0],
    }
)
VIX = pd.DataFrame({"timestamp": PRICES["timestamp"], "vix": [20.0, 21.0, 22.0, 23.0]})
SCORE = PRICES.assign(score=[1.0, 2.0, 3.0, 4.0])[["timestamp", "asset", "score"]]


class Holder(Strategy):
    """Buys at the first bar, and hands all it is given to a function."""

    def __init__(self, look=lambda strategy, given: None):
        self.look = look

    def on_market_data(self, event):
        if not self.quantity_after_orders(event.asset):
            self.buy(event.asset, 1)
        self.look(self, event)

    def on_fill(self, fill):
        self.look(self, fill)


def run(strategy=None, rules=()):
    strategy = Holder() if strategy is None else strategy
    return run_backtest(PRICES, strategy, signals=SCORE, context=VIX, rules=[*rules])


def test_columns_are_read_in_brackets_of_events_sections_and_contexts():
    seen = []

    class Batch(Strategy):
        def on_timestamp_batch(self, timestamp, events, context):
            (event,) = events
            (score,) = events["score"]
            seen.append((score, event["score"], event["vix"], context["vix"], event["close"]))

    def rule(context):
        if not context.opening:
            seen.append((context["score"], context["vix"], context["close"], context.asset))
        return RiskDecision.no_action()

    run(Batch())
    assert seen[1] == (2.0, 2.0, 21.0, 21.0, 11.0)
    seen.clear()
    run(rules=[rule])
    # Bought at the open of the second bar, so first asked at its close.
    assert seen[0] == (2.0, 21.0, 11.0, "ACME")


def test_positions_and_orders_have_the_names_of_contexts_and_fills():
    seen = {}

    def look(strategy, given):
        for order in strategy.open_orders():
            seen["side"] = order.side
        state = strategy.position("ACME")
        seen.setdefault("flat", state.entry_time)
        seen["entry_time"] = state.entry_time

    run(Holder(look))
    assert seen["side"] == "buy"
    assert seen["flat"] is pd.NaT
    assert seen["entry_time"] == pd.Timestamp("2024-01-03", tz="UTC")


@pytest.mark.parametrize(
    ("look", "meant"),
    [
        (lambda strategy, given: given.symbol, "'asset'"),
        (lambda strategy, given: given.scor, "'score'"),
        (lambda strategy, given: strategy.position("ACME").asset_id, "'asset'"),
        (lambda strategy, given: strategy.position("ACME").size, "'quantity'"),
        (lambda strategy, given: strategy.open_orders()[0].size, "'quantity'"),
        (lambda strategy, given: strategy.levels("ACME").stop_loss, "'stop'"),
        (lambda strategy, given: strategy.positon("ACME"), "'position'"),
    ],
)
def test_another_name_in_a_strategy_is_told_the_one_it_has(look, meant):
    with pytest.raises(StrategyError, match=f"; did you mean {meant}\\?$"):
        run(Holder(look))


@pytest.mark.parametrize(
    ("rule", "meant"),
    [
        (lambda context: context.quantity, r"did you mean 'position_quantity'\?"),
        (lambda context: context.pnl, r"did you mean 'unrealized_pnl'\?"),
        (lambda context: context.vix, r"a column is read in brackets: \['vix'\]"),
        (lambda context: context["vx"], r"did you mean 'vix'\?"),
    ],
)
def test_another_name_in_a_rule_is_told_the_one_it_has(rule, meant):
    with pytest.raises(RuleError, match=meant):
        run(rules=[rule])


def test_an_attribute_error_of_something_else_is_left_as_it_is():
    def raises(strategy, given):
        raise AttributeError("of my own")

    with pytest.raises(StrategyError, match=r"of my own$"):
        run(Holder(raises))


def test_a_market_wide_value_of_a_section_is_told_where_it_stands():
    class Batch(Strategy):
        def on_timestamp_batch(self, timestamp, events, context):
            assert isinstance(events, CrossSection)
            with pytest.raises(KeyError, match=r"read it from the context .* context\['vix'\]"):
                events["vix"]
            with pytest.raises(AttributeError, match="one value for all assets"):
                events.vix  # noqa: B018

    assert run(Batch()).equity.shape[0] == 4


def test_a_context_made_by_hand_is_read_in_brackets():
    context = RiskContext.from_state(
        asset_id="ACME", close=10.0, features={"score": 1.0}, market_features={"vix": 20.0}
    )
    assert (context.asset, context["close"], context["score"], context["vix"]) == (
        "ACME",
        10.0,
        1.0,
        20.0,
    )
    with pytest.raises(KeyError, match="did you mean 'score'"):
        context["scores"]
