"""Options that no table has a use for: they were meant for something else than what was given."""

from collections.abc import Iterable, Sequence

from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.tables.clock import Clock
from ml4t.backtest.data.tables.midnights import is_utc
from ml4t.backtest.data.tables.stamps import Stamps
from ml4t.backtest.data.tables.table_requests import TableRequest

Placed = tuple[Clock, Stamps]
"""Times, and the clock that says where they stand."""


def refuse_unused(
    clock: Clock,
    time_unit: str | None,
    prices: Sequence[Placed],
    actions: Stamps | None,
    tables: Sequence[tuple[TableRequest, Sequence[Stamps]]],
) -> None:
    """Refuse options about times that no table of a run has.

    Parameters
    ----------
    clock : Clock
        What was said of the run: a ``bar_time``, a ``timezone``, both or neither.
    time_unit : str, optional
        The run's.
    prices : sequence of Clock and Stamps
        The times that decide when bars are complete first; empty without prices.
    actions : Stamps, optional
    tables : sequence of TableRequest and its times
        The other tables, which may have options of their own.

    Raises
    ------
    DataError
        If a ``bar_time`` meets no dates, ``timezone`` neither times without a zone nor sessions that it
        sets the zone of, or ``time_unit`` no numbers.
    """
    for request, times in tables:
        _refuse_of_table(request, request.clock(clock), times, time_unit)
    of_run = [*prices, *([] if actions is None else [(clock, actions)])]
    placed = [(request, request.clock(clock), own) for request, times in tables for own in times]
    without_own = [(own, s) for request, own, s in placed if request.options.bar_time is None]
    if clock.knows_dates and not _any_dates([*of_run, *without_own]):
        raise DataError(
            "bar_time= is the time of day of dates, but no table has dates; leave it out"
        )
    every = [*of_run, *((own, stamps) for _, own, stamps in placed)]
    zoned = all(own.kind(stamps) == "aware" for own, stamps in every)
    if clock.naive_zone is not None and zoned and not any(map(_has_its_days, prices[:1])):
        raise DataError(
            "timezone= is the zone of times that name none, but all times have one; leave it out"
        )
    if time_unit is not None and not any(stamps.counted for _, stamps in every):
        raise DataError(
            "time_unit= says what times that are numbers count, and no table has such times; leave it out"
        )


def _refuse_of_table(
    request: TableRequest, own: Clock, times: Sequence[Stamps], time_unit: str | None
) -> None:
    options = request.options
    if options.bar_time is not None and not _any_dates((own, stamps) for stamps in times):
        raise DataError(
            f"{request.name}: bar_time= is the time of day of dates, but the table has times of day; leave it out"
        )
    # A table without a unit of its own has the run's.
    has_own = options.time_unit != time_unit
    if has_own and not any(stamps.counted for stamps in times):
        raise DataError(
            f"{request.name}: time_unit= says what times that are numbers count, and the table has no such times; "
            "leave it out"
        )


def _any_dates(placed: Iterable[Placed]) -> bool:
    """Tell whether some times are dates whose bar_time says something: of starts, it is the zone alone."""
    return any(
        own.kind(stamps) == "date" and (own.bar_length is None or own.has_zone)
        for own, stamps in placed
    )


def _has_its_days(prices: Placed) -> bool:
    """Tell whether sessions are days of ``timezone``: prices are in UTC, which is no market's zone."""
    clock, stamps = prices
    said = None if clock.naive_zone is None else clock.naive_zone.key
    return is_utc(stamps.zone) and clock.zone(stamps) == said
