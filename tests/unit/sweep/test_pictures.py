"""Pictures of a sweep: what they show, which library draws them, and what is said where there is none."""

import builtins

import numpy as np
import pytest
from unit.sweep.studied import PAIRS, STOPS, TARGETS, TEMPLATE, dips, market, now_and_then

from ml4t.backtest import BacktestConfig
from ml4t.backtest.sweep import SweepError, grid, sweep


@pytest.fixture(scope="module")
def result():
    return sweep(TEMPLATE, PAIRS, market(), workers=1)


def test_a_heatmap_has_a_cell_for_each_pair(result, tmp_path):
    figure = result.heatmap("target", "stop", path=tmp_path / "map.png")
    (image,) = figure.axes[0].images
    expected = result.table["sharpe"].to_numpy().reshape(len(STOPS), len(TARGETS))
    np.testing.assert_array_equal(np.asarray(image.get_array()), expected)
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == [
        "0.02",
        "0.04",
        "0.08",
        "0.3",
    ]
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("target", "stop")
    assert (tmp_path / "map.png").stat().st_size > 5_000


def test_plotly_draws_the_same_cells(result, tmp_path):
    pytest.importorskip("plotly")
    figure = result.heatmap("target", "stop", "trades", tmp_path / "map.html")
    surface = result.surface("target", "stop", "trades")
    expected = result.table["trades"].to_numpy().reshape(len(STOPS), len(TARGETS))
    for drawn in (figure.data[0], surface.data[0]):
        np.testing.assert_array_equal(np.asarray(drawn.z, float), expected)
        assert list(drawn.x) == TARGETS
    assert (tmp_path / "map.html").stat().st_size > 1000


def test_trials_that_differ_in_other_parameters_are_averaged_or_as_asked():
    space = grid(fall=[0.001, 0.005], hold=[1, 4], asset=["A", "B"])
    result = sweep(biased, space, market(), workers=1, measures=["trades", "initial_cash"])
    cells = {over: result._cells("fall", "hold", "initial_cash", over) for over in ("mean", "max")}
    assert cells["mean"].to_numpy().tolist() == [[150.0, 150.0]] * 2  # of 100 and 200
    assert cells["max"].to_numpy().tolist() == [[200.0, 200.0]] * 2


def biased(fall, hold, asset):
    cash = {"A": 100.0, "B": 200.0}[asset]
    return {**dips(fall, hold), "config": BacktestConfig(initial_cash=cash)}


def test_parallel_coordinates_have_a_line_for_each_trial_that_was_done():
    pytest.importorskip("plotly")
    result = sweep(now_and_then, grid(fall=[0.001, 0.002, 0.02]), market(), workers=1)
    (lines,) = result.parallel_coordinates("trades").data
    assert [one.label for one in lines.dimensions] == ["fall", "trades"]
    assert list(lines.dimensions[0].values) == [0.001, 0.002]


def test_words_have_a_place_on_an_axis_too():
    pytest.importorskip("plotly")
    result = sweep(worded, grid(kind=["slow", "quick"], fall=[0.001, 0.002]), market(), workers=1)
    dimension = result.parallel_coordinates().data[0].dimensions[0]
    assert (list(dimension.ticktext), list(dimension["values"])) == (
        ["quick", "slow"],
        [1, 1, 0, 0],
    )
    assert list(result.heatmap("kind", "fall", backend="plotly").data[0].x) == ["quick", "slow"]


def worded(kind, fall):
    return dips(fall, {"slow": 8, "quick": 1}[kind])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda result: result.heatmap("stops", "target"), r"no parameter 'stops'; did you mean 'stop'\?"),
        (lambda result: result.heatmap("stop", "stop"), "x and y must be two parameters, were both"),
        (lambda result: result.heatmap("stop", "target", "cagr"), "'cagr' was not measured"),
        (lambda result: result.heatmap("stop", "target", over="sum"), "over must be mean, median"),
        (lambda result: result.heatmap("stop", "target", path="x.png", backend="plotly"), "plotly cannot write x.png"),
        (lambda result: result.heatmap("stop", "target", path="x.html", backend="matplotlib"), "matplotlib cannot write"),
        (lambda result: result.heatmap("stop", "target", backend="bokeh"), "backend must be 'matplotlib' or 'plotly'"),
        (lambda result: result.surface("stop", "target", path="x.png"), "plotly writes .html, cannot write x.png"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(make, message, result):
    with pytest.raises(SweepError, match=message):
        make(result)


def test_nothing_to_draw_is_said():
    result = sweep(now_and_then, grid(fall=[0.02]), market(), workers=1)
    with pytest.raises(SweepError, match="no trial has a number for sharpe"):
        result.best()
    with pytest.raises(
        SweepError, match="no trial has a number for sharpe: there is nothing to draw"
    ):
        result.parallel_coordinates()


@pytest.mark.parametrize("what", ["heatmap", "surface", "parallel_coordinates"])
def test_without_plotly_what_to_install_is_said(what, result, monkeypatch):
    imported = builtins.__import__

    def without(name, *arguments, **options):
        if name.partition(".")[0] == "plotly":
            raise ImportError(name)
        return imported(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    arguments = {"heatmap": ("stop", "target"), "surface": ("stop", "target")}.get(what, ())
    options = {"backend": "plotly"} if what == "heatmap" else {}
    with pytest.raises(
        ImportError, match=rf"{what}\(\) needs plotly; install it with: pip install"
    ):
        getattr(result, what)(*arguments, **options)


def test_a_parameter_of_lists_is_an_axis_of_their_texts():
    space = grid(fall=[0.001, 0.005], hold=[1], assets=[["A", "B"], ["A"]])
    result = sweep(lambda fall, hold, assets: dips(fall, hold), space, market(), workers=1)
    (image,) = result.heatmap("assets", "fall", "trades").axes[0].images
    trades = result.table["trades"].to_numpy().reshape(2, 2)
    np.testing.assert_array_equal(np.asarray(image.get_array()), trades[:, ::-1])
