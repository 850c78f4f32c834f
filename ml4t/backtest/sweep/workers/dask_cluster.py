"""Workers of a Dask cluster: the one that a client leads to, or one made here for the sweep."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

from ml4t.backtest.sweep.trial import Outcome, Runner, Trial
from ml4t.backtest.sweep.workers.killed import is_killed, one_by_one
from ml4t.backtest.sweep.workers.task import Sent, packed, raise_lost, run_trials, sent, unpacked

AT_A_TIME = 2
"""Batches for each thread of a worker: one that runs, one that waits."""


class Dask:
    """A Dask cluster.

    Parameters
    ----------
    runner : Runner
    n : int
        Processes of a cluster that has to be made.
    client : distributed.Client, optional
        By default the one that is current, else one of a new local cluster.
    """

    def __init__(self, runner: Runner, n: int, client: Any = None) -> None:
        distributed = _imported()
        content = sent(runner)
        self._made = ExitStack()
        self._as_completed = distributed.as_completed
        self._client = client or _current(distributed) or self._new(distributed, n)
        # A task, not scattered: what the last worker that had it took along is made again.
        self._sent = self._client.submit(_itself, content, pure=False)
        self.n = max(1, sum(self._client.nthreads().values()))

    def outcomes(self, batches: Iterable[list[Trial]]) -> Iterator[list[Outcome]]:
        """Yield what came of each batch, as they are done; Dask runs again what a dead worker had."""
        left = iter(batches)
        futures = self._as_completed()
        in_hand: dict[str, list[Trial]] = {}
        suspects: list[list[Trial]] = []

        def submit(n: int) -> None:
            for batch in itertools.islice(left, n):
                future = self._submitted(batch)
                in_hand[future.key] = batch
                futures.add(future)

        submit(AT_A_TIME * self.n)
        for future in futures:
            batch, columns = in_hand.pop(future.key), None
            try:
                columns = future.result()
            except Exception as error:
                if not is_killed(error):
                    raise_lost(error)
                suspects.append(batch)  # Dask blames all that its worker had, in turn or not
            submit(1)
            if columns is not None:
                yield unpacked(batch, columns)
        for outcome, _ in one_by_one(suspects, self._by_itself, 1):
            yield [outcome]

    def _by_itself(self, batch: list[Trial]) -> list[Outcome]:
        return unpacked(batch, self._submitted(batch).result())

    def _submitted(self, batch: list[Trial]) -> Any:
        return self._client.submit(run_trials, self._sent, packed(batch), pure=False)

    def close(self) -> None:
        """End the cluster that was made for the sweep."""
        self._made.close()

    def _new(self, distributed: Any, n: int) -> Any:
        cluster = self._made.enter_context(
            distributed.LocalCluster(n_workers=n, threads_per_worker=1, dashboard_address=None)
        )
        return self._made.enter_context(distributed.Client(cluster))


def _itself(content: Sent) -> Sent:
    return content


def _current(distributed: Any) -> Any:
    try:
        return distributed.default_client()
    except ValueError:
        return None


def _imported() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise ImportError(
            "backend='dask' needs Dask; install it with: pip install 'ml4t-backtest[dask]'"
        ) from error
    return distributed
