"""Attribution: what groups are made of, and what their measures are."""

import numpy as np
import pandas as pd
import pytest
from unit.made_up import DAY, START, market, rows, run_records

from ml4t.backtest import AnalysisError, BacktestConfig, BacktestResult
from ml4t.backtest.core import records as codes

HOUR = DAY // 24
STOP, TARGET, NONE = 0, 1, -1


def four_trades(**given):
    """Two trades end by StopLoss, one by TakeProfit, one by an order; one position is open."""
    signal = np.array([1.0, 2.0, 3.0, np.nan, 5.0, 0.0, 0.0, 0.0])
    data = market(
        np.full(8, 100.0), features={"score": signal, "atr": np.full(8, 2.0)}, assets=("AAA",)
    )
    columns = {
        "trade_id": [1, 2, 3, 4],
        "entry_time": START + DAY * np.array([0, 1, 2, 3]),
        "exit_time": START + DAY * np.array([1, 3, 4, 40]),
        "entry_decision_row": [0, 1, 2, 3],
        "exit_decision_row": 6,
        "bars_held": [1, 2, 2, 4],
        "quantity": 10.0,
        "entry_price": 100.0,
        "gross_pnl": [-40.0, -20.0, 90.0, 6.0],
        "net_pnl": [-42.0, -22.0, 88.0, 4.0],
        "return_": [-0.042, -0.022, 0.088, 0.004],
        "commission": 2.0,
        "slippage_cost": 0.0,
        "dividends": 0.0,
        "mfe": [1.0, 3.0, 9.0, 3.0],
        "mae": [-4.0, -2.0, -1.0, -1.0],
        "rule": [STOP, STOP, TARGET, NONE],
        "exit_kind": [1, 1, 3, 6],
        "reason": [3, 3, 5, 1],
        "side": [1, -1, 1, 1],
    }
    left = rows(
        codes.OPEN_POSITION, 1, trade_id=5, entry_time=START + 4 * DAY, entry_decision_row=4,
        bars_held=3, quantity=10.0, entry_price=100.0, unrealized_pnl=30.0, realized_pnl=5.0,
        commission=1.0, slippage_cost=0.5, dividends=2.0,
    )  # fmt: skip
    records = run_records(
        8,
        [100.0] * 8,
        trades=rows(codes.TRADE, 4, **(columns | given)),
        open_positions=left,
        rule_names=("StopLoss", "TakeProfit"),
    )
    return BacktestResult.from_run(records, data, BacktestConfig(initial_cash=100.0))


@pytest.fixture
def found():
    return four_trades().attribution()


def test_trades_by_rule_or_the_reason_where_none_ended_them(found):
    frame = found.by("rule")
    # By pnl, what is open last: 30 + 5 - 1 + 2 = 36.
    assert frame["pnl"].to_dict() == {
        "TakeProfit": 88.0, "order": 4.0, "StopLoss": -64.0, "open": 36.0,
    }  # fmt: skip
    assert frame["trades"].to_dict() == {"TakeProfit": 1, "order": 1, "StopLoss": 2, "open": 0}
    assert frame["open"].to_list() == [0, 0, 0, 1]
    assert frame["open_pnl"].to_list() == [0.0, 0.0, 0.0, 36.0]
    assert frame["net_pnl"].to_list() == [88.0, 4.0, -64.0, 0.0]
    assert frame["costs"].to_list() == [2.0, 2.0, 4.0, 1.5]


def test_measures_of_a_group(found):
    stops = found.by("rule").loc["StopLoss"]
    assert stops["win_rate"] == 0.0
    assert stops["profit_factor"] == 0.0
    assert stops["expectancy"] == -32.0
    assert stops["average_return"] == pytest.approx(-0.032)
    assert stops["average_bars_held"] == 1.5
    assert stops["average_hold_time"] == pd.Timedelta(days=1.5)
    assert stops["average_mfe_pct"] == pytest.approx(0.02)
    assert stops["average_mae_pct"] == pytest.approx(-0.03)
    assert stops["edge_ratio"] == pytest.approx(2.0 / 3.0)
    last = found.by("rule").loc["open"]
    assert last.drop(["trades", "open", "pnl", "net_pnl", "open_pnl", "costs"]).isna().all()


def test_profit_over_no_loss_is_infinite(found):
    assert found.by("rule").loc["TakeProfit", "profit_factor"] == np.inf


def test_the_total_has_all_of_it(found):
    total = found.total
    assert (total["trades"], total["open"], total["pnl"]) == (4, 1, 64.0)
    # (1 + 3 + 9 + 3)/(4 + 2 + 1 + 1)
    assert total["edge_ratio"] == pytest.approx(2.0)
    assert total["win_rate"] == 0.5


def test_a_position_still_open_is_in_the_group_of_its_entry(found):
    frame = found.by("side")
    assert frame["pnl"].to_dict() == {"long": 86.0, "short": -22.0}
    assert frame.loc["long", "open"] == 1


def test_months_are_those_of_the_exit_and_hours_those_of_the_entry(found):
    # The run begins on 2014-01-02; the last trade ends 40 days later.
    months = found.by("month")
    assert months["pnl"].to_dict() == {"2014-01": 24.0, "2014-02": 4.0, "open": 36.0}
    assert found.by("entry_month").index.to_list() == ["2014-01"]
    assert found.by("hour").index.to_list() == [0]
    assert found.by("weekday").index.to_list()[:2] == ["Monday", "Thursday"]
    assert found.by("exit_year")["trades"].to_dict() == {2014: 4, "open": 0}


def test_times_are_read_on_the_clock_of_the_prices():
    data = market(
        np.full(3, 100.0), step=HOUR, start=START + 15 * HOUR,
        info={"times": "aware", "written_zone": "America/New_York", "complete_after": 0},
    )  # fmt: skip
    trades = rows(
        codes.TRADE, 1, entry_time=START + 15 * HOUR, exit_time=START + 16 * HOUR, net_pnl=1.0,
        entry_decision_row=0, exit_decision_row=1, side=1, rule=-1, reason=1, exit_kind=6,
        bars_held=1, commission=0.0, slippage_cost=0.0,
    )  # fmt: skip
    result = BacktestResult.from_run(
        run_records(3, [1.0] * 3, trades=trades), data, BacktestConfig()
    )
    assert result.attribution().by("hour").index.to_list() == [10]


def test_several_keys_make_a_row_of_each_combination_that_occurs(found):
    frame = found.by(["side", "exit_type"])
    assert frame["pnl"].to_dict() == {
        ("long", "take_profit"): 88.0, ("long", "other"): 4.0, ("long", "stop_loss"): -42.0,
        ("long", "open"): 36.0, ("short", "stop_loss"): -22.0,
    }  # fmt: skip


def test_quantiles_of_a_column_and_what_has_no_value(found):
    # Scores 1, 2, 3, none, and 5 of the open position.
    frame = found.by_quantile("score", 2)
    assert frame["low"].to_list()[:2] == [1.0, 3.0]
    assert frame["high"].to_list()[:2] == [2.0, 5.0]
    assert frame["pnl"].to_list() == [-64.0, 124.0, 4.0]
    assert frame.index.to_list()[:2] == [1.0, 2.0]
    assert np.isnan(frame.index[2])
    pd.testing.assert_frame_equal(frame, found.by_quantile("entry_score", 2))


def test_equal_values_are_in_one_quantile(found):
    frame = found.by_quantile("atr", 5)
    assert frame.index.to_list() == [1]
    assert frame["trades"].to_list() == [4]


@pytest.mark.parametrize(("n", "of"), [(5, 10), (7, 7), (3, 100), (10, 4), (4, 1)])
def test_quantiles_are_of_equal_size(n, of):
    from ml4t.backtest.analytics.trade_groups import by_quantile

    values = np.random.default_rng(0).permutation(of).astype(float)
    sizes = np.bincount(by_quantile(values, n).codes)
    assert sizes.sum() == of
    assert sizes.max() - sizes.min() <= 1
    assert len(sizes) == min(n, of)


def test_regimes_by_value_and_by_edges(found):
    values = found.by_regime("score")
    assert values["pnl"].to_list() == [-42.0, -22.0, 88.0, 36.0, 4.0]
    assert values.index.to_list()[:4] == [1, 2, 3, 5]
    edges = found.by_regime("score", edges=[2, 5])
    assert edges["pnl"].to_list() == [-42.0, 66.0, 36.0, 4.0]
    assert edges.index.to_list()[:3] == ["below 2", "2 to 5", "5 and above"]
    named = found.by_regime("score", edges=[2], labels=["calm", "wild"])
    assert named["pnl"].to_list() == [-42.0, 102.0, 4.0]
    assert named.index.to_list()[:2] == ["calm", "wild"]


def test_the_edge_ratio_in_units_of_a_column():
    # Excursions over an ATR of 2 as over a price of 100: of one scale, the ratio is the same.
    assert four_trades().attribution(atr="atr").total["edge_ratio"] == pytest.approx(2.0)
    # Over 1, 2, 3 and none: (1/1 + 3/2 + 9/3)/(4/1 + 2/2 + 1/3).
    by_score = four_trades().attribution(atr="score").total["edge_ratio"]
    assert by_score == pytest.approx((1 + 1.5 + 3) / (4 + 1 + 1 / 3))


def test_columns_of_the_entry_and_returns(found):
    frame = found.entry_columns()
    assert frame.index.to_list() == ["entry_score", "entry_atr"]
    score = frame.loc["entry_score"]
    # Scores 1, 2, 3; returns -0.042, -0.022, 0.088, of the asset -0.04, 0.02, 0.09: the second is short.
    assert score["trades"] == 3
    assert score["correlation"] == pytest.approx(np.corrcoef([1, 2, 3], [-42, -22, 88])[0, 1])
    assert score["rank_correlation"] == score["information_coefficient"] == 1.0
    assert score["t_statistic"] == np.inf
    assert frame.loc["entry_atr"].drop("trades").isna().all()


def test_the_information_coefficient_is_of_the_asset():
    # All short: what rises with the return of the trade falls with that of the asset.
    frame = four_trades(side=-1, gross_pnl=[1.0, 2.0, 3.0, 4.0], return_=[0.1, 0.2, 0.3, 0.4])
    score = frame.attribution().entry_columns().loc["entry_score"]
    assert score["rank_correlation"] == 1.0
    assert score["information_coefficient"] == -1.0


def test_correlations_are_those_of_pandas():
    random = np.random.default_rng(3)
    n = 500
    data = market(np.full(n, 100.0), features={"x": random.normal(size=n).round(1)})
    gross = random.normal(size=n).round(1)
    trades = rows(
        codes.TRADE, n, entry_decision_row=np.arange(n), exit_decision_row=0, side=1, rule=-1,
        quantity=1.0, entry_price=100.0, gross_pnl=gross, net_pnl=gross, return_=gross / 100,
        commission=0.0, slippage_cost=0.0,
    )  # fmt: skip
    records = run_records(n, np.full(n, 1.0), trades=trades)
    result = BacktestResult.from_run(records, data, BacktestConfig())
    row = result.attribution().entry_columns().loc["entry_x"]
    frame = result.trades[["entry_x", "return"]]
    assert row["correlation"] == pytest.approx(frame.corr().iloc[0, 1])
    assert row["rank_correlation"] == pytest.approx(frame.corr("spearman").iloc[0, 1])
    assert row["information_coefficient"] == pytest.approx(row["rank_correlation"])
    ic = row["rank_correlation"]
    assert row["t_statistic"] == pytest.approx(ic * np.sqrt((n - 2) / (1 - ic**2)))


def test_hit_rates_by_quantile(found):
    frame = found.hit_rates(3)
    assert frame.loc["entry_score"].to_list() == [0.0, 0.0, 1.0]
    assert frame.loc["entry_atr"].to_list()[0] == 0.5
    assert frame.loc["entry_atr"].iloc[1:].isna().all()


def test_all_frames_by_name(found):
    frames = found.frames()
    assert list(frames) == [
        "rule", "exit_type", "asset", "side", "month", "hour", "entry_columns", "hit_rates",
        "entry_score", "entry_atr",
    ]  # fmt: skip
    pd.testing.assert_frame_equal(frames["entry_score"], found.by_quantile("score"))


def test_a_run_without_trades_has_empty_frames():
    result = BacktestResult.from_run(
        run_records(2, [1.0, 1.0]), market([1.0, 1.0]), BacktestConfig()
    )
    found = result.attribution()
    assert found.by("rule").empty
    assert found.by(["month", "side"]).empty
    assert found.total["pnl"] == 0.0
    assert found.total["trades"] == 0
    assert found.entry_columns().empty
    assert str(found).startswith("Attribution: 0 trades, P&L 0.00")


def test_it_shows_itself(found):
    assert str(found).splitlines()[0] == "Attribution: 4 trades, 1 open, P&L 64.00"
    assert "StopLoss" in str(found)
    assert "<td" in found._repr_html_()
    assert repr(found) == "<Attribution: 4 trades, 1 open, P&L 64.00>"


def test_of_a_stored_result_it_is_the_same(tmp_path):
    result = four_trades()
    again = BacktestResult.load(result.to_parquet(tmp_path / "run"))
    for name, frame in result.attribution().frames().items():
        pd.testing.assert_frame_equal(again.attribution().frames()[name], frame)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda found: found.by([]), "by() needs something to group by: rule, exit_type"),
        (lambda found: found.by(5), "not grouped by 5; there are rule"),
        (lambda found: found.by_regime("score", [2], 7), "labels must be a list of so many names, was 7"),
        (lambda found: found.by_quantile(None), "None is no signal"),
        (lambda found: found.by("rules"), "not grouped by 'rules'; did you mean 'rule'?"),
        (lambda found: found.by_quantile("scores"), "'scores' is no signal, .*mean 'score'?"),
        (lambda found: found.by_quantile("score", 0), "n must be a whole number from 1 on, was 0"),
        (lambda found: found.hit_rates(2.5), "n must be a whole number from 1 on, was 2.5"),
        (lambda found: found.by_regime("score", [2, 1]), "edges must be increasing numbers"),
        (lambda found: found.by_regime("score", "ab"), "edges must be increasing numbers"),
        (lambda found: found.by_regime("score", [2], ["a"]), "1 edges part 2 regimes: labels must be a list of so"),
        (lambda found: found.by_regime("score", labels=["a"]), "give edges, too"),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_answered_is_one_sentence(found, ask, message):
    pattern = message.replace("(", r"\(").replace(")", r"\)").replace("?", r"\?")
    with pytest.raises(AnalysisError, match=pattern):
        ask(found)


def test_a_column_of_many_values_is_no_regime():
    n = 60
    data = market(np.full(n, 100.0), features={"x": np.arange(float(n))})
    trades = rows(
        codes.TRADE, n, entry_decision_row=np.arange(n), side=1, rule=-1, commission=0.0,
        slippage_cost=0.0, net_pnl=1.0,
    )  # fmt: skip
    records = run_records(n, np.full(n, 1.0), trades=trades)
    found = BacktestResult.from_run(records, data, BacktestConfig()).attribution()
    with pytest.raises(AnalysisError, match="entry_x has 60 values, too many for a regime each"):
        found.by_regime("x")


def test_an_unknown_column_for_the_edge_ratio_is_refused():
    with pytest.raises(AnalysisError, match=r"'art' is no signal, .* did you mean 'atr'"):
        four_trades().attribution(atr="art")
