"""Limits of the portfolio: what they cost an order does not depend on how many assets or orders there are."""

import pandas as pd
import pytest
from growth.harness import assert_costs, assert_linear
from growth.worlds import RICH, market

from ml4t.backtest import BacktestEngine, Strategy
from ml4t.backtest.risk import (
    MaxDailyLoss,
    MaxGroupExposure,
    MaxLeverage,
    MaxNetExposure,
    MaxPositions,
    MaxPositionWeight,
    MaxTurnover,
    MaxVaR,
    PortfolioRule,
    RestrictedAssets,
    VolatilityTarget,
)


class Replace(Strategy):
    """An order of every asset at every bar that waits far away, in place of the one before."""

    def __init__(self, limit=1.0):
        self.limit = limit

    def on_start(self):
        self.waiting = {}

    def on_market_data(self, event):
        if event.asset in self.waiting:
            self.cancel(self.waiting[event.asset])
        self.waiting[event.asset] = self.buy(event.asset, 1.0, limit=self.limit)


class Trade(Strategy):
    """A market order of every asset at every bar."""

    def on_start(self):
        self.t = 0

    def on_market_data(self, event):
        self.t += event.code == 0
        if self.t % 2:
            self.buy(event.asset, 1.0)
        else:
            self.sell(event.asset, 1.0)


def limits_of(data, far=1e9):
    groups = {name: code % 7 for code, name in enumerate(data.assets)}
    return [
        MaxLeverage(far, on_breach="scale"),
        MaxNetExposure(value=far, on_breach="scale"),
        MaxPositionWeight(50.0, on_breach="scale"),
        MaxGroupExposure(groups, value=far, on_breach="scale"),
        MaxPositions(10**6),
    ]


def trading(n_assets, n_times, strategy=Trade, **sizes):
    data = market(n_times, n_assets)
    rules = limits_of(data, **sizes)
    return lambda: BacktestEngine(data, strategy(), rules=rules, config=RICH).run


def test_a_limited_order_costs_the_same_among_many_assets():
    assert_costs(
        trading(1_000, 20), trading(10, 2_000), 1.5, "a limited order of each of 1,000 assets"
    )


def test_orders_of_a_whole_universe_that_a_limit_lets_none_pass():
    assert_linear(
        lambda n: trading(n, 20, far=1e-3)(), 1_000, "assets with an order beyond a limit each"
    )


def test_orders_replaced_one_after_the_other():
    assert_linear(
        lambda n: trading(n, 10, Replace)(), 1_000, "assets whose waiting order is replaced each"
    )


def test_assets_of_a_restricted_list():
    def prepare(n):
        data = market(2, n)
        rules = [RestrictedAssets(data.assets)]
        return BacktestEngine(data, Trade(), rules=rules, config=RICH).run

    assert_linear(prepare, 4_000, "assets of a restricted list")


def test_limits():
    def prepare(n):
        data = market(2_000, 2)
        rules = [MaxDailyLoss(0.5) for _ in range(n)] + [MaxLeverage(1e9) for _ in range(n)]
        return BacktestEngine(data, Trade(), rules=rules, config=RICH).run

    assert_linear(prepare, 100, "limits")


def test_turnover_of_many_assets():
    def prepare(n):
        data, rules = market(20, n), [MaxTurnover(value=1e12, bars=5)]
        return BacktestEngine(data, Trade(), rules=rules, config=RICH).run

    assert_linear(prepare, 1_000, "assets with an order each under a limit of turnover")


@pytest.mark.parametrize("places", [lambda n: 8, lambda n: n // 2], ids=["eight", "half"])
def test_orders_of_a_whole_universe_for_places_by_rank(places):
    """Each of a higher rank than those before: every one of them makes another leave."""

    def prepare(n):
        base = market(10, n)
        ranks = {name: float(code) for code, name in enumerate(base.assets)}
        frame = pd.DataFrame(
            {
                "timestamp": [pd.Timestamp(base.timestamps[0])] * n,
                "asset": [*ranks],
                "rank": [*ranks.values()],
            }
        )
        data = base.with_features(frame)
        return BacktestEngine(
            data, Trade(), rules=[MaxPositions(places(n), rank="rank")], config=RICH
        ).run

    assert_linear(prepare, 1_000, "assets that ask for places")


def test_a_risk_that_is_measured_at_every_bar():
    """Of the same window."""

    def prepare(n):
        rules = [
            MaxVaR(0.5, window=250, on_breach="warn"),
            VolatilityTarget(50.0, on_breach="warn"),
        ]
        return BacktestEngine(market(n, 2), Trade(), rules=rules, config=RICH).run

    assert_linear(prepare, 5_000, "bars under limits of risk")


class AnyGross(PortfolioRule):
    def evaluate(self, portfolio):
        assert portfolio.projected_gross >= 0.0


def test_a_limit_in_python_that_looks_at_no_single_asset():
    def prepare(n):
        return BacktestEngine(market(10, n), Trade(), rules=[AnyGross()], config=RICH).run

    assert_linear(prepare, 500, "assets with an order each under a limit in Python")
