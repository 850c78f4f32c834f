"""The levels that were recorded while a trade was held."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml4t.backtest.records.shown_times import ShownTimes
from ml4t.backtest.report.picture.asset_bars import AssetBars
from ml4t.backtest.report.reported_run import ReportedRun
from ml4t.backtest.report.story.trade_records import Row, TradeRecord

EVENTS = ("armed", "moved", "disarmed")


def recorded_levels(
    run: ReportedRun,
    tables: Callable[[str], pd.DataFrame],
    times: ShownTimes,
    only: Sequence[int] | None = None,
) -> pd.DataFrame | None:
    """Return the rows of the ledger that armed a level, moved it, or left the position without one.

    Parameters
    ----------
    run : ReportedRun
    tables : callable from name to DataFrame
        The tables of the run, times in UTC.
    times : ShownTimes
    only : sequence of int, optional
        The trades that are asked for; by default all of them.

    Returns
    -------
    DataFrame or None
        ``time`` as it is shown, ``time_ns``, ``trade_id``, ``rule``, ``kind`` (stop or target), ``event`` (armed, moved or
        disarmed) and ``level``, in order of time. None but for ``ledger="all"``: a trade then knows its stop and its target at entry and at exit alone.
    """
    if run.config.ledger != "all":
        return None
    ledger = tables("ledger")
    rows = ledger[ledger["kind"].isin(EVENTS) & (ledger["order_id"] == 0)]
    rows = rows if only is None else rows[rows["trade_id"].isin(only)]
    rows = rows.rename(columns={"timestamp": "time"})
    stamps = pd.DatetimeIndex(rows["time"]).as_unit("ns").asi8
    kinds = np.where(rows["exit_type"] == "take_profit", "target", "stop")
    events = rows["kind"].astype(str).to_numpy()
    return times.frame(rows).assign(time_ns=stamps, kind=kinds, event=events)


@dataclass(frozen=True)
class LevelSteps:
    """A level of a trade over time.

    Attributes
    ----------
    name : str
    kind : str
        ``stop`` or ``target``: the colour it is drawn in.
    stamps : int64 array, shape (n,), nanoseconds UTC
        From when on each value was in force.
    values : list of float
        NaN where it is in force no more: there is none, or that of another rule.
    is_recorded : bool
        Whether every move was recorded; else what lay between the two is not known.
    """

    name: str
    kind: str
    stamps: np.ndarray
    values: list[float]
    is_recorded: bool


def level_steps(record: TradeRecord) -> list[LevelSteps]:
    """Return the levels of a trade: every move where the run recorded them, else those at entry and exit."""
    trade = record.trade
    if record.levels:
        return _recorded_steps(record.levels)
    ends = [f"{name}_time_ns" for name in ("entry", "exit")]
    found = []
    for name in () if record.is_open else ("stop", "target"):
        values = [float(trade[f"{name}_at_{end}"]) for end in ("entry", "exit")]
        if np.isnan(values).all():
            values = _of_bracket(record, name)
        known = [
            (trade[end], value) for end, value in zip(ends, values, strict=True) if value == value
        ]
        if known:
            stamps = np.array([stamp for stamp, _ in known])
            found.append(LevelSteps(name, name, stamps, [value for _, value in known], False))
    return found


def _recorded_steps(rows: Sequence[Row]) -> list[LevelSteps]:
    """Return the levels of each rule: one ends where the position has none, or that of another rule."""
    found: dict[tuple[str, str], list[tuple[int, float]]] = {}
    in_force: dict[str, str] = {}
    for row in rows:
        rule, kind = str(row["rule"]), str(row["kind"])
        before = in_force.get(kind, rule)
        if before != rule:
            found[before, kind].append((row["time_ns"], np.nan))
        value = np.nan if row["event"] == "disarmed" else row["level"]
        found.setdefault((rule, kind), []).append((row["time_ns"], value))
        in_force[kind] = rule
    return [
        LevelSteps(
            f"{rule} {kind}",
            kind,
            np.array([stamp for stamp, _ in steps]),
            [value for _, value in steps],
            is_recorded=True,
        )
        for (rule, kind), steps in found.items()
    ]


def step_places(
    level: LevelSteps, record: TradeRecord, bars: AssetBars
) -> tuple[np.ndarray, list[float]]:
    """Return the bars at which the values of a level begin, and the one at which the last ends: its exit, or the last."""
    places = bars.places_at(level.stamps)
    end = len(bars) - 1
    if not record.is_open:
        end = int(bars.places_at(np.array([record.trade["exit_time_ns"]]))[0])
    return np.append(places, max(end, places[-1])), [*level.values, level.values[-1]]


def by_level(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """Return the rows of each level, by rule and kind."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((str(row["rule"]), str(row["kind"])), []).append(row)
    return found


def _of_bracket(record: TradeRecord, name: str) -> list[float]:
    """Return the price of the stop or the target of a bracket: as it was ordered, and as it was last."""
    asked, column = BRACKET[name]
    for child in record.children:
        if child[column] == child[column]:
            return [float(record.orders[child["parent_id"]][asked]), float(child[column])]
    return [np.nan, np.nan]


BRACKET = {"stop": ("stop_loss", "stop_price"), "target": ("take_profit", "limit_price")}
