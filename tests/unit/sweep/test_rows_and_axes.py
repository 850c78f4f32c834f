"""A row of a table names its trial, axes leave out no value, and a measure without a number says why."""

import pandas as pd
import pytest
from unit.sweep.studied import dips, market, now_and_then

from ml4t.backtest import SignalStrategy
from ml4t.backtest.risk import TimeBasedExit
from ml4t.backtest.sweep import SweepError, grid, sweep
from ml4t.backtest.sweep.alike import axis_of


def held(hold, percent):
    return {
        "strategy": SignalStrategy("up", percent=percent),
        "rules": [] if hold is None else [TimeBasedExit(hold)],
    }


@pytest.fixture(scope="module")
def result():
    space = grid(hold=[None, 9, 3], percent=[0.5, 0.9])
    return sweep(held, space, market(), measures=["total_return", "trades"], workers=1)


# ---- a row and its trial


def test_a_row_of_the_table_runs_its_trial(result):
    for row in (result.table.iloc[n] for n in range(len(result))):
        assert result.run(row).metrics["total_return"] == row["total_return"]
    best = result.table.sort_values("total_return").iloc[0]
    assert result.run(best).metrics["total_return"] == best["total_return"]
    alone = result.table[["total_return"]].iloc[3]
    assert result.run(alone).metrics["total_return"] == alone["total_return"]


def test_a_row_of_a_table_that_was_a_file_runs_its_trial(result, tmp_path):
    result.table.to_csv(tmp_path / "table.csv")
    row = pd.read_csv(tmp_path / "table.csv", index_col="trial").iloc[4]
    assert result.run(row).metrics["trades"] == row["trades"]


def test_a_row_with_the_number_of_another_is_refused(result):
    table = result.table.sort_values("total_return").reset_index(drop=True)
    wrong = next(n for n in range(6) if not table.iloc[n, :2].equals(result.table.iloc[n, :2]))
    with pytest.raises(SweepError, match=rf"the row has \w+ .*, and trial {wrong} of this sweep"):
        result.run(table.iloc[wrong])


def test_a_row_of_another_sweep_is_refused(result):
    other = sweep(held, grid(hold=[4], percent=[0.5]), market(), workers=1)
    with pytest.raises(
        SweepError, match="the row has hold 4, and trial 0 of this sweep has None: give a row"
    ):
        result.run(other.best("total_return"))


# ---- axes


def test_a_heatmap_shows_none(result):
    axes = result.heatmap("percent", "hold", "total_return").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["3", "9", "None"]
    values = axes.images[0].get_array()
    table = result.table["total_return"].to_numpy().reshape(3, 2)[[2, 1, 0]]
    assert values.tolist() == table.tolist()


def test_a_parameter_that_is_always_none_is_drawn():
    space = grid(hold=[None], percent=[0.5, 0.9])
    alone = sweep(held, space, market(), workers=1)
    axes = alone.heatmap("hold", "percent", "total_return").axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["None"]


def test_a_surface_and_a_page_show_none(result):
    pytest.importorskip("plotly")
    for figure in (
        result.surface("hold", "percent", "total_return"),
        result.heatmap("hold", "percent", "total_return", backend="plotly"),
    ):
        assert list(figure.data[0].x) == ["3", "9", "None"]
        axes = figure.layout.scene if figure.layout.scene.xaxis.type else figure.layout
        assert axes.xaxis.type == "category"  # else plotly leaves out what is no number
        assert axes.yaxis.type is None


def test_parallel_coordinates_show_none(result):
    pytest.importorskip("plotly")
    (lines,) = result.parallel_coordinates("total_return").data
    hold, percent, _ = lines.dimensions
    assert list(hold.ticktext) == ["3", "9", "None"]
    assert list(hold.values) == [2, 2, 1, 1, 0, 0]
    assert list(percent.values) == [0.5, 0.9] * 3


def test_the_order_of_an_axis():
    assert axis_of([3, 1]) == [3, 1]
    assert axis_of([[2], None]) == ["[2]", "None"]
    assert [*axis_of([3, None, 1, float("nan")]).categories] == [1, 3, "None", "nan"]
    assert [*axis_of(["b", None, 1]).categories] == ["b", 1, "None"]
    assert [*axis_of(["None", None]).categories] == ["None"]


# ---- why there is no number


def never(fall):
    return dips(0.9)


@pytest.mark.parametrize(
    ("function", "n", "measures", "why"),
    [
        (now_and_then, 120, None, "2 of 2 failed, trial 0 with ValueError: 0.02 is too much"),
        (dips, 20, None, "a run of 19 days is too short for an annual figure, which takes 30"),
        (never, 120, None, "trial 0 has no trade"),
        (never, 120, {"sharpe": lambda result: None}, "see it, and the column error, in the table"),
    ],
)
def test_why_no_trial_has_a_number_is_said(function, n, measures, why):
    result = sweep(function, grid(fall=[0.02, 0.03]), market(n), measures=measures, workers=1)
    with pytest.raises(SweepError, match=f"^no trial has a number for sharpe: {why}$"):
        result.best()


def test_trials_that_were_pruned_are_said():
    optuna = pytest.importorskip("optuna")

    def hopeless(fall):
        raise optuna.TrialPruned("no hope")

    result = sweep(hopeless, grid(fall=[0.02, 0.03]), market(), workers=1)
    with pytest.raises(SweepError, match="no trial has a number for sharpe: 2 of 2 were pruned"):
        result.best()
