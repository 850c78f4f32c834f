"""How the times of a run are shown: as its price table wrote its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from ml4t.backtest.data.tables.clock import make_clock


@dataclass(frozen=True)
class ShownTimes:
    """What becomes of instants when they are shown.

    Parameters
    ----------
    zone : str or None
        Whose clock they are read on; UTC if None.
    time_of_day : int or None
        Nanoseconds after midnight at which dates are complete, where dates are shown.
    written_zone : str or None
        The zone they are written with: of times that of the clock, of dates the one whose midnights
        they are; None for times and dates without a zone.
    """

    zone: str | None = None
    time_of_day: int | None = None
    written_zone: str | None = "UTC"

    @classmethod
    def of_prices(cls, info: Mapping[str, Any]) -> ShownTimes:
        """Return how the price table of a run wrote its times; ``info`` is ``MarketData.info``."""
        if "times" not in info:
            return cls()
        clock = make_clock(info.get("bar_time"), info.get("timezone"))
        time_of_day = (clock.time_of_day or 0) if info["times"] == "date" else None
        return cls(info.get("zone"), time_of_day, info.get("written_zone"))

    @classmethod
    def in_zone(cls, name: str) -> ShownTimes:
        """Return times of a zone.

        Raises
        ------
        ValueError
            If there is no such zone.
        """
        try:
            return cls(name, written_zone=ZoneInfo(name).key)
        except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
            raise ValueError(
                f"timezone must be the name of a zone, like 'America/New_York', was {name!r}"
            ) from error

    def shown(self, instants: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """Return aware times as they are shown."""
        local = instants.tz_convert(self.zone or "UTC")
        if self.time_of_day is None:
            return local.tz_localize(None) if self.written_zone is None else local
        complete = local.tz_localize(None)
        dates = (complete - pd.Timedelta(self.time_of_day, unit="ns")).normalize()
        if self.written_zone is None:
            return dates
        # The midnights of some zones do not exist on the day that clocks change.
        return dates.tz_localize(self.written_zone, nonexistent="shift_forward")

    @property
    def naive(self) -> ShownTimes:
        """The same without a zone, as Excel needs it."""
        return replace(self, written_zone=None)

    def text(self, instant: pd.Timestamp) -> str:
        """Return an aware time as ISO 8601 text, a date where dates are shown."""
        (time,) = self.shown(pd.DatetimeIndex([instant]))
        return time.isoformat() if self.time_of_day is None else f"{time:%Y-%m-%d}"

    def frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a frame with its columns of times, and its index of them, as they are shown."""
        columns = {
            name: self.shown(pd.DatetimeIndex(column))
            for name, column in frame.items()
            if isinstance(column.dtype, pd.DatetimeTZDtype)
        }
        shown = frame.assign(**columns)
        if isinstance(frame.index, pd.DatetimeIndex):
            shown.index = self.shown(frame.index)
        return shown
