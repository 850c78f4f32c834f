"""The returns of trials: packed in a worker, kept in a journal, shown as one frame."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ml4t.backtest.result import BacktestResult

DAYS, VALUES = "<i8", "<f8"
DIGEST_BYTES = 16


class KeptReturns(NamedTuple):
    """The returns of a trial.

    Attributes
    ----------
    sessions : bytes
        Of int64: the midnight of each session, seconds.
    values : bytes
        Of float64: its return.
    """

    sessions: bytes
    values: bytes

    @property
    def of_sessions(self) -> str:
        """A name of the sessions, which trials of the same data share."""
        return hashlib.blake2b(self.sessions, digest_size=DIGEST_BYTES).hexdigest()


def kept_returns(result: BacktestResult) -> KeptReturns:
    """Pack the returns of a run."""
    returns = result.returns
    days = returns.index.to_numpy().astype("M8[s]").astype(DAYS)
    return KeptReturns(days.tobytes(), returns.to_numpy(VALUES).tobytes())


def returns_frame(kept: Mapping[Any, KeptReturns]) -> pd.DataFrame:
    """Return the returns of trials: a row for each session, a column for each trial.

    Parameters
    ----------
    kept : mapping of trial to KeptReturns

    Returns
    -------
    DataFrame
        A session that a trial has not is NaN.
    """
    by_sessions: dict[bytes, list[Any]] = {}
    for trial, one in kept.items():
        by_sessions.setdefault(one.sessions, []).append(trial)
    frames = [
        pd.DataFrame(
            np.column_stack([np.frombuffer(kept[trial].values, VALUES) for trial in trials]),
            index=_dates(sessions),
            columns=pd.Index(trials, name="trial"),
        )
        for sessions, trials in by_sessions.items()
    ]
    if not frames:
        return pd.DataFrame(index=_dates(b""), columns=pd.Index([], name="trial"), dtype=float)
    joined = frames[0] if len(frames) == 1 else pd.concat(frames, axis=1).sort_index()
    return joined[list(kept)].rename_axis(index="session", columns="trial")


def _dates(sessions: bytes) -> pd.DatetimeIndex:
    days = pd.DatetimeIndex(np.frombuffer(sessions, DAYS).astype("M8[s]"), name="session")
    try:
        return days.as_unit("ns")
    except (pd.errors.OutOfBoundsDatetime, OverflowError):  # dates beyond what nanoseconds hold
        return days
