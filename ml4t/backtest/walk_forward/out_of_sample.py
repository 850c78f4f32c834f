"""Predictions of a model for rows that it was not fitted on, by any splitter."""

from __future__ import annotations

import copy
import sys
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.walk_forward.combinatorial import CombinatorialPurged
from ml4t.backtest.walk_forward.errors import WalkForwardError
from ml4t.backtest.walk_forward.splitter import Splitter


def predict_out_of_sample(
    model: Any, X: Any, y: Any, splits: Splitter, *, method: str = "predict"
) -> pd.Series | pd.DataFrame:
    """Fit a model on each train part, and predict its test part.

    Parameters
    ----------
    model : estimator
        With ``fit(X, y)`` and the method; a copy of it is fitted for each part, as it was before any fit.
    X : table or array
    y : array or Series, shape (n_rows,)
    splits : WalkForward, CombinatorialPurged, or one of its paths
    method : str
        What predicts a number for each row.

    Returns
    -------
    Series or DataFrame
        With the index of ``X``. Rows that are never tested, those of the first train part of a walk, are NaN; of a
        :class:`CombinatorialPurged` there is a column for each path.

    Raises
    ------
    WalkForwardError
        If test parts overlap, ``y`` has another length, or the method gives anything but a number for each row.
    """
    if not isinstance(splits, Splitter):
        raise WalkForwardError(
            f"splits must be WalkForward, CombinatorialPurged or a path of it, was {type(splits).__name__}"
        )
    rows = splits.rows_of(X)
    if len(y) != rows.n:
        raise WalkForwardError(
            f"y has {len(y):,} values for {rows.n:,} rows: give one for each row"
        )
    n_paths = splits.n_paths if isinstance(splits, CombinatorialPurged) else 1
    made = np.full((rows.n, n_paths), np.nan)
    times_tested = np.zeros(rows.n, np.int64)
    for train, test in splits.parts_of(rows):
        place = times_tested[test]  # the path that has not tested the row yet
        if place.max() >= made.shape[1]:
            raise WalkForwardError(
                "test parts overlap, and a row has one prediction: let step be at least test"
            )
        fitted = _anew(model).fit(_taken(X, train), _taken(y, train))
        made[test, place] = _predicted(fitted, method, _taken(X, test))
        times_tested[test] += 1
    index = X.index if isinstance(X, pd.DataFrame | pd.Series) else pd.RangeIndex(rows.n)
    if isinstance(splits, CombinatorialPurged):
        return pd.DataFrame(made, index, pd.RangeIndex(made.shape[1], name="path"))
    return pd.Series(made[:, 0], index, name="prediction")


def _anew(model: Any) -> Any:
    """Return a model without what it has learned."""
    if "sklearn" in sys.modules and hasattr(model, "get_params"):
        from sklearn.base import clone

        return clone(model)
    return copy.deepcopy(model)


def _taken(table: Any, rows: np.ndarray) -> Any:
    return table.iloc[rows] if hasattr(table, "iloc") else table[rows]


def _predicted(fitted: Any, method: str, X: Any) -> np.ndarray:
    predict = getattr(fitted, method, None)
    if predict is None:
        raise WalkForwardError(f"{type(fitted).__name__} has no method {method!r}")
    predicted = np.asarray(predict(X))
    if predicted.ndim == 2 and predicted.shape[1] == 1:
        predicted = predicted[:, 0]
    if predicted.shape != (len(X),) or predicted.dtype.kind not in "fiub":
        raise WalkForwardError(
            f"{type(fitted).__name__}.{method} gives {predicted.dtype} of shape {predicted.shape} for {len(X):,} rows: "
            "a number for each row is needed"
        )
    return predicted
