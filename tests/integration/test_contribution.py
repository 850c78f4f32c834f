"""What each rule adds: the run without it is that of a run of its own, and the trades that differ sum to it."""

import numpy as np
import pandas as pd
import pytest
from scenes import FLAT, Acts, buy_first, market

from ml4t.backtest import (
    AnalysisError,
    BacktestConfig,
    DataFeed,
    MarketData,
    RuleContribution,
    Strategy,
    StrategyError,
    rule_contribution,
    run_backtest,
)
from ml4t.backtest.datasets import load_us_stocks
from ml4t.backtest.risk import (
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RiskDecision,
    RiskManager,
    TimeBasedExit,
)
from ml4t.backtest.risk.composite import CompositeRule
from ml4t.backtest.runfile import RunFile

RISES = (100.0, 112.0, 99.0, 111.0)
FALLS = (100.0, 101.0, 80.0, 82.0)
RULES = [PriceBasedStopLoss(pct=0.05), PriceBasedTakeProfit(pct=0.1), TimeBasedExit(max_bars=30)]


class Momentum(Strategy):
    """Buys what rose over a month; remembers, as no strategy of a second run may."""

    def __init__(self):
        self.closes = {}
        self.seen = 0

    def on_market_data(self, event):
        self.seen += 1
        closes = self.closes.setdefault(event.asset, [])
        closes.append(event.close)
        if len(closes) > 21 and closes[-1] > closes[-21] and not self.position(event.asset):
            self.buy(event.asset, percent=0.1)


@pytest.fixture(scope="module")
def prices():
    return load_us_stocks("2014", "2015").iloc[:, :6]


@pytest.fixture(scope="module")
def run(prices):
    return {
        "prices": prices,
        "strategy": Momentum(),
        "rules": RULES,
        "bar_time": "16:00 America/New_York",
        "config": BacktestConfig(commission=0.001),
    }


@pytest.fixture(scope="module")
def found(run):
    return rule_contribution(run)


def test_a_rule_by_hand():
    """Ten units at 100; the stop sells at 95 on a bar that ends at 82 and stays there."""
    data = market({"A": [FLAT, FLAT, FALLS, (82.0,) * 4]})
    rules = [PriceBasedStopLoss(pct=0.05), PriceBasedTakeProfit(pct=0.5)]
    found = rule_contribution(
        {"prices": data, "strategy": Acts({0: buy_first}), "rules": rules}, measures=["trades"]
    )
    assert found.table.loc["PriceBasedStopLoss"].to_dict() == {
        "exits": 1, "differing": 1, "resized": 0, "pnl": 130.0, "trades": 1.0,
    }  # fmt: skip
    assert found.table.loc["PriceBasedTakeProfit"].to_list() == [0, 0, 0, 0.0, 0.0]
    (trade,) = found.trades("PriceBasedStopLoss").to_dict("records")
    assert trade["pnl"] == 130.0
    assert (trade["pnl_with"], trade["pnl_without"]) == (-50.0, -180.0)
    assert (trade["ended_by_with"], trade["ended_by_without"]) == ("PriceBasedStopLoss", "open")
    assert trade["exit_price_with"] == 95.0
    assert trade["difference"] == "exit"
    assert pd.isna(trade["exit_time_without"])
    assert found.trades("PriceBasedTakeProfit").empty


def test_each_run_is_that_of_a_run_of_its_own(run, found):
    assert list(found.without) == [rule.name for rule in RULES]
    for left_out, result in zip(
        [None, *RULES], [found.whole, *found.without.values()], strict=True
    ):
        rules = [rule for rule in RULES if rule is not left_out]
        alone = run_backtest(**run | {"rules": rules, "strategy": Momentum()})
        pd.testing.assert_frame_equal(result.fills, alone.fills)
        pd.testing.assert_frame_equal(result.equity, alone.equity)


def test_nothing_of_what_was_given_has_run(run, found):
    assert run["strategy"].seen == 0
    assert run["strategy"].closes == {}


def test_the_trades_that_differ_sum_to_what_the_rule_adds(found):
    assert (found.table["differing"] > 10).all()
    for label, row in found.table.iterrows():
        trades = found.trades(label)
        assert len(trades) == row["differing"] + row["resized"]
        assert trades["pnl"].sum() == pytest.approx(row["pnl"], abs=1e-6)
        assert trades["entry_time"].is_monotonic_increasing
        for name, missing in (("only_with", "pnl_without"), ("only_without", "pnl_with")):
            assert (trades[missing].isna() == (trades["difference"] == name)).all()
        resized = trades[trades["difference"] == "size"]
        assert resized["exit_time_with"].equals(
            resized["exit_time_without"].rename("exit_time_with")
        )
        assert (resized["quantity_with"] != resized["quantity_without"]).all()


def test_what_is_the_same_is_left_out_and_nothing_else(found):
    for label, other in found.without.items():
        key = ["asset", "side", "entry_time"]
        ours, theirs = (
            {tuple(row) for row in one.trades[[*key, "exit_time", "net_pnl"]].itertuples(index=False)}
            for one in (found.whole, other)
        )  # fmt: skip
        differing = found.trades(label)
        told = {tuple(row) for row in differing[key].itertuples(index=False)}
        assert {row[:3] for row in ours ^ theirs} <= told
        n_open = len(found.whole.open_positions) + len(other.open_positions)
        assert len(told) <= len({row[:3] for row in ours ^ theirs}) + n_open


def test_the_table_is_the_whole_less_the_run_without(found):
    table, measures = found.table, found.measures
    assert measures.index.to_list() == ["all rules", *found.without]
    for label, result in found.without.items():
        for name in ("total_return", "sharpe", "max_drawdown", "trades"):
            assert measures.loc[label, name] == result.metrics[name]
            assert table.loc[label, name] == found.whole.metrics[name] - result.metrics[name]
        earned = found.whole.metrics["final_equity"] - result.metrics["final_equity"]
        assert table.loc[label, "pnl"] == earned
        assert table.loc[label, "exits"] == found.whole.metrics["exits_by_rule"][label]


def test_other_measures(run):
    data = MarketData.from_tables(run["prices"], bar_time=run["bar_time"])
    given = {"prices": data, "strategy": Momentum(), "rules": RULES[:1]}
    found = rule_contribution(given, measures=["win_rate", "sortino"])
    assert list(found.table) == ["exits", "differing", "resized", "pnl", "win_rate", "sortino"]
    assert list(rule_contribution(given, measures="calmar").measures) == ["calmar"]


def test_a_risk_manager_and_rules_for_some_assets(run, prices):
    asset = prices.columns[0]
    manager = RiskManager([PriceBasedStopLoss(pct=0.03)])
    manager.add_rule(PriceBasedStopLoss(pct=0.02), assets=[asset])
    given = {name: value for name, value in run.items() if name != "rules"}
    found = rule_contribution(given | {"risk_manager": manager})
    second = "PriceBasedStopLoss#2"
    assert list(found.without) == ["PriceBasedStopLoss", second]
    assert found.table.loc[second, "exits"] > 0
    assert set(found.without["PriceBasedStopLoss"].trades["rule"].dropna()) == {second}
    assert manager.rule_names == ("PriceBasedStopLoss", second)


def test_the_members_of_a_composite_rule_are_left_out_one_by_one(run):
    found = rule_contribution(run | {"rules": CompositeRule(RULES[:2])})
    assert list(found.without) == ["PriceBasedStopLoss", "PriceBasedTakeProfit"]


def test_a_rule_that_is_a_method_of_the_strategy_is_the_copys(run):
    class Own(Momentum):
        def leave(self, context):
            self.asked = getattr(self, "asked", 0) + 1
            return (
                RiskDecision.exit_now("other")
                if context.bars_held > 5
                else RiskDecision.no_action()
            )

    own = Own()
    found = rule_contribution(run | {"strategy": own, "rules": own.leave})
    assert list(found.without) == ["leave"]
    assert not hasattr(own, "asked")
    assert found.table.loc["leave", "exits"] > 0


def test_a_feed_is_read_again_for_each_run(run, prices, tmp_path):
    rows = prices.reset_index().melt("date", var_name="symbol", value_name="close")
    rows.sort_values(["date", "symbol"]).to_parquet(tmp_path / "prices.parquet")
    feed = DataFeed.from_parquet(tmp_path / "prices.parquet", bar_time=run["bar_time"], chunk=100)
    given = {"prices": feed, "strategy": Momentum(), "rules": RULES, "config": run["config"]}
    table = rule_contribution(given).table
    pd.testing.assert_frame_equal(table, rule_contribution(run).table)


def test_a_run_file(prices, tmp_path):
    prices.to_parquet(tmp_path / "prices.parquet")
    (prices.diff() > 0).astype(float).to_parquet(tmp_path / "up.parquet")
    content = {
        "data": {"prices": str(tmp_path / "prices.parquet"), "bar_time": "16:00 America/New_York"},
        "features": {"signals": [{"path": str(tmp_path / "up.parquet"), "name": "up"}]},
        "strategy": {"class": "ml4t.backtest:SignalStrategy", "parameters": {"entry": "up"}},
        "risk": {
            "rules": [
                {"rule": "PriceBasedStopLoss", "pct": 0.05},
                {"rule": "TimeBasedExit", "max_bars": 5},
            ]
        },
    }
    run = RunFile.from_mapping(content)
    found = rule_contribution(run)
    pd.testing.assert_frame_equal(found.whole.fills, run.run().fills)
    rules = [content["risk"]["rules"][0]]
    alone = RunFile.from_mapping(content | {"risk": {"rules": rules}}).run()
    pd.testing.assert_frame_equal(found.without["TimeBasedExit"].fills, alone.fills)
    assert found.table.loc["TimeBasedExit", "exits"] > 0


def test_progress_is_over_all_runs(run):
    told = []
    rule_contribution(run, progress=lambda done, total: told.append((done, total)))
    done, total = told[-1]
    assert done == total
    assert [one for one, _ in told] == sorted(one for one, _ in told)
    assert {one for _, one in told} == {total}


def test_it_shows_itself(found):
    assert isinstance(found, RuleContribution)
    assert str(found).startswith("RuleContribution: Momentum, final equity ")
    assert "TimeBasedExit" in str(found)
    assert "<td" in found._repr_html_()
    assert repr(found).startswith("<RuleContribution: ")


def without(mapping, name):
    return {key: value for key, value in mapping.items() if key != name}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda run: run | {"rules": []}, AnalysisError, "the run has no rule that could be left"),
        (lambda run: without(run, "rules"), AnalysisError, "the run has no rule that could be left"),
        (lambda run: without(run, "prices"), TypeError, "the arguments of the run lack prices"),
        (lambda run: without(run, "strategy"), TypeError, "the arguments of the run lack strategy"),
        (lambda run: run | {"rule": []}, TypeError, "unknown argument 'rule'; did you mean 'rules'"),
        (lambda run: run | {"bounds": True}, TypeError, "bounds is not for the runs of a contrib"),
        (lambda run: run | {"strategy": Momentum}, TypeError, "strategy must be a Strategy, was"),
        (lambda run: run | {"risk_manager": RiskManager()}, TypeError, "rules or risk_manager, not"),
        (lambda run: [run], TypeError, "run must be the arguments of run_backtest as a mapping"),
    ],
)  # fmt: skip
def test_what_is_no_run_is_refused(run, change, error, message):
    with pytest.raises(error, match=message):
        rule_contribution(change(run))


def test_what_cannot_be_copied_is_refused(run):
    strategy = Momentum()
    strategy.rows = (one for one in ())
    with pytest.raises(AnalysisError, match=r"strategy and rules are copied, .* cannot be: "):
        rule_contribution(run | {"strategy": strategy})


@pytest.mark.parametrize("name", ["sharp", "exits_by_rule", "alpha"])
def test_a_measure_that_is_no_number_of_a_run_is_refused(run, name):
    with pytest.raises(AnalysisError, match=f"there is no measure '{name}' to compare"):
        rule_contribution(run, measures=[name])


def test_a_rule_that_was_not_left_out(found):
    with pytest.raises(
        AnalysisError, match="no rule 'StopLoss'; did you mean 'PriceBasedStopLoss'"
    ):
        found.trades("StopLoss")


def test_a_run_without_a_rule_that_fails_is_told_and_the_others_go_on():
    class Breaks(Strategy):
        def on_market_data(self, event):
            if self.position(event.asset) and event.close > 110:
                raise ValueError("too high")
            self.buy(event.asset, 1)

    data = market({"A": [FLAT, FLAT, RISES, FLAT]})
    rules = [PriceBasedTakeProfit(pct=0.1), PriceBasedStopLoss(pct=0.5)]
    found = rule_contribution({"prices": data, "strategy": Breaks(), "rules": rules})
    assert [*found.without] == ["PriceBasedStopLoss"]
    assert "too high" in found.failed["PriceBasedTakeProfit"]
    row = found.table.loc["PriceBasedTakeProfit"]
    assert row["exits"] == 1
    assert row.drop("exits").isna().all()
    for shown in (str(found), found._repr_html_()):
        assert "The run without PriceBasedTakeProfit failed: StrategyError" in shown
    with pytest.raises(AnalysisError, match="the run without PriceBasedTakeProfit failed"):
        found.trades("PriceBasedTakeProfit")


def test_a_stop_that_a_target_needs_is_left_out_of_no_run():
    data = market({"A": [FLAT, FLAT, RISES, FLAT, FLAT]})
    rules = [PriceBasedStopLoss(pct=0.05), PriceBasedTakeProfit(r=2)]
    found = rule_contribution({"prices": data, "strategy": Acts({0: buy_first}), "rules": rules})
    assert "no rule arms one" in found.failed["PriceBasedStopLoss"]
    assert found.table.loc["PriceBasedTakeProfit", "exits"] == 1


def test_an_error_of_the_run_with_all_rules_is_raised():
    class Breaks(Strategy):
        def on_market_data(self, event):
            raise ValueError("at once")

    data = market({"A": [FLAT, FLAT]})
    with pytest.raises(StrategyError) as error:
        rule_contribution({"prices": data, "strategy": Breaks(), "rules": RULES})
    assert error.value.__notes__ == ["in the run with all rules"]


def test_trades_that_begin_together_are_matched_in_their_order():
    """Two trades of one asset within one bar: the first with the first, the second with the second."""
    from ml4t.backtest.analytics.differing_trades import differing_trades

    def trips(pnl):
        n = len(pnl)
        return pd.DataFrame(
            {
                "asset": pd.Categorical(["A"] * n), "side": pd.Categorical(["long"] * n),
                "entry_time": pd.Timestamp("2024-01-02", tz="UTC"),
                "exit_time": pd.Timestamp("2024-01-02", tz="UTC"), "quantity": 1.0,
                "entry_price": 1.0, "exit_price": 1.0, "pnl": pnl, "is_open": False,
                "rule": pd.Categorical(["x"] * n), "reason": pd.Categorical(["y"] * n),
            }
        )  # fmt: skip

    found = differing_trades(trips([1.0, 2.0, 3.0]), trips([1.0, 5.0]))
    assert found["pnl"].to_list() == [-3.0, 3.0]
    assert found["difference"].to_list() == ["size", "only_with"]
    assert np.isnan(found["pnl_without"].iloc[1])
