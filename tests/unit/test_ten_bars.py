"""The ten bars every engine should be asked about, answered by rules on the compiled engine."""

import pandas as pd
import pytest
from scenes import buy_first, day, only_trade, run, sell_first
from unit.ten_bars import FLAT, LEVELS, TRAILS, TenBars

from ml4t.backtest.risk import (
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RiskManager,
    TrailingStop,
)


def play(row: TenBars, rules, lower):
    return run(
        (FLAT, *row.bars),
        acts={0: buy_first if row.side > 0 else sell_first},
        risk_manager=RiskManager(rules, lower=lower),
        intrabar=row.intrabar,
        watermark=row.watermark,
    )


def levels(row: TenBars):
    stop, target = (95.0, 110.0) if row.side > 0 else (105.0, 90.0)
    by_price = (PriceBasedStopLoss(price=stop), PriceBasedTakeProfit(price=target))
    # 100·(1 − 0.05) is 95 exactly; 100·(1 + 0.1) is not 110, so its fraction is that of the double.
    by_fraction = (
        PriceBasedStopLoss(pct=0.05),
        PriceBasedTakeProfit(pct=target / 100.0 - 1.0 if row.side > 0 else 0.1),
    )
    return {"price": by_price, "fraction": by_fraction}


def check(row: TenBars, result, price):
    trade = only_trade(result)
    assert trade["exit_price"] == price
    assert trade["exit_type"] == row.exit_type
    assert ("" if pd.isna(trade["intrabar"]) else trade["intrabar"]) == row.choice
    assert trade["exit_time"] == pd.Timestamp(day(len(row.bars)), tz="UTC")
    assert trade["bars_held"] == len(row.bars) - 1
    assert list(result.fills["moment"]) == ["open", row.moment]
    assert list(result.fills["position_after"]) == [10.0 * row.side, 0.0]


@pytest.mark.parametrize("lower", [True, False], ids=["lowered", "in Python"])
@pytest.mark.parametrize("row", LEVELS, ids=str)
def test_stop_and_target(row, lower):
    check(row, play(row, levels(row)["price"], lower), row.price)


@pytest.mark.parametrize("row", LEVELS, ids=str)
def test_stop_and_target_as_fractions_of_the_entry(row):
    result = play(row, levels(row)["fraction"], lower=True)
    check(row, result, pytest.approx(row.price, rel=1e-15))


@pytest.mark.parametrize("lower", [True, False], ids=["lowered", "in Python"])
@pytest.mark.parametrize("row", TRAILS, ids=str)
def test_trailing_stop(row, lower):
    check(row, play(row, [TrailingStop(0.05)], lower), row.price)
