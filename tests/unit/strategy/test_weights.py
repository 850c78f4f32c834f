"""Weights as they are given: numbers, one for each asset."""

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest.strategy.weights import mapping_of, weight_in, weights_in


@pytest.mark.parametrize("weight", ["0.5", b"0.5", True, np.True_])
def test_a_weight_is_a_number(weight):
    with pytest.raises(ValueError, match=r"weight of 'A' must be a number \(0.5 is 50%\), was"):
        weight_in("A", weight)


@pytest.mark.parametrize(
    "weights",
    [["0.5", "0.5"], [True, False], np.array([b"1", b"0"]), np.array(["0.5", 0.5], object)],
)
def test_an_array_of_weights_has_numbers(weights):
    with pytest.raises(ValueError, match="weights must be numbers"):
        weights_in(weights, 2)


@pytest.mark.parametrize("weights", [[1, 0], (0.5, np.nan), np.array([1.0, 0.0], np.float32)])
def test_numbers_are_weights(weights):
    np.testing.assert_array_equal(weights_in(weights, 2), np.asarray(weights, np.float64))


def test_a_series_names_an_asset_once():
    assert mapping_of(pd.Series({"A": 0.5, "B": 0.2})) == {"A": 0.5, "B": 0.2}
    with pytest.raises(ValueError, match="weights name 'A' more than once: give one weight for"):
        mapping_of(pd.Series([0.5, 0.2, 0.1], ["A", "B", "A"]))


def test_a_frame_is_no_weights():
    with pytest.raises(
        ValueError, match="must be a mapping, a Series or an array, was a DataFrame"
    ):
        mapping_of(pd.DataFrame({"A": [0.5]}))
