"""The part of a run that is drawn."""

from __future__ import annotations

from datetime import date

import pandas as pd

Moment = str | date | None


def window(times: pd.DatetimeIndex, start: Moment, end: Moment) -> slice:
    """Return which of ``times``, without a zone, lie from ``start`` to ``end``, both included.

    A text that names a day, a month or a year means the whole of it.

    Raises
    ------
    ValueError
        If none does, or a moment cannot be read.
    """
    try:
        chosen = times.slice_indexer(start, end)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"start and end must be times without a zone, like '2024-06-30', were {start!r} and {end!r}"
        ) from error
    if len(times[chosen]) == 0:
        raise ValueError(
            f"there is nothing to draw from {start} to {end}: the run went from {times[0]} to {times[-1]}"
        )
    return chosen
