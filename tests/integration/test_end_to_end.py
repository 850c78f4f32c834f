"""A portfolio on real data under rules that adapt and limits that act, to its page and the stories of its trades."""

import re

import pytest

from ml4t.backtest import BacktestConfig, BacktestResult, MarketData, TopK, run_backtest
from ml4t.backtest.data import ATR, Table
from ml4t.backtest.datasets import load_predictions, load_us_stocks, load_vix
from ml4t.backtest.risk import (
    MaxDrawdown,
    MaxPositions,
    RegimeDependentRule,
    TrailingStop,
    VolatilityScaledStopLoss,
)

RULES = [
    VolatilityScaledStopLoss(4.0, atr="atr_14"),
    RegimeDependentRule(
        "vix", [TrailingStop(0.15), TrailingStop(0.05)], bands=[20], hysteresis=1, only_tighten=True
    ),
    MaxPositions(8),
    MaxDrawdown(0.1, on_breach="flatten", resume=20),
]


@pytest.fixture(scope="module")
def data():
    return MarketData.from_tables(
        load_us_stocks("2014", "2018"),
        signals=Table(load_predictions("2014", "2018"), values=["prediction"]),
        features=[ATR(14)],
        context=Table(load_vix(), values=["vix"]),
        bar_time="16:00 America/New_York",
    )


@pytest.fixture(scope="module")
def result(data):
    config = BacktestConfig(commission=0.0005, slippage=0.0005, ledger="all")
    strategy = TopK("prediction", 10, every="week_start")
    return run_backtest(data, strategy, rules=RULES, config=config)


def test_every_rule_and_limit_acts(result):
    ended = set(result.trades["rule"].dropna())
    assert {"VolatilityScaledStopLoss", "RegimeDependentRule", "MaxDrawdown"} <= ended
    events = set(result.events[["kind", "rule"]].itertuples(index=False, name=None))
    assert {("rejected", "MaxPositions"), ("halted", "MaxDrawdown"), ("resumed", "MaxDrawdown")} <= events  # fmt: skip
    assert result.positions.groupby("timestamp").size().max() <= 8


def test_a_halt_leaves_nothing_and_lets_nothing_in(result):
    halts = result.events[result.events["kind"].isin(["halted", "resumed"])]
    times = halts["timestamp"].tolist()
    begun, ended = times[0], times[1]
    inside = result.fills[
        (result.fills["timestamp"] > begun) & (result.fills["timestamp"] <= ended)
    ]
    assert len(inside)
    assert not inside["action"].isin(["open", "add"]).any()
    sessions = result.equity.index
    assert sessions.get_loc(ended) - sessions.get_loc(begun) == 20
    held = result.equity.loc[begun:ended, "gross_exposure"].to_numpy()
    assert held[0] > 0.0
    assert (held[1:] == 0.0).all()


def test_a_trade_tells_its_story_with_the_levels_that_moved(result):
    trades = result.trades
    number = int(trades.loc[trades["rule"] == "RegimeDependentRule", "trade_id"].iloc[0])
    story = result.explain(number)
    assert any("RegimeDependentRule armed its stop" in one for one in story.sentences)
    assert any(one.startswith("RegimeDependentRule ended it") for one in story.sentences)
    last = story.levels.query("rule == 'RegimeDependentRule'")["level"].iloc[-1]
    assert last == trades.set_index("trade_id").loc[number, "level"]


def test_the_page_has_all_of_it_and_a_stored_result_writes_the_same_trades(result, data, tmp_path):
    page = result.to_html(tmp_path / "run.html").read_text(encoding="utf-8")
    assert "MaxDrawdown" in page
    assert not re.search(r"(src|href)=\"https?:", page)
    result.to_parquet(tmp_path / "run")
    stored = BacktestResult.load(tmp_path / "run")
    assert stored.ledger.equals(result.ledger)
    again = stored.to_html(tmp_path / "again.html", data=data)
    assert "MaxDrawdown" in again.read_text(encoding="utf-8")
