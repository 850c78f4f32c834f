"""A folder with a small run: prices, a strategy, rules, a run file."""

import pandas as pd
import pytest

STRATEGIES = """
import pathlib
pathlib.Path(__file__).with_name("imported").touch()

from ml4t.backtest import Strategy
from ml4t.backtest.risk import RiskDecision, RiskRule


class BuyOnce(Strategy):
    def __init__(self, units=10, names=()):
        self.units = units
        self.names = names

    def on_market_data(self, event):
        if not self.position(event.asset):
            self.buy(event.asset, self.units)


class Forgets(BuyOnce):
    def __init__(self, size):
        super().__init__(size)


class Doubles(BuyOnce):
    def __init__(self, units):
        super().__init__(units * 2)


class Below(RiskRule):
    def __init__(self, price):
        self.price = price

    def evaluate(self, context):
        return RiskDecision.exit_now() if context.close < self.price else RiskDecision.no_action()
"""
RUN = """
data:
  prices: prices.csv
strategy:
  class: mine.py:BuyOnce
  parameters: {units: 20}
risk:
  rules:
    - {rule: PriceBasedStopLoss, pct: 0.05}
    - {rule: "mine.py:Below", price: 92.0}
account: {initial_cash: 5_000}
"""
TIMES = pd.date_range("2024-03-04 21:00", periods=8, freq="D", tz="UTC")
CLOSES = [100.0, 101.0, 102.0, 103.0, 104.0, 90.0, 91.0, 95.0]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(__import__("sys").path))
    (tmp_path / "mine.py").write_text(STRATEGIES)
    prices = pd.DataFrame({"timestamp": TIMES, "asset": "AAA", "close": CLOSES})
    prices.to_csv(tmp_path / "prices.csv", index=False)
    (tmp_path / "run.yaml").write_text(RUN)
    return tmp_path
