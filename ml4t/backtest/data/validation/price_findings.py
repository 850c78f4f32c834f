"""What validation looks for in a price table, over every row of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ml4t.backtest.data.arrays import Float64s, Int32s, Int64s, Marks
from ml4t.backtest.data.errors import DAY_NS, DataError
from ml4t.backtest.data.join._row_order import runs_backwards, sort_by_rank
from ml4t.backtest.data.join.bars import Bars
from ml4t.backtest.data.tables.price_checks import price_faults, signed_rows
from ml4t.backtest.data.validation.findings import Findings
from ml4t.backtest.market.session_times import exchange_sessions


@dataclass(frozen=True)
class ByAsset:
    """Bars asset by asset, in time order within one. ``first`` holds where each asset begins."""

    order: Int64s
    times: Int64s
    close: Float64s
    codes: Int32s
    first: Int64s

    @classmethod
    def of(cls, bars: Bars) -> ByAsset:
        codes = bars.codes.astype(np.int64)
        order = sort_by_rank(codes, np.arange(len(codes)), len(bars.assets))
        counts = np.bincount(codes, minlength=len(bars.assets))
        first = np.concatenate(([0], np.cumsum(counts)))
        return cls(order, bars.times[order], bars.prices["close"][order], bars.codes[order], first)

    def assets(self) -> list[slice]:
        """Return the rows of each asset that has any."""
        bounds = zip(self.first[:-1].tolist(), self.first[1:].tolist(), strict=True)
        return [slice(begin, end) for begin, end in bounds if end > begin]


def find_in_prices(
    findings: Findings,
    bars: Bars,
    rows: ByAsset,
    name: str,
    calendar: str | None,
    stale_bars: int,
    spike_z: float,
    to_be_dropped: Marks | None = None,
) -> None:
    """Look at every bar.

    Parameters
    ----------
    findings : Findings
        Takes what is found.
    bars : Bars
        In order, not checked.
    rows : ByAsset
        The same bars.
    name : str
        Of the table.
    calendar : str, optional
        Name of a calendar of ``exchange_calendars``: an asset should have a bar in each session between
        its first and last, and at each timestamp of the table within a session that it has several bars
        of. Without it the timestamps of the table itself are those it should have.
    stale_bars : int
        Bars without any change from which on a run is stale.
    spike_z : float
        Robust z-score of a return from which on it is a spike.
    to_be_dropped : bool array, shape (n_rows,), optional
        Rows that the run leaves out, as the one before them says the same.
    """
    names = np.array(bars.assets, object)
    signed = signed_rows(bars.codes, bars.assets, bars.negative_prices)
    for fault in price_faults(bars.prices, signed):
        at = np.flatnonzero(fault.bad)
        values = bars.prices[fault.column][at]
        findings.add(
            name,
            fault.check,
            fault.column,
            fault.what,
            bars.times[at],
            names[bars.codes[at]],
            values,
        )
    _find_duplicates(findings, rows, names, name, to_be_dropped)
    if findings.wanted("missing_bar") or findings.wanted("off_session"):
        if calendar is None:
            absent = _absent(bars.timestamps, rows.times, rows.codes)
            _find_missing(findings, absent, bars.timestamps, names, name, "of the table")
        else:
            _find_against_calendar(findings, bars, rows, names, calendar, name)
    if findings.wanted("stale"):
        _find_stale(findings, bars, rows, names, name, stale_bars)
    if findings.wanted("spike"):
        _find_spikes(findings, rows, names, name, spike_z)


def find_backwards(
    findings: Findings,
    times: Int64s,
    codes: Int32s,
    assets: tuple[Any, ...],
    name: str,
    accepted: bool,
) -> None:
    """Find rows, as they came, whose time is before that of an earlier row of the asset."""
    back = np.flatnonzero(runs_backwards(times, codes, len(assets)))
    names = np.array(assets, object)[codes[back]]
    findings.add(
        name,
        "out_of_order",
        "",
        "times run backwards within an asset",
        times[back],
        names,
        accepted=accepted,
    )


def _find_duplicates(
    findings: Findings, rows: ByAsset, names: Any, name: str, to_be_dropped: Marks | None
) -> None:
    same = _within(rows.codes, rows.times[1:] == rows.times[:-1])
    drops = np.zeros(len(same), bool) if to_be_dropped is None else to_be_dropped[rows.order[same]]
    for accepted, what in ((False, ""), (True, ", with the same values")):
        at = same[drops == accepted]
        findings.add(
            name,
            "duplicate",
            "",
            f"(timestamp, asset) is repeated{what}",
            rows.times[at],
            names[rows.codes[at]],
            accepted=accepted,
        )


def _within(codes: Int32s, step: Marks) -> Int64s:
    """Return the rows at the end of marked steps from one row to the next of the same asset."""
    return np.flatnonzero(step & (codes[1:] == codes[:-1])) + 1


def _find_missing(
    findings: Findings, absent: Absent, grid: Int64s, names: Any, name: str, which: str
) -> None:
    times = grid[absent.position]
    findings.add(name, "missing_bar", "", f"no bar at a time {which}", times, names[absent.codes])


class Absent(NamedTuple):
    """Times at which an asset has no row between its first and its last."""

    position: Int64s
    codes: Int32s


def _absent(grid: Int64s, times: Int64s, codes: Int32s) -> Absent:
    """Return the positions of a grid at which assets have no row; all ``times`` are on the grid."""
    rank = np.searchsorted(grid, times)
    after = _within(codes, np.diff(rank) > 1)
    absent = rank[after] - rank[after - 1] - 1
    # Position of each absent time in the grid: the one before it, plus 1, 2, ... of its own gap.
    count_before = np.cumsum(absent) - absent
    position = np.repeat(rank[after - 1] - count_before, absent) + np.arange(absent.sum()) + 1
    return Absent(position, np.repeat(codes[after], absent))


def _find_against_calendar(
    findings: Findings, bars: Bars, rows: ByAsset, names: Any, calendar: str, name: str
) -> None:
    sessions = _sessions(calendar, rows.times)
    local = rows.times
    if np.any(local % DAY_NS):
        index = pd.DatetimeIndex(local, tz="UTC").tz_convert(sessions.zone)
        local = index.tz_localize(None).as_unit("ns").asi8
    days = local // DAY_NS * DAY_NS
    position = np.minimum(np.searchsorted(sessions.days, days), len(sessions.days) - 1)
    on = sessions.days[position] == days
    off = np.flatnonzero(~on)
    findings.add(
        name,
        "off_session",
        "",
        f"no session of {calendar}",
        rows.times[off],
        names[rows.codes[off]],
    )
    absent = _absent(sessions.days, days[on], rows.codes[on])
    _find_missing(findings, absent, sessions.days, names, name, f"of a session of {calendar}")
    repeated = _within(rows.codes, (days[1:] == days[:-1]) & (rows.times[1:] != rows.times[:-1]))
    if len(repeated):
        _find_within_sessions(findings, bars.timestamps, rows, sessions, names, calendar, name)


def _find_within_sessions(
    findings: Findings,
    timestamps: Int64s,
    rows: ByAsset,
    sessions: Sessions,
    names: Any,
    calendar: str,
    name: str,
) -> None:
    """Find times of the table within a session at which an asset that has bars of that session has none.

    What an asset lacks of a session as a whole is a day that is missing, and found as such.
    """
    grid = timestamps[sessions.of(timestamps) >= 0]
    session = sessions.of(rows.times)
    on = session >= 0
    absent = _absent(grid, rows.times[on], rows.codes[on])
    n = len(sessions.days)
    present = np.unique(rows.codes[on].astype(np.int64) * n + session[on])
    partly = np.isin(
        absent.codes.astype(np.int64) * n + sessions.of(grid)[absent.position], present
    )
    absent = Absent(absent.position[partly], absent.codes[partly])
    _find_missing(
        findings, absent, grid, names, name, f"of the table within a session of {calendar}"
    )


class Sessions(NamedTuple):
    """Sessions of a calendar: their days as midnights, and when they open and close, nanoseconds."""

    days: Int64s
    opens: Int64s
    closes: Int64s
    zone: str

    def of(self, times: Int64s) -> Int64s:
        """Return the session of each time, opening and close included; -1 where there is none."""
        position = np.minimum(np.searchsorted(self.closes, times), len(self.closes) - 1)
        inside = (self.opens[position] <= times) & (times <= self.closes[position])
        return np.where(inside, position, -1)


def _sessions(calendar: str, times: Int64s) -> Sessions:
    """Return the sessions that the times span."""
    day = pd.Timedelta("1D")
    start, end = (pd.Timestamp(edge).normalize() for edge in (times.min(), times.max()))
    try:
        known = exchange_sessions(calendar, (start - day).date(), (end + day).date())
    except (ImportError, ValueError) as error:
        raise DataError(str(error)) from error
    return Sessions(known.days * DAY_NS, known.opens, known.closes, known.zone)


def _find_stale(
    findings: Findings, bars: Bars, rows: ByAsset, names: Any, name: str, stale_bars: int
) -> None:
    """Find runs in which nothing changes: prices, nor volume where there is any."""
    same = np.zeros(len(rows.times), bool)
    same[_within(rows.codes, rows.close[1:] == rows.close[:-1])] = True
    candidates = np.flatnonzero(same)
    for field in ("open", "high", "low", "volume"):
        column = bars.prices.get(field)
        if column is not None and column is not bars.prices["close"]:
            now, before = column[rows.order[candidates]], column[rows.order[candidates - 1]]
            same[candidates[now != before]] = False
            candidates = candidates[now == before]
    # A run begins at the row before its first repetition; its length counts that row too.
    edges = np.flatnonzero(np.diff(np.concatenate(([False], same, [False]))))
    starts, ends = edges[::2], edges[1::2]
    long = ends - starts + 1 >= stale_bars
    at = starts[long] - 1
    findings.add(
        name, "stale", "", f"{stale_bars} or more bars without any change (value: bars)", rows.times[at],
        names[rows.codes[at]], (ends - starts + 1)[long],
    )  # fmt: skip


def _find_spikes(findings: Findings, rows: ByAsset, names: Any, name: str, spike_z: float) -> None:
    """Find returns far from the asset's median return, in units of its median absolute deviation."""
    at, moved = [np.zeros(0, np.int64)], [np.zeros(0)]
    for own in rows.assets():
        returns = _returns(rows.close[own])
        spikes = _outliers(returns, spike_z)
        at.append(own.start + spikes + 1)
        moved.append(returns[spikes])
    found = np.concatenate(at)
    findings.add(
        name,
        "spike",
        "close",
        "moved far from its usual return (value: return)",
        rows.times[found],
        names[rows.codes[found]],
        np.concatenate(moved),
    )


def _returns(close: Float64s) -> Float64s:
    with np.errstate(divide="ignore", invalid="ignore"):
        return close[1:] / close[:-1] - 1.0


def _outliers(returns: Float64s, limit: float) -> Int64s:
    finite = np.isfinite(returns)
    known = returns if finite.all() else returns[finite]
    if not len(known):
        return np.zeros(0, np.int64)
    away = np.abs(returns - np.median(known))
    known_away = away if len(known) == len(away) else away[finite]
    deviation = 1.4826 * np.median(known_away)
    if deviation == 0.0:
        # Most returns are equal: the mean deviation still tells how far is far.
        deviation = 1.2533 * known_away.mean()
    return np.flatnonzero(away > limit * deviation)
