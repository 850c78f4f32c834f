"""Numbers of any kind give the same run: each is made a double once, where it comes in."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from scenes import FLAT, Acts, buy_first, day, market, run

from ml4t.backtest import (
    BacktestConfig,
    Commission,
    MarketData,
    Order,
    SignalStrategy,
    Slippage,
    run_backtest,
)
from ml4t.backtest.risk import (
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RiskContext,
    RiskDecision,
    RiskManager,
    RiskRule,
    TimeBasedExit,
    TrailingStop,
)

KINDS = {
    "float": float,
    "int": lambda value: int(value) if value == int(value) else value,
    "np.float64": np.float64,
    "np.float32": np.float32,
    "np.int64": lambda value: np.int64(value) if value == int(value) else np.float64(value),
    "Fraction": Fraction,
    "Decimal": Decimal,
}
# All numbers of these runs are exact in every one of the kinds.
BARS = [
    FLAT,
    (100.0, 104.0, 96.0, 102.0),
    (102.0, 110.0, 98.0, 106.0),
    (106.0, 108.0, 88.0, 90.0),
    (90.0, 100.0, 84.0, 98.0),
    (98.0, 112.0, 94.0, 110.0),
    (110.0, 120.0, 90.0, 92.0),
    (92.0, 96.0, 60.0, 64.0),
    (64.0, 70.0, 62.0, 66.0),
]
DATA = market(
    {"A": BARS, "B": BARS[::-1]}, {"signal": {"A": [1, 0, 0, 0, 1, 0, 0, 0, 0], "B": [0] * 9}}
)


class TellsPrices(RiskRule):
    """Levels and exits with numbers of one kind, and half of some orders."""

    def __init__(self, number):
        self.number = number

    def evaluate(self, context):
        if context.bars_held == 3:
            return RiskDecision(exit_type="stop_loss", exit_price=self.number(80.0))
        return RiskDecision.update_stops(self.number(75.5), self.number(118.0))

    def validate_order(self, order, context):
        exact = order.quantity in (8.0, -4.5)  # others are no numbers of fewer bits
        return order.with_quantity(self.number(order.quantity / 2.0)) if exact else order


def acts(number):
    return Acts(
        {
            0: lambda s: (s.buy("A", number(8.0)), s.sell("B", number(4.5))),
            1: lambda s: s.buy("A", value=number(300.0)),
            2: lambda s: (
                s.sell("B", percent=number(0.125)),
                s.order_target_value("A", number(250)),
            ),
            3: lambda s: s.order_target_percent("A", number(0.25)),
            5: lambda s: s.order_target_weights({"A": number(-0.5), "B": number(0.5)}),
            6: lambda s: s.order_target_weights([number(0.25), number(0.0)]),
        }
    )


def rules(number):
    return [
        PriceBasedStopLoss(pct=number(0.5)),
        PriceBasedTakeProfit(pct=number(0.0625)),
        PriceBasedStopLoss(price=number(72.0)),
        PriceBasedTakeProfit(price=number(116.0)),
        TrailingStop(number(0.25)),
        TimeBasedExit(number(4.0)),
        TellsPrices(number),
    ]


def config(number):
    return {
        "initial_cash": number(4096.0),
        "max_leverage": number(1.5),
        "slippage": Slippage(
            percent=number(0.0078125),
            per_unit=number(0.0625),
            extra_on_stops=number(0.00390625),
            impact=number(0.5),
            without_volume=number(0.001953125),
        ),
        "commission": Commission(
            percent=number(0.0009765625),
            per_unit=number(0.03125),
            fixed=number(1.0),
            minimum=number(2.0),
            maximum=number(64.0),
            maximum_percent=number(0.25),
            maker_percent=number(0.00048828125),
        ),
    }


def same(one, other):
    for table in ("orders", "fills", "trades", "events", "equity", "open_positions"):
        pd.testing.assert_frame_equal(getattr(one, table), getattr(other, table), check_exact=True)


@pytest.mark.parametrize("lower", [True, False], ids=["lowered", "in Python"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_entry_of_a_run(kind, lower):
    number = KINDS[kind]
    expected = run(DATA, acts=acts(float), risk_manager=RiskManager(rules(float)), **config(float))
    manager = RiskManager(rules(number), lower=lower)
    found = run(DATA, acts=acts(number), risk_manager=manager, **config(number))
    assert set(expected.fills["exit_type"].dropna()) >= {"stop_loss", "take_profit"}
    assert len(expected.fills) >= 10
    same(found, expected)


@pytest.mark.parametrize("size", ["quantity", "value", "percent"])
@pytest.mark.parametrize("kind", KINDS)
def test_sizes_of_a_compiled_strategy(kind, size):
    amounts = {"quantity": 12.0, "value": 1024.0, "percent": 0.5}
    expected = run_backtest(DATA, SignalStrategy("signal", **{size: amounts[size]}))
    given = SignalStrategy("signal", **{size: KINDS[kind](amounts[size])})
    assert len(expected.fills) > 0
    same(run_backtest(DATA, given), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_of_market_data(kind):
    number = KINDS[kind]
    columns = {name: [number(bar[i]) for bar in BARS] for i, name in enumerate(NAMES)}
    data = MarketData.from_arrays(
        ["A"],
        [day(t) for t in range(len(BARS))],
        range(len(BARS) + 1),
        [0] * len(BARS),
        **columns,
        features={"signal": [number(1.0)] * len(BARS)},
    )
    for i, name in enumerate(NAMES):
        values = getattr(data, name)
        assert values.dtype == np.float64
        assert values.tolist() == [bar[i] for bar in BARS]
    assert data.features["signal"].tolist() == [1.0] * len(BARS)


NAMES = ("open", "high", "low", "close")


@pytest.mark.parametrize("kind", KINDS)
def test_orders_contexts_and_decisions_made_by_hand(kind):
    number = KINDS[kind]
    order = Order.proposed("A", number(3.0)).with_quantity(number(1.5))
    assert (type(order.quantity), order.quantity) == (float, 1.5)
    context = RiskContext.from_state(
        close=number(96.0), entry_price=number(100.0), position_quantity=number(2.0)
    )
    assert (type(context.unrealized_pnl), context.unrealized_pnl) == (float, -8.0)
    decision = RiskDecision.update_stops(number(95.5), number(120.0))
    assert (type(decision.update_stop_loss), decision.update_stop_loss) == (float, 95.5)
    assert (type(decision.update_take_profit), decision.update_take_profit) == (float, 120.0)


@pytest.mark.parametrize("kind", KINDS)
def test_settings_are_doubles(kind):
    settings = BacktestConfig(account="margin", **config(KINDS[kind]))
    costs = (settings.slippage.per_unit, settings.commission.maximum)
    for value in (settings.initial_cash, settings.max_leverage, *costs):
        assert type(value) is float
    assert settings == BacktestConfig(account="margin", **config(float))


@pytest.mark.parametrize("call", ["buy", "sell", "order_target_percent", "order_target_value"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), Decimal("NaN"), np.float32("inf")])
def test_what_is_not_finite_is_refused(call, bad):
    with pytest.raises(RuntimeError, match="finite"):
        run(DATA, acts={0: lambda s: getattr(s, call)("A", bad)})


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "Fraction"])
def test_prices_in_a_table(kind):
    # Arrow, which reads tables, has no fractions: they are refused there.
    def table(number):
        columns = {name: [number(bar[i]) for bar in BARS] for i, name in enumerate(NAMES)}
        times = pd.to_datetime([day(t) for t in range(len(BARS))], utc=True)
        return pd.DataFrame({"timestamp": times, "asset": "A"} | columns)

    expected = run_backtest(table(float), Acts({0: buy_first}), rules=rules(float)[:6])
    assert len(expected.trades) > 0
    same(run_backtest(table(KINDS[kind]), Acts({0: buy_first}), rules=rules(float)[:6]), expected)


def test_a_string_is_no_number():
    with pytest.raises(RuntimeError, match="quantity must be a number, was 'ten'"):
        run(DATA, acts={0: lambda s: s.buy("A", "ten")})
