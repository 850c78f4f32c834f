"""Every row of the conflict table, run through the engine: who wins, why, when and at what price."""

import pandas as pd
import pytest
from unit.risk.conflicts import CONFLICTS

from ml4t.backtest import BacktestConfig, Strategy, run_backtest

FLAT = (100.0, 100.0, 100.0, 100.0)


class EnterOnce(Strategy):
    """One unit, ordered at the first close."""

    def __init__(self, side):
        self.side = side
        self.is_done = False

    def on_market_data(self, event):
        if not self.is_done:
            self.is_done = True
            (self.buy if self.side > 0 else self.sell)(event.asset, 1.0)


def run(row):
    prices = pd.DataFrame([FLAT, *row.bars], columns=["open", "high", "low", "close"])
    prices["timestamp"] = pd.date_range("2024-03-04 21:00", periods=len(prices), freq="D", tz="UTC")
    prices["asset"] = "A"
    config = BacktestConfig(account="margin", debug=True, **row.settings)
    result = run_backtest(prices, EnterOnce(row.side), rules=list(row.rules), config=config)
    return prices, result


@pytest.mark.parametrize("row", CONFLICTS, ids=lambda row: row.case)
def test_the_winner_is_the_one_in_the_table(row):
    prices, result = run(row)
    (trade,) = result.trades.to_dict("records")
    assert (trade["rule"], trade["exit_type"]) == (row.winner, row.exit_type)
    assert trade["reason"] == (row.reason or row.exit_type)
    assert trade["exit_price"] == row.price
    assert trade["exit_time"] == prices["timestamp"].iloc[-1]
    if row.decided_at_close:
        assert pd.isna(trade["level"])
        assert trade["exit_decision_time"] == prices["timestamp"].iloc[-2]
    else:
        assert trade["level"] == row.level


@pytest.mark.parametrize("row", CONFLICTS, ids=lambda row: row.case)
def test_the_position_is_left_once(row):
    _, result = run(row)
    assert list(result.fills["position_after"]) == [row.side, 0.0]
    assert len(result.open_positions) == 0
