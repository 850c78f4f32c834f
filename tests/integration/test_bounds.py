"""A run under both readings of its bars: two results, how many bars decide, how far the curves part."""

import re
import warnings
from threading import Lock

import pandas as pd
import pytest
from scenes import FLAT, Acts, buy_first, day, market, run

from ml4t.backtest import BacktestConfig, Strategy, StrategyError, run_backtest
from ml4t.backtest.risk import PriceBasedStopLoss, PriceBasedTakeProfit, RiskDecision, RiskManager

BOTH = (100.0, 112.0, 94.0, 105.0)  # holds a stop at 95 and a target at 110
RULES = [PriceBasedStopLoss(price=95.0), PriceBasedTakeProfit(price=110.0)]
ENDS = pd.Timestamp(day(2), tz="UTC")


def bounds_of(bars, strategy=None, **given):
    given = {"rules": RULES} | given
    strategy = Acts({0: buy_first}) if strategy is None else strategy
    return run_backtest(market({"A": bars}), strategy, bounds=True, **given)


def test_a_bar_that_holds_both_levels_parts_the_results():
    both = bounds_of([FLAT, FLAT, BOTH, FLAT])
    assert both.adverse.trades["exit_price"].tolist() == [95.0]
    assert both.favourable.trades["exit_price"].tolist() == [110.0]
    assert [one.config.intrabar for one in (both.adverse, both.favourable)] == [
        "adverse_first",
        "favourable_first",
    ]
    assert both.ambiguous_bars == (1, 1)
    # Ten units: 50 lost, or 100 earned.
    assert both.equity["apart"].tolist() == [0.0, 0.0, 150.0, 150.0]
    assert both.most_apart == (ENDS, 150.0)


def test_each_result_is_that_of_a_run_of_its_own():
    bars = [FLAT, FLAT, BOTH, FLAT]
    both = bounds_of(bars, config=BacktestConfig(account="margin", debug=True))
    for result in (both.adverse, both.favourable):
        alone = run(bars, RULES, intrabar=result.config.intrabar)
        pd.testing.assert_frame_equal(result.fills, alone.fills)
        pd.testing.assert_frame_equal(result.equity, alone.equity)


def test_without_an_ambiguous_bar_both_results_are_the_same():
    both = bounds_of([FLAT, FLAT, (100.0, 101.0, 94.0, 96.0)])
    assert both.ambiguous_bars == (0, 0)
    assert both.adverse.trades["exit_price"].tolist() == [95.0]
    pd.testing.assert_frame_equal(both.adverse.fills, both.favourable.fills)
    assert str(both).endswith("The curves are the same.")


def test_what_is_shown():
    both = bounds_of([FLAT, FLAT, BOTH, FLAT])
    assert repr(both) == "BoundsResult(final equity 99,950.00 to 100,100.00)"
    text = str(both)
    assert re.search(r"Final equity +99,950.00 +100,100.00\n", text)
    assert re.search(r"Ambiguous bars +1 +1\n", text)
    # 150 of 99,950
    assert "at most 150.00 apart (0.15% of the adverse), at" in text
    assert "and 150.00 at the end." in text
    page = both._repr_html_()
    assert "<b>Bounds: Acts, " in page
    assert ">favourable_first<" in page


class Counts(Strategy):
    """Keeps what it sees in itself, and moves its own target."""

    def __init__(self):
        self.closes = []

    def on_market_data(self, event):
        self.closes.append(event.close)
        if len(self.closes) == 1:
            self.buy(event.asset, 10.0)

    def nearer(self, context):
        """A rule: the target comes nearer with every close that was seen."""
        return RiskDecision.update_stops(stop_loss=95.0, take_profit=112.0 - len(self.closes))


def test_each_run_has_a_strategy_of_its_own_and_the_one_that_is_given_has_none():
    strategy = Counts()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no run starts with what the other left
        both = bounds_of([FLAT, FLAT, BOTH], strategy, rules=strategy.nearer)
    # A rule is asked before the strategy sees the close: at the second one it had seen one, so 112 - 1.
    assert both.favourable.trades["exit_price"].tolist() == [111.0]
    assert both.adverse.trades["exit_price"].tolist() == [95.0]
    assert strategy.closes == []


def test_each_run_has_a_risk_manager_of_its_own():
    def leave_the_rules(strategy):
        strategy.risk.remove_rule(RULES[0])

    manager = RiskManager(RULES)
    strategy = Acts({0: buy_first, 2: leave_the_rules})
    both = bounds_of([FLAT, FLAT, FLAT, BOTH], strategy, rules=None, risk_manager=manager)
    assert [one.trades["exit_price"].tolist() for one in (both.adverse, both.favourable)] == [
        [110.0],
        [110.0],
    ]
    assert len(manager.rules) == 2


def test_a_strategy_that_cannot_be_copied_is_refused_with_the_name_of_what_stands_in_the_way():
    strategy = Counts()
    strategy.lock = Lock()
    with pytest.raises(TypeError, match=r"bounds=True runs copies .*Counts\.lock cannot be copied"):
        bounds_of([FLAT, FLAT], strategy)


def test_a_third_reading_of_bars_is_refused():
    with pytest.raises(ValueError, match="leave intrabar out of the config, was 'nearest_to_open'"):
        bounds_of([FLAT, FLAT], config=BacktestConfig(intrabar="nearest_to_open"))


@pytest.mark.parametrize(
    ("given", "message"),
    [({"strategy": Counts}, "strategy must be a Strategy"), ({"config": {}}, "config must be a")],
)
def test_what_one_run_refuses_two_refuse(given, message):
    with pytest.raises(TypeError, match=message):
        bounds_of([FLAT, FLAT], **given)


def test_an_error_says_in_which_of_the_runs_it_was():
    class Fails(Counts):
        def on_fill(self, fill):
            assert fill.price != 110.0

    with pytest.raises(StrategyError) as raised:
        bounds_of([FLAT, FLAT, BOTH], Fails())
    assert raised.value.__notes__ == [
        "in the run under intrabar='favourable_first', of the two of bounds=True"
    ]
    assert raised.value.partial_result.fills["price"].tolist() == [100.0, 110.0]


def test_progress_sees_one_run_of_twice_the_length():
    seen = []
    bounds_of([FLAT] * 4, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (8, 8)
    assert (4, 8) in seen
    assert seen == sorted(seen)
