"""TargetWeights and TopK by hand: what is ordered at each call."""

import pickle

import numpy as np
import pytest
from scenes import FLAT, fills, market

from ml4t.backtest import BacktestConfig, TargetWeights, TopK, run_backtest
from ml4t.backtest.runfile import RunFile

NAN = float("nan")
MARGIN = BacktestConfig(account="margin", initial_cash=1000.0, debug=True)


def run(strategy, features, config=MARGIN, **options):
    """Bars at 100 of assets with a column by asset."""
    names = next(iter(features.values()))
    n = len(next(iter(names.values())))
    data = market({name: [FLAT] * n for name in names}, features)
    return run_backtest(data, strategy, config=config, **options)


def test_weights_of_a_column_become_positions_and_nan_leaves_alone():
    weights = {"A": [0.5, NAN, 0.0, NAN], "B": [-0.2, NAN, -0.2, NAN]}
    result = run(TargetWeights("w"), {"w": weights})
    # 0.5 and -0.2 of 1,000 at 100: 5 and -2 units; A is closed by the bar after the 0.
    assert fills(result, "asset", "quantity") == [("A", 5.0), ("B", -2.0), ("A", -5.0)]


def test_a_drift_band_of_the_settings_leaves_small_changes_alone():
    config = BacktestConfig(initial_cash=1000.0, drift_band=0.1)
    weights = {"A": [0.5, 0.52, 0.6, NAN]}
    result = run(TargetWeights("w"), {"w": weights}, config)
    assert [fill[0] for fill in fills(result, "quantity")] == pytest.approx([5.0, 1.0])


SCORES = {"A": [4.0, 2.0, 1.0, 1.0], "B": [3.0, 3.0, 3.0, 3.0], "C": [1.0, 4.0, 4.0, 4.0]}


def test_the_best_are_held_and_what_is_no_longer_among_them_is_closed():
    # A and B; then C and B, so A is closed: 50% each of 1,000.
    result = run(TopK("s", 2), {"s": SCORES})
    assert fills(result, "asset", "quantity") == [
        ("A", 5.0), ("B", 5.0), ("A", -5.0), ("C", 5.0),
    ]  # fmt: skip


def test_what_is_held_stays_while_it_is_among_the_best_to_keep():
    result = run(TopK("s", 2, keep=3), {"s": SCORES})
    assert fills(result, "asset", "quantity") == [("A", 5.0), ("B", 5.0)]


def test_longs_and_shorts_are_the_two_ends_and_ties_go_to_the_first_asset():
    scores = {"A": [1.0, NAN], "B": [1.0, NAN], "C": [0.0, NAN], "D": [0.0, NAN], "E": [NAN, NAN]}
    result = run(TopK("s", 1, short_k=1, percent=0.5, short_percent=0.3, every=2), {"s": scores})
    assert fills(result, "asset", "quantity") == [("A", 5.0), ("C", -3.0)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # Scores 3 and 1 share two places of 40% each as 3 to 1; volatilities 0.1 and 0.3 too.
        ({"weights": "score"}, [("A", 6.0), ("B", 2.0)]),
        ({"weights": "inverse_volatility", "volatility": "v"}, [("A", 6.0), ("B", 2.0)]),
        ({}, [("A", 4.0), ("B", 4.0)]),
    ],
)
def test_the_chosen_share_what_their_places_are_worth(options, expected):
    features = {
        "s": {"A": [3.0, NAN], "B": [1.0, NAN], "C": [-1.0, NAN]},
        "v": {"A": [0.1, NAN], "B": [0.3, NAN], "C": [NAN, NAN]},
    }
    result = run(TopK("s", 2, percent=0.8, every=2, **options), features)
    assert [(a, round(q, 9)) for a, q in fills(result, "asset", "quantity")] == expected


def test_a_place_that_nobody_takes_stays_cash():
    result = run(TopK("s", 4, every=2), {"s": {"A": [1.0, NAN], "B": [NAN, NAN]}})
    assert fills(result, "asset", "quantity") == [("A", 2.5)]


STRATEGIES = pytest.mark.parametrize(
    "strategy",
    [
        TargetWeights("w", every="month_end", when=("calm", 5)),
        TopK("s", 5, keep=8, weights="inverse_volatility", volatility="v", percent=0.9, every=5),
        TopK("s", short_k=2, short_percent=0.4, when="on"),
    ],
    ids=lambda strategy: type(strategy).__name__,
)


@STRATEGIES
def test_a_strategy_is_its_parameters(strategy):
    copied = pickle.loads(pickle.dumps(strategy))
    assert (type(copied), copied.parameters) == (type(strategy), strategy.parameters)
    assert repr(type(strategy)(**strategy.parameters)) == repr(strategy)


@STRATEGIES
def test_a_run_file_has_a_strategy_as_it_is_made(strategy, tmp_path):
    path = RunFile.from_python("prices.csv", strategy).save(tmp_path / "run.yaml")
    made = RunFile.load(path).make_strategy()
    assert repr(made).replace("[", "(").replace("]", ")") == repr(strategy)  # a list for a tuple


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "give k, short_k or both"),
        ({"k": 0}, "k must be a whole number of at least 1, was 0"),
        ({"k": 3, "keep": 2}, "keep must not be below k=3, was 2"),
        ({"k": 3, "short_keep": 2}, "short_keep=2 is for short_k, which is not given"),
        ({"k": 3, "weights": "rank"}, "weights must be one of 'equal', 'score'"),
        ({"k": 3, "weights": "inverse_volatility"}, "give both or neither"),
        ({"k": 3, "percent": 0.0}, "percent must be positive and finite, was 0.0"),
        ({"k": 3, "every": "month"}, "every must be a number of bars or one of"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_made(options, said):
    with pytest.raises(ValueError, match=said):
        TopK("s", **options)


@pytest.mark.parametrize("strategy", [TargetWeights("x"), TopK("x", 1)], ids=repr)
def test_a_column_that_is_not_there_is_named(strategy):
    with pytest.raises(Exception, match=f"{type(strategy).__name__} reads no column 'x'"):
        run(strategy, {"s": SCORES})


def test_a_weight_that_no_account_can_hold_ends_the_run_before_an_order_of_its_bar():
    with pytest.raises(Exception, match="a weight or percent is a fraction of equity") as error:
        run(TargetWeights("w"), {"w": {"A": [0.5, 0.5], "B": [50.0, 0.0]}})
    assert error.value.partial_result.orders.empty


def test_numbers_of_numpy_are_numbers():
    strategy = TopK("score", np.int64(3), keep=np.int32(5), every=np.int64(2))
    assert strategy.parameters == {"score": "score", "k": 3, "keep": 5, "every": 2}
    assert {type(number) for number in strategy.parameters.values()} == {str, int}
