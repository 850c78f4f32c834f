"""A walk over combinations: every group is tested by each of its splits, and the tests make up paths."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml4t.backtest.walk_forward.combinatorial import CombinatorialPurged
from ml4t.backtest.walk_forward.measured import as_number, of_returns
from ml4t.backtest.walk_forward.parts_table import parts_table
from ml4t.backtest.walk_forward.result import CombinatorialResult
from ml4t.backtest.walk_forward.walking import FittedPart, Test, Walk, told


def over_combinations(walk: Walk, splits: CombinatorialPurged) -> CombinatorialResult:
    """Fit each split once, run every group that it tests, and put the returns of paths together."""
    paths, bounds = splits.paths(), splits.bounds_of(walk.rows)
    split_fits: list[FittedPart] = []
    fits: list[FittedPart] = []
    tests: list[Test] = []
    numbers: list[dict[str, int]] = []
    outside: list[float] = []
    returns: dict[int, dict[int, pd.Series]] = {path: {} for path in range(splits.n_paths)}
    for split, groups in enumerate(splits.chosen()):
        of_split = [(int(bounds[group]), int(bounds[group + 1])) for group in groups]
        fit = walk.fitted(split, of_split)
        split_fits.append(fit)
        for group, test in zip(groups, of_split, strict=True):
            with told("the run", split, fit.train):
                result = walk.run(fit.fitted, *test, None)
            path = int(np.flatnonzero(paths[:, group] == split)[0])
            returns[path][group] = result.returns
            numbers.append({"split": split, "group": group, "path": path})
            outside.append(as_number(result.measure(only=[walk.measure])[walk.measure]))
            fits.append(fit)
            tests.append(test)
    by_path = _put_together(returns)
    parts = pd.concat([pd.DataFrame(numbers), parts_table(walk, fits, tests, outside)], axis=1)
    measures = [of_returns(by_path[path]) for path in by_path]
    return CombinatorialResult(
        tuple(one.fitted for one in split_fits),
        walk.measure,
        by_path,
        pd.DataFrame(measures).rename_axis("path"),
        parts.rename_axis("part"),
    )


def _put_together(returns: dict[int, dict[int, pd.Series]]) -> pd.DataFrame:
    """Return the returns of each path, group after group."""
    columns = {
        path: pd.concat([groups[group] for group in sorted(groups)])
        for path, groups in returns.items()
    }
    return pd.DataFrame(columns).rename_axis(columns="path")
