"""What a notebook shows of results, reports, data, settings and rules."""

import json
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from unit.made_up import market, result_of

from ml4t.backtest import BacktestConfig, Commission, DataFeed, LookaheadReport, MarketData
from ml4t.backtest.data.validation.validate import validate
from ml4t.backtest.lookahead.report import Leak
from ml4t.backtest.report.summary import Summary
from ml4t.backtest.risk import RiskManager
from ml4t.backtest.risk.rules import PriceBasedStopLoss

PRICES = pd.DataFrame(
    {
        "timestamp": pd.bdate_range("2024-01-01", periods=3),
        "asset": "<b>&",
        "close": [1.0, 2.0, 3.0],
    }
)


def words(shown) -> str:
    """The text of what a notebook shows, its tags left out."""
    return re.sub(r"(<[^>]*>)+", " ", shown._repr_html_())


def test_the_summary_is_text_for_programs_and_a_table_for_notebooks():
    result = result_of(100.0 + np.sin(np.arange(300.0) / 20.0))
    summary = result.summary()
    assert isinstance(summary, str)
    assert repr(summary) == str(summary) == f"{summary}"
    assert "Sharpe ratio" in words(summary)
    assert words(summary) == words(result)
    # Whatever stands on the page stands in the table.
    assert all(word in words(summary) for word in str(summary).split())
    again = pickle.loads(pickle.dumps(summary))
    assert (type(again), again, words(again)) == (Summary, summary, words(summary))
    assert json.loads(json.dumps(summary)) == summary


def test_notes_are_shown_below_the_figures():
    result = result_of([100.0, 101.0], info={"closes_only": True})
    assert f"<li>{result.notes[0]}</li>" in result._repr_html_()


def test_market_data_say_what_they_hold():
    data = market(
        [[1.0] * 20] * 3, assets=[f"A{n}" for n in range(20)], features={"rsi": np.zeros(60)}
    )
    for said in ("20: A0, A1,", ", ...", "60", "3, 2014-01-02 to 2014-01-04 UTC", "1: rsi"):
        assert said in words(data)
    assert "A8" not in words(data)


def test_names_of_others_are_text_and_not_html(tmp_path):
    PRICES.to_parquet(tmp_path / "prices.parquet")
    data = MarketData.from_tables(PRICES)
    feed = DataFeed.from_parquet(tmp_path / "prices.parquet")
    manager = RiskManager()
    manager.add_rule(PriceBasedStopLoss(pct=0.1), assets=["<b>&"])
    for shown in (data, feed, manager):
        assert "&lt;b&gt;&amp;" in shown._repr_html_()
        assert "<b>&" not in shown._repr_html_()


def test_a_manager_shows_its_rules_by_label():
    manager = RiskManager([PriceBasedStopLoss(pct=0.1), PriceBasedStopLoss(pct=0.2)])
    assert "RiskManager: 2 rules" in words(manager)
    for rule, label in zip(manager.rules, manager.rule_names, strict=True):
        assert f"{label} {rule!r} all" in words(manager)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (BacktestConfig(slippage=0.001), "BacktestConfig: 1 of"),
        (Commission(), "Commission: 0 of 10 settings changed"),
    ],
)
def test_what_was_set_is_shown_first(settings, said):
    shown = words(settings)
    assert said in shown
    assert all(name in shown for name in type(settings).model_fields)
    if said.startswith("Back"):
        assert shown.index("slippage") < shown.index("initial_cash")


def test_reports_show_their_findings_as_tables():
    bad = PRICES.assign(close=[1.0, -2.0, np.inf])
    report = validate(bad)
    assert str(report).splitlines()[0] in words(report)
    assert report._repr_html_().count("<tr>") == 1 + len(report.findings)
    assert len(report.findings) >= 2


def test_a_look_ahead_report_shows_its_leaks():
    leak = Leak("signals", "score", 0, 1, "ACME", "an order", 2, 3)
    shown = words(LookaheadReport((leak,), 2, 3))
    for said in ("LOOK-AHEAD: 2 of 3 probes", "signals.score", "2 of 3", "ACME", "an order"):
        assert said in shown
    assert "<table>" not in LookaheadReport((), 0, 3)._repr_html_()
