"""How the times of a run are shown: as its price table wrote its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd


@dataclass(frozen=True)
class ShownTimes:
    """What becomes of the instants at which bars are complete when they are shown.

    Parameters
    ----------
    clock_zone : str
        Whose clock they are read on.
    written_zone : str or None
        The zone they are written with: of times that of the clock, of dates the one whose midnights
        they are; None for times and dates without a zone.
    complete_after : int
        Nanoseconds from the stamp of a bar to its end.
    as_dates : bool
        Whether stamps are dates, and ``complete_after`` is a time of day.
    """

    clock_zone: str = "UTC"
    written_zone: str | None = "UTC"
    complete_after: int = 0
    as_dates: bool = False

    @classmethod
    def of_prices(cls, info: Mapping[str, Any]) -> ShownTimes:
        """Return how the price table of a run wrote its times; ``info`` is ``MarketData.info``."""
        kind, after, written = (
            info.get("times"),
            info.get("complete_after"),
            info.get("written_zone"),
        )
        if (
            kind is None or after is None
        ):  # of no table, or of dates that end at several times of day
            return cls()
        if kind == "aware":
            zone = written or "UTC"
            return cls(zone, zone, after)
        return cls(info.get("zone") or "UTC", written, after, as_dates=kind == "date")

    @classmethod
    def in_zone(cls, name: str) -> ShownTimes:
        """Return the instants themselves on the clock of a zone.

        Raises
        ------
        ValueError
            If there is no such zone.
        """
        try:
            zone = ZoneInfo(name).key
        except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
            raise ValueError(
                f"timezone must be the name of a zone, like 'America/New_York', was {name!r}"
            ) from error
        return cls(zone, zone)

    @property
    def naive(self) -> ShownTimes:
        """The same without a zone, as Excel needs it."""
        return replace(self, written_zone=None)

    def shown(self, instants: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """Return aware times as they are shown."""
        if self.as_dates:
            return self._dates(instants)
        times = (instants - self._length).tz_convert(self.clock_zone)
        return times.tz_localize(None) if self.written_zone is None else times

    def text(self, instant: pd.Timestamp) -> str:
        """Return an aware time as ISO 8601 text, a date where dates are shown."""
        return _text(self, instant)

    def frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a frame with its columns of times, and its index of them, as they are shown."""
        if self == UTC:
            return frame
        columns = {
            name: self.shown(pd.DatetimeIndex(column))
            for name, column in frame.items()
            if isinstance(column.dtype, pd.DatetimeTZDtype)
        }
        shown = frame.assign(**columns)
        if isinstance(frame.index, pd.DatetimeIndex):
            shown.index = self.shown(frame.index)
        return shown

    @property
    def _length(self) -> pd.Timedelta:
        return pd.Timedelta(self.complete_after, unit="ns")

    def _dates(self, instants: pd.DatetimeIndex) -> pd.DatetimeIndex:
        # The clock, not the instant, is set back: days are not all of 24 hours.
        complete = instants.tz_convert(self.clock_zone).tz_localize(None)
        dates = (complete - self._length).normalize()
        if self.written_zone is None:
            return dates
        # The midnights of some zones do not exist on the day that clocks change.
        return dates.tz_localize(self.written_zone, nonexistent="shift_forward")


# The runs of a sweep begin and end at the same times.
@lru_cache(maxsize=1_024)
def _text(times: ShownTimes, instant: pd.Timestamp) -> str:
    (time,) = times.shown(pd.DatetimeIndex([instant]))
    return f"{time:%Y-%m-%d}" if times.as_dates else time.isoformat()


UTC = ShownTimes()
"""Times as they are stored."""
