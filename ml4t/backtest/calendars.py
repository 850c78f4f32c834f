"""The sessions of a run in words: the name of a calendar, session times, or a table of them."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ml4t.backtest.core.missing import is_missing
from ml4t.backtest.setting_errors import SettingsError
from ml4t.backtest.settings_model import SettingsModel

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MIDNIGHT_AFTER = "24:00"
UTC = datetime.UTC
FIRST_YEAR, LAST_YEAR = 1678, 2261
"""Of what nanoseconds reach, whole years."""

Weekday = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def seconds_of(time: str) -> int:
    """Return the seconds after midnight of a time of day such as ``09:30``, up to 86400 for ``24:00``."""
    if time == MIDNIGHT_AFTER:
        return 86_400
    parsed = datetime.time.fromisoformat(time)
    return parsed.hour * 3_600 + parsed.minute * 60 + parsed.second


def _time_of_day(value: Any) -> Any:
    if isinstance(value, datetime.time):
        value = value.isoformat()
    if not isinstance(value, str):
        return value
    try:
        seconds_of(value)
        plain = value == MIDNIGHT_AFTER or _is_plain(datetime.time.fromisoformat(value))
    except ValueError:
        plain = False
    if not plain:
        raise ValueError(f"must be a time of day such as '09:30', in whole seconds, was {value!r}")
    return value


def _is_plain(time: datetime.time) -> bool:
    return time.tzinfo is None and not time.microsecond


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"must be a time zone such as 'America/New_York', was {name!r}") from None
    return name


def _weekdays(value: Any) -> Any:
    return tuple(value.split()) if isinstance(value, str) else value


def _in_utc(value: datetime.datetime) -> datetime.datetime:
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(f"must be a time from {FIRST_YEAR} to {LAST_YEAR}, was {value}")
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


TimeOfDay = Annotated[str, BeforeValidator(_time_of_day)]
Zone = Annotated[str, AfterValidator(_zone)]
Instant = Annotated[datetime.datetime, AfterValidator(_in_utc)]
Row = tuple[datetime.date, Instant, Instant]


class Sessions(SettingsModel):
    """When sessions open and close: the same times on each weekday, or a table of sessions.

    Parameters
    ----------
    open, close : str
        Times of day in ``tz``, ``"09:30"``; ``"24:00"`` is the midnight that ends a day. A session that closes at or
        before the time it opens at opens on the day before.
    tz : str
        An IANA name; of a table the zone of ``local_time`` and of the midnights after its closes. UTC by default.
    weekdays : sequence of str, or str
        ``"Mon Tue Wed Thu Fri"`` by default: the days of closes.
    early_closes : mapping of date to str
        Closes of single days.
    holidays : sequence of dates
        Days without a session.
    table : DataFrame, or sequence of (session, open, close)
        In place of all these. A frame has columns ``open`` and ``close``, in UTC where they have no zone, and its
        sessions, dates, in a column ``session`` or in the index: the ``schedule`` of an exchange_calendars calendar.

    Raises
    ------
    SettingsError
        If there is no such time, zone or weekday; if neither times nor a table is given, or both; if sessions of a
        table overlap, or are not in the order of time.

    Examples
    --------
    >>> Sessions(open="09:30", close="16:00", tz="America/New_York").weekdays
    ('Mon', 'Tue', 'Wed', 'Thu', 'Fri')
    """

    open: TimeOfDay | None = None
    """Time of day at which sessions open."""
    close: TimeOfDay | None = None
    """Time of day at which they close; at or before the open: on the day after."""
    tz: Zone = "UTC"
    """The time zone of the sessions."""
    weekdays: Annotated[tuple[Weekday, ...], BeforeValidator(_weekdays)] = (
        "Mon", "Tue", "Wed", "Thu", "Fri",
    )  # fmt: skip
    """The days of sessions, by their closes."""
    early_closes: dict[datetime.date, TimeOfDay] = Field(default_factory=dict)
    """Times of day at which single sessions close."""
    holidays: tuple[datetime.date, ...] = ()
    """Days without a session."""
    table: tuple[Row, ...] = ()
    """Sessions one by one: date, open, close."""

    if TYPE_CHECKING:
        # What may be given is more than what is kept: an editor is told both.
        def __init__(
            self,
            *,
            open: str | datetime.time | None = ...,  # noqa: A002
            close: str | datetime.time | None = ...,
            tz: str = ...,
            weekdays: Iterable[str] | str = ...,
            early_closes: Mapping[Any, str | datetime.time] = ...,
            holidays: Iterable[Any] = ...,
            table: Any = ...,
        ) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _rows_of_a_table(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or given.get("table") is None:
            return given
        table = given["table"]
        is_frame = hasattr(table, "columns")
        rows = _rows(table) if is_frame else table
        if is_frame and not rows:
            raise ValueError("the table of sessions is empty")
        if isinstance(rows, list | tuple):
            _check_values(rows)
        return {**given, "table": rows}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if bool(self.table) == (self.open is not None or self.close is not None):
            raise ValueError("sessions are given by open and close, or by a table")
        if self.table:
            _check_rows(self.table)
            if self.early_closes or self.holidays or self.weekdays != WEEKDAYS[:5]:
                raise ValueError(
                    "a table has each session: weekdays, early_closes and holidays are said beside open and close alone"
                )
        elif self.open is None or self.close is None:
            raise ValueError("sessions need open and close: both are times of day")
        elif self.open == MIDNIGHT_AFTER or seconds_of(self.open) == seconds_of(self.close):
            raise ValueError(
                f"sessions that open at {self.open} cannot close at {self.close}: days without a pause are "
                "open='00:00', close='24:00'"
            )
        elif not self.weekdays:
            raise ValueError("sessions need a weekday: weekdays is empty")
        for day, time in self.early_closes.items():
            if day in self.holidays or WEEKDAYS[day.weekday()] not in self.weekdays:
                raise ValueError(f"early_closes has {day}, a day without a session")
            if not self._is_early(time):
                raise ValueError(
                    f"early_closes has {time} for {day}, which must lie "
                    f"{'before' if self.is_overnight else f'between open, {self.open}, and'} close, {self.close}"
                )
        return self

    def _is_early(self, time: str) -> bool:
        assert self.open is not None
        assert self.close is not None
        opened = -1 if self.is_overnight else seconds_of(self.open)
        return opened < seconds_of(time) < seconds_of(self.close)

    def __hash__(self) -> int:
        early = tuple(sorted(self.early_closes.items()))
        return hash(
            (self.open, self.close, self.tz, self.weekdays, early, self.holidays, self.table)
        )

    @property
    def is_overnight(self) -> bool:
        """Whether sessions open on the day before they close."""
        if self.open is None or self.close is None:
            return False
        return seconds_of(self.close) <= seconds_of(self.open)


Calendar = str | Sessions
"""A name of exchange_calendars, or session times."""


def as_calendar(given: Any) -> Any:
    """Return what is given for a calendar as a setting is kept: a name or :class:`Sessions`.

    Raises
    ------
    ValueError
        If it is a table or a section of names and values that make no sessions.
    """
    if hasattr(given, "schedule") and hasattr(given, "tz"):
        given = {"table": given.schedule, "tz": str(given.tz)}
    elif hasattr(given, "columns"):
        given = {"table": given}
    if not isinstance(given, Mapping):
        return given
    if wrong := [name for name in given if not isinstance(name, str)]:
        raise ValueError(
            f"a calendar of names and values has the names of Sessions, had {wrong[0]!r}"
        )
    try:
        return Sessions(**given)
    except SettingsError as error:
        told = [
            f"calendar.{problem.sentence}" if problem.location else problem.sentence
            for problem in error.problems
        ]
        raise ValueError("; ".join(told)) from None


def _rows(table: Any) -> list[tuple[Any, Any, Any]]:
    """Return the rows of a table of sessions: a frame of pandas, or what becomes one."""
    frame = table.to_pandas() if hasattr(table, "to_pandas") else table
    for name in ("open", "close"):
        if name not in frame.columns:
            raise ValueError(
                f"a table of sessions needs the columns open and close, had {', '.join(map(str, frame.columns))}"
            )
    sessions = frame["session"] if "session" in frame.columns else frame.index
    try:
        # No time has a date that pydantic takes for one: it is found by its row.
        dates = [
            one if type(one) is datetime.date or one != one else one.date() for one in sessions
        ]
        rows = zip(dates, _instants(frame["open"]), _instants(frame["close"]), strict=True)
        return list(rows)
    except (AttributeError, TypeError, ValueError):
        raise ValueError(
            "a table of sessions has dates in its index or a column session, and times in open and close"
        ) from None


def _check_values(rows: Iterable[Any]) -> None:
    for number, row in enumerate(rows):
        if isinstance(row, list | tuple) and any(map(is_missing, row)):
            raise ValueError(
                f"row {number} of the table of sessions lacks its date, its open or its close"
            )


def _instants(column: Any) -> list[datetime.datetime]:
    return [one.to_pydatetime() if hasattr(one, "to_pydatetime") else one for one in column]


def _check_rows(rows: tuple[Row, ...]) -> None:
    last_day, last_close = datetime.date.min, datetime.datetime.min.replace(tzinfo=UTC)
    for day, opens, closes in rows:
        if day <= last_day:
            raise ValueError(
                f"sessions are given in the order of time, but {day} follows {last_day}"
            )
        if not opens < closes:
            raise ValueError(
                f"the session {day} opens at {opens:%Y-%m-%d %H:%M} and closes at {closes:%Y-%m-%d %H:%M}"
            )
        if opens < last_close:
            raise ValueError(f"the session {day} opens before the session {last_day} closes")
        last_day, last_close = day, closes
