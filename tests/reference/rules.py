"""Rules: what they are made of, and the range of their parameter (semantics 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite, isnan
from typing import NamedTuple

from reference.market import NAN

# Section 4, the fixed order that decides within one priority.
EXIT_ORDER = ("stop_loss", "trailing_stop", "take_profit", "time_exit", "risk_exit", "other")


@dataclass(frozen=True)
class Decision:
    """What a scripted rule answers: an exit at the close, or levels for the next bar."""

    exit: bool = False
    exit_type: str = "risk_exit"
    stop: float = NAN
    target: float = NAN
    priority: int = 0
    reason: str = ""
    cancel: int = -1  # it also cancels this one of the orders that wait, by submission; -1: none


class Input(NamedTuple):
    """A column that rules read: once for a position, or anew at every close."""

    column: str
    live: bool


@dataclass(frozen=True)
class Rule:
    """kind: regime, scaled, time_exit, session_exit, signal, stop_loss, take_profit, trailing_stop or scripted.

    The parameter is a number, or the name of a column that is read as a frozen input.
    A scripted rule looks its answer up by (timestamp index, asset index): in `opening` when it is
    asked at a fill at the open (levels only), in `closing` when it is asked at a close.
    """

    kind: str
    parameter: float | str = NAN
    # of E or H; or "price", "distance" from E or H, "bars", "signal", "gain" of a stop that lies at E,
    # "risk", times the initial one, "currency" that all units held may lose, "minutes_left" and "bars_left" of a session
    form: str = "fraction"
    priority: int = 0
    assets: frozenset[int] | None = None
    closing: Mapping[tuple[int, int], Decision] = field(default_factory=dict)
    opening: Mapping[tuple[int, int], Decision] = field(default_factory=dict)
    only_tighten: bool = False  # of a stop loss
    # A number too, or a column: what stands beside the parameter.
    multiple: float | str = 1.0  # what the parameter is multiplied by
    activation: float | str = NAN  # of a trailing stop: the gain from which on it is given
    tighten: float | str = 0.0  # of a trailing stop: what each bar held takes off its fraction
    floor: float | str = 0.0  # and where that stays
    above: float | str = NAN  # of a signal: the value that its column is to be above
    below: float | str = NAN  # or below
    live: bool = False  # columns are read anew at every close
    schedule: tuple[tuple[float, float], ...] = ()  # or (gain, fraction): from that gain on
    costs: float = 0.0  # of a stop at E: how many times the commission of a unit lies between them
    side: int = 0  # the sign of the positions that it ends; 0: any
    members: tuple[Rule, ...] = ()  # of a regime rule, whose parameter is the column
    values: tuple[float, ...] = ()  # the label of each, or the edges between their bands
    are_edges: bool = False
    hysteresis: float = 0.0
    part: float = 0.0  # of the largest quantity, what a target closes; 0: all that is held

    def __post_init__(self) -> None:
        if self.kind in ("scripted", "scaled") or isinstance(self.parameter, str):
            return
        if isinstance(self.multiple, str):
            return
        if not self.in_range(self.multiple * self.parameter):
            raise ValueError(f"{self.kind} parameter out of range: {self.parameter}")

    @property
    def column(self) -> str:
        """The column the parameter is read from; empty when it is a number."""
        return self.parameter if isinstance(self.parameter, str) else ""

    @property
    def tightens(self) -> bool:
        """A trailing stop: with each bar held."""
        return isinstance(self.tighten, str) or self.tighten > 0.0

    @property
    def waits(self) -> bool:
        """A trailing stop: for a gain."""
        return isinstance(self.activation, str) or not isnan(self.activation)

    @property
    def columns(self) -> list[str]:
        """All columns it reads, its parameter's first."""
        beside = (self.multiple, self.activation, self.tighten, self.floor, self.above, self.below)
        named = (one for one in (self.parameter, *beside) if isinstance(one, str))
        return list(dict.fromkeys(named))

    @property
    def input(self) -> Input:
        """What a position keeps of the parameter's column."""
        return Input(self.column, self.live)

    @property
    def inputs(self) -> list[Input]:
        """What it keeps of all columns, with what its members read."""
        own = [Input(column, self.live) for column in self.columns]
        return own + [one for member in self.members for one in member.inputs]

    def applies_to(self, asset: int) -> bool:
        return self.assets is None or asset in self.assets

    def equals(self, other: Rule) -> bool:
        """It says the same, for whichever assets; a scripted rule equals itself alone."""
        if self.kind == "scripted" or other.kind == "scripted":
            return self is other
        return replace(self, assets=None) == replace(other, assets=None)

    def in_range(self, value: float) -> bool:
        """Section 4: a value out of range is refused as a number and counts as NaN in a column."""
        if not isfinite(value):
            return False
        if self.kind == "time_exit":
            return value >= 1.0
        if self.kind in ("signal", "regime"):
            return True
        if self.kind == "session_exit":
            return value >= 0.0
        if self.form != "fraction" or self.kind == "take_profit":
            return value > 0.0
        return 0.0 < value < 1.0


def time_exit(max_bars: float | str, priority: int = 0, assets=None) -> Rule:
    return Rule("time_exit", max_bars, "bars", priority, _set(assets))


def scaled_exit(pairs, priority: int = 0, assets=None) -> Rule:
    """Its members are targets; where the fractions sum to 1 the last one closes all that is held."""
    total, members = 0.0, []
    for gain, part in pairs:
        total = total + part
        members.append(Rule("take_profit", gain, priority=priority, part=part))
    if abs(total - 1.0) <= 1e-9:
        members[-1] = replace(members[-1], part=0.0)
    return Rule("scaled", priority=priority, assets=_set(assets), members=tuple(members))


def stop_loss(pct=None, price=None, priority: int = 0, assets=None, only_tighten=False) -> Rule:
    rule = _level("stop_loss", pct, price, priority, assets)
    return replace(rule, only_tighten=only_tighten)


def take_profit(pct=None, price=None, priority: int = 0, assets=None) -> Rule:
    return _level("take_profit", pct, price, priority, assets)


def trailing_stop(pct, priority: int = 0, assets=None) -> Rule:
    return Rule("trailing_stop", pct, "fraction", priority, _set(assets))


def scripted(closing=None, opening=None, assets=None) -> Rule:
    return Rule("scripted", assets=_set(assets), closing=closing or {}, opening=opening or {})


def _level(kind: str, pct, price, priority: int, assets) -> Rule:
    if (pct is None) == (price is None):
        raise ValueError(f"{kind} needs either pct or price")
    if price is None:
        return Rule(kind, pct, "fraction", priority, _set(assets))
    return Rule(kind, price, "price", priority, _set(assets))


def _set(assets) -> frozenset[int] | None:
    return None if assets is None else frozenset(assets)
