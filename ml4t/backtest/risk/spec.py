"""RuleSpec: a built-in rule as the engine's C plan needs it, and the ranges of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from math import inf
from types import MappingProxyType
from typing import Any

from ml4t.backtest.core.copies import of_its_fields
from ml4t.backtest.risk.decision import ExitType
from ml4t.backtest.risk.packed_spec import PackedSpec

__all__ = [
    "BOUNDS",
    "FINITE",
    "FRACTION",
    "POSITIVE",
    "Bounds",
    "Form",
    "Merged",
    "Regime",
    "RuleSpec",
]


class Form(IntEnum):
    """What a parameter is; the numbers are those of ``rule_plan.pxd``."""

    FRACTION = 0
    """Of the entry price or the water mark."""
    PRICE = 1
    """The level itself, currency per unit."""
    DISTANCE = 2
    """From the entry price or the water mark, currency per unit."""
    BARS = 3
    GAIN = 4
    """A fraction of the entry price that the position has to have gained; the level is the entry price."""
    SIGNAL = 5
    """The value of a column at a close, taken times the multiple."""
    CURRENCY = 6
    """What all units held may lose from the entry price."""
    RISK = 7
    """Times the distance from the entry price to the first stop that was armed."""
    MINUTES_LEFT = 8
    """Minutes between the last fill and the close of the session."""
    BARS_LEFT = 9
    """Bars between the last fill and the close of the session."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The range of a parameter: above `low` (or at it, when `closed`) and below `high`."""

    low: float
    high: float
    closed: bool = False

    def hold(self, value: float) -> bool:
        """Return whether `value` lies within; never for NaN or an infinity."""
        return (value > self.low or (self.closed and value == self.low)) and value < self.high

    def __str__(self) -> str:
        if self.low == -inf and self.high == inf:
            return "that is finite"
        low = f"at least {self.low:g}" if self.closed else f"above {self.low:g}"
        return f"{low} and finite" if self.high == inf else f"{low} and below {self.high:g}"


FRACTION = Bounds(0.0, 1.0)
POSITIVE = Bounds(0.0, inf)
FINITE = Bounds(-inf, inf)
_BARS = Bounds(1.0, inf, closed=True)
_LEFT = Bounds(0.0, inf, closed=True)

BOUNDS: Mapping[tuple[ExitType, Form], Bounds] = MappingProxyType(
    {
        (ExitType.STOP_LOSS, Form.FRACTION): FRACTION,
        (ExitType.STOP_LOSS, Form.PRICE): POSITIVE,
        (ExitType.STOP_LOSS, Form.DISTANCE): POSITIVE,
        (ExitType.STOP_LOSS, Form.GAIN): POSITIVE,
        (ExitType.STOP_LOSS, Form.CURRENCY): POSITIVE,
        (ExitType.TRAILING_STOP, Form.FRACTION): FRACTION,
        (ExitType.TRAILING_STOP, Form.DISTANCE): POSITIVE,
        (ExitType.TAKE_PROFIT, Form.FRACTION): POSITIVE,
        (ExitType.TAKE_PROFIT, Form.PRICE): POSITIVE,
        (ExitType.TAKE_PROFIT, Form.DISTANCE): POSITIVE,
        (ExitType.TAKE_PROFIT, Form.RISK): POSITIVE,
        (ExitType.TIME_EXIT, Form.BARS): _BARS,
        (ExitType.TIME_EXIT, Form.MINUTES_LEFT): _LEFT,
        (ExitType.TIME_EXIT, Form.BARS_LEFT): _LEFT,
        (ExitType.OTHER, Form.SIGNAL): FINITE,
    }
)
"""Range of the parameter of each (kind, form). A column value outside it counts as NaN."""


@dataclass(frozen=True, slots=True)
class Regime:
    """When a level or an exit is said: while a column says so.

    Parameters
    ----------
    column : str
        Read at every close.
    index : int
        Which of the regimes this one is.
    values : tuple of float
        The value of each regime, or the edges between neighbouring ones.
    are_edges : bool
    hysteresis : float
        How far beyond an edge the column has to come.
    keeps : bool
        Whether what was said stays, with the end of the regime, and follows nothing.
    """

    column: str
    index: int
    values: tuple[float, ...]
    are_edges: bool = False
    hysteresis: float = 0.0
    keeps: bool = False

    @property
    def n(self) -> int:
        """How many regimes there are."""
        return len(self.values) + self.are_edges


class Trait(IntFlag):
    """What a level or an exit asks of the engine that evaluates it."""

    AT_RISK = 1
    """It lies at a multiple of the initial risk."""
    IN_REGIMES = 2
    """A regime says whether it is in force."""
    OF_A_PART = 4
    """It closes a part of its position."""
    OF_PRICES_ABOVE_ZERO = 8
    """A fraction of a price, or a distance from one, which no price below zero has."""


def _traits_of(spec: RuleSpec) -> int:
    traits = Trait(0)
    if spec.form is Form.RISK:
        traits |= Trait.AT_RISK
    if spec.regime is not None:
        traits |= Trait.IN_REGIMES
    if spec.part > 0.0:
        traits |= Trait.OF_A_PART
    if spec.form in (Form.FRACTION, Form.DISTANCE, Form.GAIN, Form.CURRENCY, Form.RISK):
        traits |= Trait.OF_PRICES_ABOVE_ZERO
    return int(traits)


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """One level or exit of a lowered rule.

    Parameters
    ----------
    kind : ExitType
        What it arms or decides.
    value : float or str
        The number, or the name of a column; so are `multiple`, `activation`, `tighten`, `floor` and `beyond`.
    form : Form
    priority : int
    only_tighten : bool
        Whether a stop loss stays where it was when the formula would loosen it.
    multiple : float or str
        What the value, number or column, is multiplied by; the product has to be in range.
    live : bool
        Whether columns are read anew at every close, instead of once for the position.
    activation : float or str, optional
        A trailing stop is asked for only while the position has gained so much, a fraction of the entry price.
    tighten, floor : float or str
        A trailing stop's fraction is less by `tighten` for each bar held, and never below `floor`.
    costs : float
        Of a level at the entry price: how many times the commission paid for a unit lies between them.
    beyond : float or str
        Of an exit by a signal: it is decided where the value, times the multiple, is above this; a column is taken times the
        multiple too.
    side : int
        Of an exit by a signal: 1 for long positions alone, -1 for short ones, 0 for both.
    part : float
        Of the largest quantity of the position, what a target closes; 0, or 1, is all that is held.
    regime : Regime, optional
        In which it is said; always by default.

    Attributes
    ----------
    traits : int
        What it asks of the engine, of :class:`Trait`.
    packed : PackedSpec
        What the engine copies of it before each run.

    Raises
    ------
    ValueError
        If there is no such level, or the number is out of its range.
    """

    kind: ExitType
    value: float | str
    form: Form
    priority: int = 0
    only_tighten: bool = False
    multiple: float | str = 1.0
    live: bool = False
    activation: float | str | None = None
    tighten: float | str = 0.0
    floor: float | str = 0.0
    costs: float = 0.0
    beyond: float | str = 0.0
    side: int = 0
    part: float = 0.0
    regime: Regime | None = None
    traits: int = field(init=False, repr=False, compare=False)
    """What it asks of the engine, of :class:`Trait`; found once, for it is looked at before each run."""
    packed: PackedSpec = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "traits", _traits_of(self))
        if (self.kind, self.form) not in BOUNDS:
            raise ValueError(
                f"there is no {self.kind.value} by a {self.form.name.lower()} to lower to"
            )
        if not isinstance(self.value, str) and not isinstance(self.multiple, str):
            number = self.multiple * self.value
            if not self.bounds.hold(number):
                raise ValueError(
                    f"value of a {self.kind.value} must be {self.bounds}, was {number!r}"
                )
        object.__setattr__(self, "packed", PackedSpec(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return of_its_fields(self)

    @property
    def bounds(self) -> Bounds:
        """Range of the value."""
        return BOUNDS[self.kind, self.form]

    @property
    def column(self) -> str | None:
        """Name of the column the value is read from; None when it is a number."""
        return self.value if isinstance(self.value, str) else None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns it reads, each once."""
        numbers = (
            self.value, self.multiple, self.activation, self.tighten, self.floor, self.beyond,
        )  # fmt: skip
        return tuple(dict.fromkeys(one for one in numbers if isinstance(one, str)))


@dataclass(frozen=True, slots=True)
class Merged:
    """Lowered rules that are asked together, and answer as one.

    Parameters
    ----------
    members : tuple of tuple of RuleSpec
        The levels and exits of each; of one, the highest priority wins, then the most conservative.
    needs_all : bool
        Whether only what all of them want is wanted: the loosest stop, the farthest target.
    """

    members: tuple[tuple[RuleSpec, ...], ...]
    needs_all: bool = False

    @property
    def specs(self) -> tuple[RuleSpec, ...]:
        """Those of all members."""
        return tuple(spec for member in self.members for spec in member)
