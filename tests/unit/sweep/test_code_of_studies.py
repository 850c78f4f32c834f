"""The journal of a study file: rules of one's own count wherever they stand."""

import pandas as pd
import pytest

from ml4t.backtest.sweep import JournalError, sweep
from ml4t.backtest.sweep.study_file import StudyFile

CODE = """
from ml4t.backtest import Strategy
from ml4t.backtest.risk import RiskDecision, RiskRule


class Dips(Strategy):
    def on_market_data(self, event):
        if event.close < event.open and not self.position(event.asset):
            self.order_target_percent(event.asset, 1.0)


class Tired(RiskRule):
    def __init__(self, limit=5):
        self.limit = limit

    def evaluate(self, context):
        if not context.opening and context.bars_held >= self.limit + 0:
            return RiskDecision.exit_now(reason="tired")
        return RiskDecision.no_action()
"""
STUDY = """
data: {{prices: prices.parquet}}
strategy: {{class: code.py:Dips}}
risk: {{rules: [{}]}}
"""
TIRED = '{rule: "code.py:Tired", limit: [2, 4]}'
BARS = "{rule: TimeBasedExit, max_bars: 10}"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "code.py").write_text(CODE)
    closes = pd.Series([100.0 + (n * 37 % 11) for n in range(60)])
    prices = pd.DataFrame({"timestamp": pd.bdate_range("2024-01-01", periods=60, tz="UTC")})
    prices = prices.assign(asset="A", close=closes, open=closes.shift(1, fill_value=100.0))
    prices["high"] = prices[["open", "close"]].max(axis=1)
    prices["low"] = prices[["open", "close"]].min(axis=1)
    prices.to_parquet(tmp_path / "prices.parquet")
    return tmp_path


def swept(folder):
    study = StudyFile(folder / "study.yaml")
    return sweep(study.made(), study.space, study.data(), workers=1, journal=folder / "s.db").table


@pytest.mark.parametrize(
    "rule",
    [
        TIRED,
        f"{{rule: AnyOf, rules: [{BARS}, {TIRED}]}}",
        f"{{rule: AllOf, rules: [{BARS}, {TIRED}]}}",
        f"{{rule: CompositeRule, rules: [{BARS}, {TIRED}]}}",
        f"{{rule: AnyOf, rules: [{BARS}, {{rule: AllOf, rules: [{TIRED}]}}]}}",
    ],
)
def test_a_rule_of_ones_own_in_a_group_counts(rule, folder):
    (folder / "study.yaml").write_text(STUDY.format(rule))
    first = swept(folder)
    assert first["status"].tolist() == ["done", "done"]
    assert swept(folder).equals(first)
    (folder / "code.py").write_text(CODE.replace("self.limit + 0", "self.limit + 3"))
    with pytest.raises(JournalError, match="class Tired is not what it was"):
        swept(folder)
