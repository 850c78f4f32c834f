"""Times of the user as nanoseconds."""

from typing import Any

import numpy as np
import pandas as pd


def nanoseconds_utc(name: str, time: Any) -> int:
    """Return a time as nanoseconds UTC; one without a zone is in UTC.

    Raises
    ------
    ValueError
        If it is no time, with the name of the argument.
    """
    if isinstance(time, int | np.integer) and not isinstance(time, bool):
        return int(time)
    try:
        stamp = pd.Timestamp(time)
        if pd.isna(stamp):
            raise ValueError
        return int((stamp if stamp.tz is None else stamp.tz_convert("UTC")).as_unit("ns").value)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(
            f"{name} must be a time, like pandas.Timestamp('2024-01-02 16:00'), was {time!r}"
        ) from None
