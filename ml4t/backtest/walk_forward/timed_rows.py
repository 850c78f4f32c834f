"""When rows are, and until when their labels reach: what splitters cut by."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.data.arrays import Int64s
from ml4t.backtest.market.sessions import session_ends
from ml4t.backtest.walk_forward.errors import WalkForwardError
from ml4t.backtest.walk_forward.lengths import Read
from ml4t.backtest.walk_forward.row_times import found, read_times, times_of

UNIT = "ns"
FIRST = np.iinfo(np.int64).min


class TimedRows:
    """Rows in the order of time.

    Parameters
    ----------
    times : int64 array, shape (n,), not decreasing
        Nanoseconds UTC; or the numbers of rows that have no times.
    ends : int64 array, shape (n,), optional
        The time at which the label of each row is known: not before its own.
    zone : str, optional
        Whose days are sessions; UTC if None.
    has_times : bool
        Otherwise each row is a session.
    days : datetime64 array, shape (n,), optional
        The date of each row's session, by a calendar; else sessions are days of the zone.

    Attributes
    ----------
    times, ends : int64 array, shape (n,)
    sessions : int64 array, shape (n,)
        The number of each row's session.
    starts : int64 array, shape (n_sessions,)
        The time of the first row of each session.
    first_rows : int64 array, shape (n_sessions + 1,)
        The first row of each session; the number of rows at the end.
    """

    def __init__(
        self,
        times: Int64s,
        ends: Int64s | None = None,
        *,
        zone: str | None = None,
        has_times: bool = True,
        days: np.ndarray | None = None,
    ) -> None:
        self.times = times
        self.ends = times if ends is None else ends
        self.has_labels = ends is not None
        self.zone = zone
        self.has_times = has_times
        is_first = np.append(True, times[1:] != times[:-1])[: len(times)]
        if days is not None:
            self.sessions = np.cumsum(days != np.append(days[:1], days[:-1]))
        elif has_times:
            last_of_session = session_ends(times[is_first], zone)
            unique = np.searchsorted(last_of_session, np.arange(np.count_nonzero(is_first)))
            self.sessions = unique[np.cumsum(is_first) - 1]
        else:
            self.sessions = np.cumsum(is_first) - 1
        begins = np.flatnonzero(np.diff(self.sessions, prepend=-1))
        self.starts = times[begins]
        self.first_rows = np.append(begins, len(times))

    @property
    def n(self) -> int:
        """Rows."""
        return len(self.times)

    @property
    def n_sessions(self) -> int:
        """Sessions."""
        return len(self.starts)

    def row_at(self, time: int) -> int:
        """Return the first row at a time or after it."""
        return int(np.searchsorted(self.times, time, "left"))

    def row_after(self, time: int) -> int:
        """Return the first row after a time."""
        return int(np.searchsorted(self.times, time, "right"))

    def before(self, time: int, gap: Read) -> int:
        """Return the time that lies a gap before another: the first of so many sessions back, or so much time."""
        if not gap:
            return time
        if isinstance(gap, int):
            session = int(np.searchsorted(self.starts, time, "right")) - 1 - gap
            return int(self.starts[session]) if session >= 0 else FIRST
        return self.moved(time, -1, gap)

    def after(self, time: int, gap: Read) -> int:
        """Return the last time that lies within a gap after another; it is that time where there is no gap."""
        if not gap:
            return time
        if isinstance(gap, int):
            following = int(np.searchsorted(self.starts, time, "right")) + gap
            if following >= self.n_sessions:
                return int(max(self.times[-1], time))
            return int(self.starts[following]) - 1
        return self.moved(time, 1, gap)

    def moved(self, time: int, times: int, length: Any) -> int:
        """Return a time moved by a length so many times, by the clock of the zone where it is one of the calendar."""
        if not times:  # offsets to an edge of the calendar would go there even so
            return time
        if isinstance(length, pd.Timedelta):
            return time + times * int(length.as_unit(UNIT).value)
        stamp = pd.Timestamp(time, unit=UNIT, tz="UTC").tz_convert(self.zone or "UTC")
        return int((stamp + times * length).as_unit(UNIT).value)

    def midnight_before(self, time: int) -> int:
        """Return the beginning of the day of a time, in the zone."""
        stamp = pd.Timestamp(time, unit=UNIT, tz="UTC").tz_convert(self.zone or "UTC")
        return int(stamp.normalize().as_unit(UNIT).value)

    def shown(self, time: int) -> str:
        """Return a time as messages say it."""
        if not self.has_times:
            return f"row {time}"
        stamp = pd.Timestamp(time, unit=UNIT, tz="UTC").tz_convert(self.zone or "UTC")
        return f"{stamp:%Y-%m-%d}" if stamp == stamp.normalize() else f"{stamp:%Y-%m-%d %H:%M}"


def timed_rows(X: Any, times: Any, label_ends: Any) -> TimedRows:
    """Read when rows are, and when their labels end.

    Parameters
    ----------
    X : table or array
        Its index has the times where `times` is None: dates or times, as text too, or a level of them. Where it counts
        rows, each is a session.
    times, label_ends : array, Series, Index or str, optional
        A value for each row, or the name of a column, or of a level of the index, of `X`.

    Raises
    ------
    WalkForwardError
        If one has another length, is missing somewhere or goes back; if a label ends before its row; if the index has
        neither times nor numbers.
    """
    n = None if X is None else _length(X)
    own = found(X, times, "times") if times is not None else times_of(X)
    if own is None:
        if n is None:
            raise WalkForwardError(
                "nothing says which rows there are: give X to split, or times to the splitter"
            )
        if n == 0:
            raise WalkForwardError("there is no row to split")
        return TimedRows(
            np.arange(n), _row_ends(found(X, label_ends, "label_ends"), n), has_times=False
        )
    written = read_times("times", own, n)
    if len(written) == 0:
        raise WalkForwardError("there is no row to split")
    stamps, zone = nanoseconds("times", written), _name_of(written.tz)
    check_order(stamps)
    ends = found(X, label_ends, "label_ends")
    if ends is None:
        return TimedRows(stamps, zone=zone)
    written_ends = read_times("label_ends", ends, len(stamps))
    if (written.tz is None) != (written_ends.tz is None):
        with_zone, without = (
            ("label_ends", "times") if written.tz is None else ("times", "label_ends")
        )
        raise WalkForwardError(
            f"{with_zone} have a time zone and {without} have none: give both or neither"
        )
    end_stamps = nanoseconds("label_ends", written_ends)
    check_ends(stamps, end_stamps)
    return TimedRows(stamps, end_stamps, zone=zone)


def _length(X: Any) -> int:
    shape = getattr(X, "shape", None)
    return int(shape[0]) if shape else len(X)


def _name_of(zone: datetime.tzinfo | None) -> str | None:
    """Return the name of a zone, or its offset: that of a fixed one, whatever library has made it."""
    if zone is None:
        return None
    offset = zone.utcoffset(None)
    return str(zone if offset is None else datetime.timezone(offset))


def nanoseconds(name: str, written: pd.DatetimeIndex) -> Int64s:
    """Return times as nanoseconds UTC, those without a zone as if it were theirs.

    Raises
    ------
    WalkForwardError
        If nanoseconds cannot hold one.
    """
    try:
        instants = written if written.tz is None else written.tz_convert("UTC")
        return np.asarray(instants.as_unit(UNIT).asi8)
    except (pd.errors.OutOfBoundsDatetime, OverflowError) as error:
        raise WalkForwardError(f"{name} must lie between 1677 and 2262: {error}") from error


def _row_ends(given: Any, n: int) -> Int64s | None:
    """Return label ends of rows without times: numbers of rows."""
    if given is None:
        return None
    values = np.asarray(given)
    if values.dtype.kind not in "iu":
        raise WalkForwardError(
            "label_ends are times, and the rows have none: give times, an index of them, or numbers of rows as "
            "label_ends"
        )
    if values.shape != (n,):
        raise WalkForwardError(
            f"label_ends has {len(values):,} values for {n:,} rows: give one for each row"
        )
    ends = values.astype(np.int64)
    check_ends(np.arange(n), ends)
    return ends


def check_order(stamps: Int64s) -> None:
    """Refuse rows that are not in the order of time."""
    back = np.flatnonzero(stamps[1:] < stamps[:-1])
    if len(back):
        row = int(back[0]) + 1
        raise WalkForwardError(
            f"times must not go back: row {row} ({pd.Timestamp(stamps[row])}) stands behind "
            f"{pd.Timestamp(stamps[row - 1])}; sort the rows by time"
        )


def check_ends(stamps: Int64s, ends: Int64s) -> None:
    """Refuse labels that end before their rows."""
    early = np.flatnonzero(ends < stamps)
    if len(early):
        row = int(early[0])
        raise WalkForwardError(
            f"{len(early):,} labels end before their own row begins, the first at row {row}: label_ends are the times at "
            "which labels are known"
        )
