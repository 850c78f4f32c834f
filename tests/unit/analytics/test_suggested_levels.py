"""What other stops and targets would have paid: by hand, and against a loop over trades."""

import numpy as np
import pandas as pd
import pytest
from unit.made_up import market, rows, run_records

from ml4t.backtest import AnalysisError, BacktestConfig, BacktestResult, suggest_levels
from ml4t.backtest.core import records as codes

INF = np.inf


def of_trades(mae, mfe, pnl, price=100.0, quantity=10.0, commission=1.0):
    n = len(mae)
    trades = rows(
        codes.TRADE, n, trade_id=np.arange(n), side=1, rule=-1, entry_price=price, quantity=quantity,
        mae=np.array(mae, float), mfe=np.array(mfe, float), net_pnl=pnl, gross_pnl=pnl,
        commission=commission, slippage_cost=0.0, dividends=0.0,
    )  # fmt: skip
    records = run_records(3, [100.0] * 3, trades=trades)
    return BacktestResult.from_run(records, market([100.0] * 3), BacktestConfig())


@pytest.fixture
def result():
    # Per unit of 100; ten units: a percent is 10 in currency.
    return of_trades(mae=[-1, -6, -2, -8], mfe=[4, 7, 12, 0], pnl=[20.0, -30.0, 90.0, -81.0])


def test_a_stop_and_a_target_by_hand(result):
    row = suggest_levels(result, stops=[0.05], targets=[0.05]).table.loc[(0.05, 0.05)]
    # 1: neither, 20. 2: both, the stop: -50 - 1. 3: target, 50 - 1. 4: stop, -51.
    assert row["pnl"] == pytest.approx(20 - 51 + 49 - 51)
    assert row["pnl_favourable_first"] == pytest.approx(20 + 49 + 49 - 51)
    # Stops at the worst: -60 - 1 and -80 - 1.
    assert row["pnl_worst_fill"] == pytest.approx(20 - 61 + 49 - 81)
    assert (row["trades"], row["stopped"], row["reached"], row["both"]) == (4, 2, 1, 1)
    assert row["win_rate"] == 0.5
    assert row["average_return"] == pytest.approx((20 - 51 + 49 - 51) / 1_000 / 4)


def test_a_level_is_reached_where_it_lies(result):
    table = suggest_levels(result, stops=[0.06], targets=[0.12]).table
    assert table.loc[(0.06, INF), "stopped"] == 2
    assert table.loc[(INF, 0.12), "reached"] == 1


def test_neither_is_what_was(result):
    found = suggest_levels(result)
    assert found.as_traded["pnl"] == pytest.approx(-1.0)
    assert found.as_traded["stopped"] == found.as_traded["reached"] == 0
    pd.testing.assert_series_equal(
        suggest_levels(result, stops=[1.0], targets=[1.0]).table.loc[(1.0, 1.0)],
        found.as_traded,
        check_names=False,
    )


def test_deciles_of_the_excursions_are_tried(result):
    table = suggest_levels(result).table
    stops, targets = (table.index.unique(name) for name in ("stop", "target"))
    assert stops[0] == pytest.approx(np.quantile([0.01, 0.06, 0.02, 0.08], 0.1))
    assert stops[-1] == targets[-1] == INF
    assert len(table) == len(stops) * len(targets) == 100


def test_the_best_is_that_of_the_highest_pnl_with_the_stop_first(result):
    found = suggest_levels(result)
    assert found.best["pnl"] == found.table["pnl"].max()
    assert found.table.loc[found.best.name, "pnl"] == found.best["pnl"]


def test_a_loop_over_trades_says_the_same():
    random = np.random.default_rng(0)
    n = 300
    mae, mfe = -random.exponential(3.0, n).round(1), random.exponential(4.0, n).round(1)
    pnl = random.normal(0.0, 20.0, n)
    quantity, price = random.uniform(1, 9, n), random.uniform(50, 150, n)
    result = of_trades(mae, mfe, pnl, price=price, quantity=quantity, commission=0.3)
    table = suggest_levels(result).table
    trades = result.trades
    for (stop, target), row in table.sample(40, random_state=0).iterrows():
        total = wins = 0
        for trade in trades.itertuples():
            basis = trade.entry_price * trade.quantity
            if -trade.mae_pct >= stop:
                paid = -stop * basis - 0.3
            elif trade.mfe_pct >= target:
                paid = target * basis - 0.3
            else:
                paid = trade.net_pnl
            total, wins = total + paid, wins + (paid > 0)
        assert row["pnl"] == pytest.approx(total)
        assert row["win_rate"] == pytest.approx(wins / n)
        assert row["pnl_worst_fill"] - 1e-9 <= row["pnl"] <= row["pnl_favourable_first"] + 1e-9


def test_it_says_that_it_is_in_sample(result):
    found = suggest_levels(result)
    assert found.warning.startswith("In-sample: the levels are chosen on the very trades")
    assert str(found).endswith(found.warning)
    assert "(in-sample)" in repr(found)
    assert "In-sample" in found._repr_html_()
    assert "none" in str(found)


@pytest.mark.parametrize(
    "given", [{"stops": [0.0]}, {"stops": [-0.1]}, {"targets": []}, {"targets": ["a"]},
              {"targets": [np.nan]}, {"stops": 0.05}],
)  # fmt: skip
def test_a_distance_is_above_zero(result, given):
    with pytest.raises(AnalysisError, match=r"(stops|targets) must be distances above 0, as 0.05"):
        suggest_levels(result, **given)


def test_without_trades_there_is_nothing_to_suggest():
    with pytest.raises(AnalysisError, match="the run has no trade to suggest levels from"):
        suggest_levels(of_trades([], [], []))


def test_trades_that_never_fell_have_no_stop_to_try():
    table = suggest_levels(of_trades([0.0, 0.0], [1.0, 2.0], [5.0, 6.0])).table
    assert table.index.unique("stop").to_list() == [INF]


def test_what_is_no_result_is_refused(result):
    with pytest.raises(TypeError, match="result must be a BacktestResult, was DataFrame"):
        suggest_levels(result.trades)
