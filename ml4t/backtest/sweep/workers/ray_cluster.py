"""Workers of a Ray cluster: the one that this process is connected to, or one made here for the sweep."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from ml4t.backtest.sweep.trial import Outcome, Runner, Trial
from ml4t.backtest.sweep.workers.killed import is_killed, one_by_one
from ml4t.backtest.sweep.workers.task import packed, raise_lost, run_trials, sent, unpacked

AT_A_TIME = 2
"""Batches for each processor: one that runs, one that waits."""


class Ray:
    """A Ray cluster.

    Parameters
    ----------
    runner : Runner
    n : int
        Processes of a cluster that has to be made.
    """

    def __init__(self, runner: Runner, n: int) -> None:
        self._ray = _imported()
        content = sent(runner)
        self._is_made = not self._ray.is_initialized()
        if self._is_made:
            # Modules beside the script are found by its workers, too.
            found = os.pathsep.join(path for path in sys.path if path)
            self._ray.init(
                num_cpus=n,
                include_dashboard=False,
                log_to_driver=False,
                configure_logging=False,
                runtime_env={"env_vars": {"PYTHONPATH": found}},
            )
        self._sent = self._ray.put(content)
        self._run = self._ray.remote(run_trials)
        self.n = max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def outcomes(self, batches: Iterable[list[Trial]]) -> Iterator[list[Outcome]]:
        """Yield what came of each batch, as they are done; Ray runs again what a dead worker had."""
        left = iter(batches)
        in_hand: dict[Any, list[Trial]] = {}
        suspects: list[list[Trial]] = []

        def submit(n: int) -> None:
            for batch in itertools.islice(left, n):
                in_hand[self._run.remote(self._sent, packed(batch))] = batch

        submit(AT_A_TIME * self.n)
        while in_hand:
            (done,), _ = self._ray.wait([*in_hand], num_returns=1)
            batch, columns = in_hand.pop(done), None
            try:
                columns = self._ray.get(done)
            except Exception as error:
                if not is_killed(error):
                    raise_lost(getattr(error, "cause", None) or error)
                suspects.append(batch)
            submit(1)
            if columns is not None:
                yield unpacked(batch, columns)
        for outcome, _ in one_by_one(suspects, self._by_itself, 1):
            yield [outcome]

    def _by_itself(self, batch: list[Trial]) -> list[Outcome]:
        return unpacked(batch, self._ray.get(self._run.remote(self._sent, packed(batch))))

    def close(self) -> None:
        """End the cluster that was made for the sweep."""
        if self._is_made:
            self._ray.shutdown()


def _imported() -> Any:
    try:
        import ray
    except ImportError as error:
        raise ImportError(
            "backend='ray' needs Ray; install it with: pip install 'ml4t-backtest[ray]'"
        ) from error
    return ray
