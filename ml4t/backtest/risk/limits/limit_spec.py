"""LimitSpec: a limit of the portfolio as the engine's C needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from math import nan
from typing import Any

from ml4t.backtest.core.copies import of_its_fields
from ml4t.backtest.risk.packed_limit import PackedLimit
from ml4t.backtest.risk.rule import InvalidRuleError

__all__ = [
    "HALTS",
    "NEXT_SESSION",
    "ON_BREACH",
    "AssetGroups",
    "LimitKind",
    "LimitSpec",
    "RiskWindow",
]

ON_BREACH = ("warn", "reject", "scale", "halt", "flatten")
"""What a breach does; the order is that of ``packed_limit.pxd``."""
HALTS = ("halt", "flatten")
"""Of these, what halts: ``resume`` says when that ends."""

NEXT_SESSION, NEVER = 0, -1


class LimitKind(IntEnum):
    """What a limit measures; the numbers are those of ``packed_limit.pxd``."""

    DAILY_LOSS = 0
    DRAWDOWN = 1
    GROSS = 2
    VOLATILITY = 3
    VAR = 4
    CVAR = 5
    NET = 6
    WEIGHT = 7
    GROUP = 8
    TURNOVER = 9
    POSITIONS = 10
    RESTRICTED = 11
    ONE_SIDE = 12
    PYTHON = 13


@dataclass(frozen=True, slots=True)
class AssetGroups:
    """The group of each asset of a run, and the bound of that group, in asset order."""

    codes: list[int]
    values: list[float]


@dataclass(frozen=True, slots=True)
class RiskWindow:
    """What the risk of a unit of exposure is measured by.

    Parameters
    ----------
    window : int
        The last values, of timestamps with exposure.
    min_periods : int
        With fewer values nothing is known.
    confidence : float
        Of a value at risk; NaN for a volatility.
    periods_per_year : float
        Of a volatility; NaN for a value at risk.
    """

    window: int
    min_periods: int
    confidence: float = nan
    periods_per_year: float = nan


@dataclass(frozen=True, slots=True)
class LimitSpec:
    """One limit.

    Parameters
    ----------
    kind : LimitKind
    reason : str
        Stands on what it rejects, scales, cancels and flattens.
    value : float
        A part of equity (`is_pct`), currency, or a number of positions.
    is_pct : bool
    on_breach : str
        One of :data:`ON_BREACH`.
    resume : str or int
        "next_session", "never", or a number of timestamps.
    groups : mapping, optional
        Asset to the label of its group.
    by_group : mapping, optional
        Label to the bound of that group, in place of `value`.
    restricted : frozenset of str, optional
        The assets that it is for.
    bars : int
        Timestamps in which turnover is counted.
    risk : RiskWindow, optional
        Of a limit on risk.
    rank : str, optional
        The column that says whose order makes room.
    evaluate : callable, optional
        Of a limit in Python: what it is asked by.
    """

    kind: LimitKind
    reason: str
    value: float = 0.0
    is_pct: bool = False
    on_breach: str = "reject"
    resume: str | int = "never"
    groups: Mapping[str, Any] | None = None
    by_group: Mapping[Any, float] = field(default_factory=dict)
    restricted: frozenset[str] | None = None
    bars: int = 1
    risk: RiskWindow | None = None
    rank: str | None = None
    evaluate: Callable[[Any], Any] | None = None
    on_breach_code: int = field(init=False)
    """Its place in :data:`ON_BREACH`."""
    resume_code: int = field(init=False)
    """0 for the next session, -1 for never, else the number of timestamps."""
    packed: PackedLimit = field(init=False, repr=False, compare=False)
    """What the engine copies of it before each run."""

    def __post_init__(self) -> None:
        words = {"next_session": NEXT_SESSION, "never": NEVER}
        resume = words[self.resume] if isinstance(self.resume, str) else self.resume
        object.__setattr__(self, "on_breach_code", ON_BREACH.index(self.on_breach))
        object.__setattr__(self, "resume_code", resume)
        object.__setattr__(self, "packed", PackedLimit(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return of_its_fields(self)

    def groups_of(self, assets: Sequence[str]) -> AssetGroups | None:
        """Return the groups of the assets of a run; None for a limit without groups.

        Raises
        ------
        InvalidRuleError
            If the table of groups misses one, or a group has no bound.
        """
        if self.groups is None:
            return None
        missing = [asset for asset in assets if asset not in self.groups]
        if missing:
            raise InvalidRuleError(
                f"MaxGroupExposure: groups must name the group of every asset, but {_some(missing)} "
                f"{'has' if len(missing) == 1 else 'have'} none; add {'it' if len(missing) == 1 else 'them'}"
            )
        labels = [self.groups[asset] for asset in assets]
        order = {label: code for code, label in enumerate(dict.fromkeys(labels))}
        if self.by_group and (unbound := [label for label in order if label not in self.by_group]):
            raise InvalidRuleError(
                f"MaxGroupExposure: {_some(unbound)} {'has' if len(unbound) == 1 else 'have'} no bound; "
                "give one for every group, or one number for all"
            )
        values = [self.by_group.get(label, self.value) for label in labels]
        return AssetGroups([order[label] for label in labels], values)


def _some(names: Iterable[Any], most: int = 3) -> str:
    shown = [repr(name) for name in names]
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more
