"""The conflict table: which rule wins, as data (semantics 4).

Each row is a position of one unit, decided on a flat bar at 100 and entered at the open of the first
bar given, at 100, without costs. The unit test asks the rules, the integration test runs the row
through the engine, and docs/risk.md prints it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isnan, nan
from typing import Any

from ml4t.backtest.risk.composite import AllOf, AnyOf, CompositeRule
from ml4t.backtest.risk.decision import RiskDecision
from ml4t.backtest.risk.rules import (
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    TimeBasedExit,
    TrailingStop,
)

Bar = tuple[float, float, float, float]


@dataclass(frozen=True)
class Conflict:
    """One row: what competes, on which bars, and who wins."""

    case: str
    rules: tuple[Any, ...]
    bars: tuple[Bar, ...]
    """Open, high, low, close; the first is the entry bar, the last the bar of the exit."""
    winner: str
    exit_type: str
    price: float
    """Of the exit fill."""
    level: float = nan
    """Of the exit; NaN when it was decided at a close."""
    why: str = ""
    side: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    """Of the exit, when it is not the name of its type."""

    @property
    def decided_at_close(self) -> bool:
        """Whether the winner is a market exit, decided at the close before the last bar."""
        return isnan(self.level)


def cut_risk(context: Any) -> RiskDecision:
    """Leave at the second close of a position."""
    if context.bars_held < 2:
        return RiskDecision.no_action()
    return RiskDecision.exit_now("risk_exit", reason="risk budget used")


def urgent_cut(context: Any) -> RiskDecision:
    """Leave at the second close, whatever else is decided there."""
    if context.bars_held < 2:
        return RiskDecision.no_action()
    return RiskDecision.exit_now("other", priority=1, reason="urgent")


def close_below(context: Any) -> RiskDecision:
    """Leave at the second close: a stop loss judged by closes."""
    if context.bars_held < 2:
        return RiskDecision.no_action()
    return RiskDecision.exit_now("stop_loss", reason="closed below")


def firm_stop(context: Any) -> RiskDecision:
    """Set a stop at 92 that goes before tighter ones."""
    return RiskDecision.update_stops(stop_loss=92.0, priority=5, reason="firm")


QUIET: Bar = (100.0, 101.0, 99.0, 100.0)
STOP, WIDE_STOP = PriceBasedStopLoss(pct=0.05), PriceBasedStopLoss(pct=0.1)
TARGET, FAR_TARGET = PriceBasedTakeProfit(pct=0.1), PriceBasedTakeProfit(pct=0.2)
TRAIL, WIDE_TRAIL = TrailingStop(0.05), TrailingStop(0.1)
TIMED = TimeBasedExit(2)

CONFLICTS = (
    Conflict(
        "two stops",
        (WIDE_STOP, STOP),
        (QUIET, (99.0, 100.0, 89.0, 91.0)),
        "PriceBasedStopLoss#2",
        "stop_loss",
        95.0,
        95.0,
        "the tightest stop",
    ),
    Conflict(
        "two stops, the wide one with priority 1",
        (PriceBasedStopLoss(pct=0.1, priority=1), STOP),
        (QUIET, (99.0, 100.0, 89.0, 91.0)),
        "PriceBasedStopLoss",
        "stop_loss",
        90.0,
        90.0,
        "priority goes before tightness",
    ),
    Conflict(
        "a stop at 95 and a function's stop at 92 with priority 5",
        (STOP, firm_stop),
        (QUIET, (99.0, 100.0, 91.0, 93.0)),
        "firm_stop",
        "stop_loss",
        92.0,
        92.0,
        "a decision's priority goes before its rule's",
        reason="firm",
    ),
    Conflict(
        "two targets",
        (FAR_TARGET, TARGET),
        (QUIET, (105.0, 125.0, 104.0, 124.0)),
        "PriceBasedTakeProfit#2",
        "take_profit",
        100.0 * (1.0 + 0.1),
        100.0 * (1.0 + 0.1),
        "the nearest target",
    ),
    Conflict(
        "two targets, the far one with priority 1",
        (PriceBasedTakeProfit(pct=0.2, priority=1), TARGET),
        (QUIET, (105.0, 125.0, 104.0, 124.0)),
        "PriceBasedTakeProfit",
        "take_profit",
        120.0,
        120.0,
        "priority goes before nearness",
    ),
    Conflict(
        "a 5% stop and a 10% trail that has not risen above it",
        (WIDE_TRAIL, STOP),
        (QUIET, (99.0, 100.0, 89.0, 91.0)),
        "PriceBasedStopLoss",
        "stop_loss",
        95.0,
        95.0,
        "the tightest stop, of whatever kind",
    ),
    Conflict(
        "a 5% stop and a 10% trail after a high of 112",
        (WIDE_TRAIL, STOP),
        ((100.0, 112.0, 99.0, 111.0), (110.0, 111.0, 100.0, 101.0)),
        "TrailingStop",
        "trailing_stop",
        112.0 * (1.0 - 0.1),
        112.0 * (1.0 - 0.1),
        "the tightest stop, of whatever kind",
    ),
    Conflict(
        "a stop and a trail at one price",
        (TRAIL, STOP),
        ((100.0, 101.0, 94.0, 96.0),),
        "PriceBasedStopLoss",
        "stop_loss",
        95.0,
        95.0,
        "a tie goes by type: stop loss before trailing stop",
    ),
    Conflict(
        "two stops at one price",
        (PriceBasedStopLoss(price=95.0, name="added first"), STOP),
        (QUIET, (99.0, 100.0, 94.0, 96.0)),
        "added first",
        "stop_loss",
        95.0,
        95.0,
        "what still ties goes to the rule added first",
    ),
    Conflict(
        "stop and target in one bar",
        (STOP, TARGET),
        (QUIET, (100.0, 112.0, 94.0, 105.0)),
        "PriceBasedStopLoss",
        "stop_loss",
        95.0,
        95.0,
        "the path is unknown: the adverse side first",
    ),
    Conflict(
        "stop and target in one bar, the target with priority 9",
        (STOP, PriceBasedTakeProfit(pct=0.1, priority=9)),
        (QUIET, (100.0, 112.0, 94.0, 105.0)),
        "PriceBasedStopLoss",
        "stop_loss",
        95.0,
        95.0,
        "priority decides among stops and among targets, the path between them",
    ),
    Conflict(
        'stop and target in one bar, intrabar="favourable_first"',
        (STOP, TARGET),
        (QUIET, (100.0, 112.0, 94.0, 105.0)),
        "PriceBasedTakeProfit",
        "take_profit",
        100.0 * (1.0 + 0.1),
        100.0 * (1.0 + 0.1),
        "the favourable side first, as asked",
        settings={"intrabar": "favourable_first"},
    ),
    Conflict(
        "open beyond the target, stop in the bar",
        (STOP, TARGET),
        (QUIET, (115.0, 118.0, 94.0, 96.0)),
        "PriceBasedTakeProfit",
        "take_profit",
        115.0,
        100.0 * (1.0 + 0.1),
        "the open comes first, and fills at the open",
    ),
    Conflict(
        "open below the stop, target in the bar",
        (STOP, TARGET),
        (QUIET, (90.0, 112.0, 88.0, 91.0)),
        "PriceBasedStopLoss",
        "stop_loss",
        90.0,
        95.0,
        "the open comes first, and fills at the open",
    ),
    Conflict(
        "a time exit is due, a stop with priority 9 lies in the next bar",
        (PriceBasedStopLoss(pct=0.05, priority=9), TIMED),
        (QUIET, QUIET, (98.0, 99.0, 94.0, 95.0)),
        "TimeBasedExit",
        "time_exit",
        98.0,
        why="a market exit fills at the open, before any level inside the bar",
    ),
    Conflict(
        "a time exit is due, the next open gaps through the stop",
        (STOP, TIMED),
        (QUIET, QUIET, (90.0, 91.0, 88.0, 89.0)),
        "TimeBasedExit",
        "time_exit",
        90.0,
        why="at the open the market exit fills first and disarms the levels",
    ),
    Conflict(
        "the stop is hit in the bar at whose close a time exit would be decided",
        (TIMED, STOP),
        (QUIET, (99.0, 100.0, 94.0, 96.0)),
        "PriceBasedStopLoss",
        "stop_loss",
        95.0,
        95.0,
        "levels are tried before the close",
    ),
    Conflict(
        "a time exit and a risk exit at one close",
        (cut_risk, TIMED),
        (QUIET, QUIET, (98.0, 99.0, 97.0, 98.0)),
        "TimeBasedExit",
        "time_exit",
        98.0,
        why="the fixed order of exit types: time exit before risk exit",
    ),
    Conflict(
        "a stop loss decided at the close and a time exit",
        (TIMED, close_below),
        (QUIET, QUIET, (98.0, 99.0, 97.0, 98.0)),
        "close_below",
        "stop_loss",
        98.0,
        why="the fixed order of exit types: stop loss first",
        reason="closed below",
    ),
    Conflict(
        "a time exit and an urgent exit with priority 1 at one close",
        (TIMED, urgent_cut),
        (QUIET, QUIET, (98.0, 99.0, 97.0, 98.0)),
        "urgent_cut",
        "other",
        98.0,
        why="priority goes before the order of types",
        reason="urgent",
    ),
    Conflict(
        "two time exits at one close",
        (TimeBasedExit(2, name="added first"), TIMED),
        (QUIET, QUIET, (98.0, 99.0, 97.0, 98.0)),
        "added first",
        "time_exit",
        98.0,
        why="what still ties goes to the rule added first",
    ),
    Conflict(
        "short: two stops",
        (WIDE_STOP, STOP),
        (QUIET, (101.0, 112.0, 100.0, 109.0)),
        "PriceBasedStopLoss#2",
        "stop_loss",
        105.0,
        105.0,
        "the tightest stop of a short is the lowest",
        side=-1,
    ),
    Conflict(
        "short: two targets",
        (FAR_TARGET, TARGET),
        (QUIET, (96.0, 97.0, 79.0, 80.0)),
        "PriceBasedTakeProfit#2",
        "take_profit",
        90.0,
        90.0,
        "the nearest target of a short is the highest",
        side=-1,
    ),
    Conflict(
        "short: stop and target in one bar",
        (STOP, TARGET),
        (QUIET, (100.0, 106.0, 88.0, 95.0)),
        "PriceBasedStopLoss",
        "stop_loss",
        105.0,
        105.0,
        "the adverse side of a short is the high",
        side=-1,
    ),
    Conflict(
        "a stop, and a composite with a tighter one",
        (WIDE_STOP, CompositeRule([TRAIL, TARGET])),
        ((100.0, 101.0, 94.0, 96.0),),
        "TrailingStop",
        "trailing_stop",
        95.0,
        95.0,
        "members of a composite compete as if each had been added",
    ),
    Conflict(
        "a stop at 95, and AnyOf of wider ones with priority 2",
        (STOP, AnyOf([WIDE_STOP, PriceBasedStopLoss(price=85.0, priority=9)], priority=2)),
        (QUIET, (99.0, 100.0, 84.0, 86.0)),
        "AnyOf",
        "stop_loss",
        85.0,
        85.0,
        "members settle it among themselves, the winner competes with the priority of the whole",
    ),
    Conflict(
        "AllOf: a time exit due at the first close, a risk exit at the second",
        (AllOf([TimeBasedExit(1), cut_risk]),),
        (QUIET, QUIET, (98.0, 99.0, 97.0, 98.0)),
        "AllOf",
        "time_exit",
        98.0,
        why="only when all say so; the type is that of the member that wins",
    ),
)


def markdown() -> str:
    """Return the table as docs/risk.md prints it."""
    rows = ["| conflict | winner | exit | why |", "| --- | --- | --- | --- |"]
    for row in CONFLICTS:
        rows.append(
            f"| {row.case} | {row.winner} | {row.exit_type} at {row.price:.6g} | {row.why} |"
        )
    return "\n".join(rows)
