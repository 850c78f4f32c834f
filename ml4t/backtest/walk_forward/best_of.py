"""A fit that is a sweep: the best parameters of the train part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.analytics.metrics import sharpe_ratio
from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.sweep.optuna_space import Asked
from ml4t.backtest.sweep.result import SweepResult
from ml4t.backtest.sweep.run_sweep import sweep
from ml4t.backtest.sweep.space import Space
from ml4t.backtest.sweep.template import Given, Recipe
from ml4t.backtest.walk_forward.errors import WalkForwardError
from ml4t.backtest.walk_forward.fitted import NAMES, Fitted
from ml4t.backtest.walk_forward.train_and_test import Piece

OF_RETURNS = ("sharpe", "total_return")


class BestOf:
    """Sweeps a train part, and takes the best; made by :func:`best_of`."""

    def __init__(
        self,
        run: Given,
        space: Space | Callable[[], Space],
        measure: str,
        lowest: bool,
        options: Mapping[str, Any],
    ) -> None:
        self._recipe = Recipe(run)
        if isinstance(space, Space):
            self._recipe.check_reads(space.names)
        self._space = space
        self._measure = measure
        self._lowest = lowest
        self._options = dict(options)

    def __call__(self, train: Piece) -> Fitted:
        """Return the best of a train part."""
        run = _with_settings(self._recipe.given, train.config)
        results = [self._swept(run, piece, len(train.pieces) > 1) for piece in train.pieces]
        parameters = self._best(results)
        made = self._recipe.made(parameters)
        for name in made:
            if name not in NAMES:
                raise WalkForwardError(
                    f"{self._recipe.name} gives {name}, which a walk does not cut into parts: leave it out"
                )
        return Fitted(**made, parameters=parameters, details=tuple(results))

    def _swept(self, run: Given, data: Any, is_one_of_several: bool) -> SweepResult:
        if is_one_of_several and self._measure not in OF_RETURNS:
            raise WalkForwardError(
                f"a train part of several stretches of time has one {' or one '.join(OF_RETURNS)} of all its returns, and "
                f"no {self._measure}: name one of these"
            )
        return sweep(
            run,
            self._space if isinstance(self._space, Space) else self._space(),
            data,
            measures=[self._measure],
            progress=False,
            **{**self._options, **({"keep_returns": True} if is_one_of_several else {})},
        )

    def _best(self, results: list[SweepResult]) -> dict[str, Any]:
        if len(results) == 1:
            row = results[0].best(self._measure, lowest=self._lowest)
            return results[0].parameters[int(row.name)]
        # Each stretch begins flat; what a trial returned in all of them is put together.
        returns = pd.concat([one.returns for one in results], join="inner")
        values = self._worth(returns.to_numpy())
        if np.isnan(values).all():
            raise WalkForwardError(_nothing_in_all(results, self._measure, returns))
        best = np.nanargmin(values) if self._lowest else np.nanargmax(values)
        return results[0].parameters[int(returns.columns[best])]

    def _worth(self, returns: np.ndarray) -> np.ndarray:
        if self._measure == "total_return":
            return np.asarray(np.prod(1.0 + returns, axis=0) - 1.0)
        return np.array([sharpe_ratio(one, 1.0) for one in np.ascontiguousarray(returns.T)])


def _nothing_in_all(results: list[SweepResult], measure: str, returns: pd.DataFrame) -> str:
    said = f"no trial has a {measure} in all of the train part"
    failed = [error for one in results for error in one.table["error"] if error]
    if returns.shape[1] == 0 and failed:
        return f"{said}: each failed in one of its stretches, the first with {failed[0]}"
    return f"{said}: none has returns that are not all 0"


def _with_settings(given: Given, config: BacktestConfig) -> Given:
    """Return what is swept; its settings are those of the walk where it says none."""
    if isinstance(given, Mapping):
        return {"config": config, **given}
    return partial(_made_with_settings, given, config)


def _made_with_settings(
    given: Given, config: BacktestConfig, /, **parameters: Any
) -> dict[str, Any]:
    return {"config": config, **Recipe(given).made(parameters)}


def best_of(
    run: Given,
    space: Space | Callable[[], Space],
    *,
    measure: str = "sharpe",
    lowest: bool = False,
    workers: int | None = None,
    backend: Any = None,
    keep_returns: bool = False,
) -> BestOf:
    """Return a fit for :func:`walk_forward` that sweeps each train part and takes the best.

    Parameters
    ----------
    run, space
        As for :func:`~ml4t.backtest.sweep.sweep`: a function or template, and what is tried. Settings that it does not
        give are those of the walk. A function that makes the space is called for each sweep: a study of Optuna learns,
        and what it was told of one train part is nothing for another.
    measure : str
        What is best of. Of train parts around test groups it is that of the returns of all stretches: ``sharpe`` or
        ``total_return``.
    lowest : bool
        Take the lowest instead.
    workers, backend, keep_returns
        Of the sweeps.

    Returns
    -------
    BestOf
        ``details`` of what it returns are the sweeps.

    Raises
    ------
    WalkForwardError
        If the space is none, or one of a single Optuna study; or the measure is no name.
    SweepError
        If parameters are read by nobody, or others are needed.
    """
    if isinstance(space, Asked):
        raise WalkForwardError(
            "a study of Optuna remembers what it was told of other train parts: give a function that makes study and "
            "space anew, best_of(run, lambda: from_optuna(create_study(...), ...))"
        )
    if not isinstance(space, Space) and not callable(space):
        raise WalkForwardError(
            f"space must be what grid or random return, or a function that makes one, was {type(space).__name__}"
        )
    if not isinstance(measure, str):
        raise WalkForwardError(f"measure must be the name of a measure, was {measure!r}")
    options = {"workers": workers, "backend": backend, "keep_returns": keep_returns}
    return BestOf(run, space, measure, lowest, options)
