"""What a study of Optuna is told of a stage, and which trials its pruner ends there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml4t.backtest.sweep.trial import PRUNED, Outcome


def pruned(
    trials: Mapping[int, Any],
    reached: Mapping[int, Outcome],
    values: Mapping[int, Any],
    objective: str,
    n_times: int,
) -> dict[int, Outcome]:
    """Report the values of a stage, and return what became of the trials that end there, by number.

    Parameters
    ----------
    trials : mapping of int to optuna.Trial
    reached : mapping of int to Outcome
        What came of the stage, of the trials that were in it.
    values : mapping of int to float
        Their objective, of those that have one.
    objective : str
    n_times : int
        Timestamps of the stage.
    """
    ended = {number: one for number, one in reached.items() if one.status == PRUNED}
    reported = [number for number in trials if number in values]
    for number in reported:  # all of them, so that no decision lacks what another has reached
        trials[number].report(values[number], n_times)
    for number in reported:
        if trials[number].should_prune():
            said = f"TrialPruned: {objective} was {values[number]:.6g} after {n_times:,} timestamps"
            # No measures: beside those of whole runs they would be read as such.
            ended[number] = reached[number]._replace(status=PRUNED, measures=(), error=said)
    return ended
