"""RuleSpec: a built-in rule as the engine's C plan needs it, and the ranges of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from math import inf
from types import MappingProxyType

from ml4t.backtest.risk.decision import ExitType

__all__ = ["BOUNDS", "Bounds", "Form", "RuleSpec"]


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
        low = f"at least {self.low:g}" if self.closed else f"above {self.low:g}"
        return f"{low} and finite" if self.high == inf else f"{low} and below {self.high:g}"


_FRACTION = Bounds(0.0, 1.0)
_POSITIVE = Bounds(0.0, inf)
_BARS = Bounds(1.0, inf, closed=True)

BOUNDS: Mapping[tuple[ExitType, Form], Bounds] = MappingProxyType(
    {
        (ExitType.STOP_LOSS, Form.FRACTION): _FRACTION,
        (ExitType.STOP_LOSS, Form.PRICE): _POSITIVE,
        (ExitType.STOP_LOSS, Form.DISTANCE): _POSITIVE,
        (ExitType.STOP_LOSS, Form.GAIN): _POSITIVE,
        (ExitType.TRAILING_STOP, Form.FRACTION): _FRACTION,
        (ExitType.TRAILING_STOP, Form.DISTANCE): _POSITIVE,
        (ExitType.TAKE_PROFIT, Form.FRACTION): _POSITIVE,
        (ExitType.TAKE_PROFIT, Form.PRICE): _POSITIVE,
        (ExitType.TAKE_PROFIT, Form.DISTANCE): _POSITIVE,
        (ExitType.TIME_EXIT, Form.BARS): _BARS,
    }
)
"""Range of the parameter of each (kind, form). A column value outside it counts as NaN."""


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """One level or exit of a lowered rule.

    Parameters
    ----------
    kind : ExitType
        What it arms or decides.
    value : float or str
        The number, or the name of the column read as a frozen input.
    form : Form
    priority : int
    only_tighten : bool
        Whether a stop loss stays where it was when the formula would loosen it.
    multiple : float
        What the value, number or column, is multiplied by; the product has to be in range.
    live : bool
        Whether a column is read anew at every close, instead of once for the position.
    activation : float, optional
        A trailing stop is asked for only while the position has gained so much, a fraction of the entry price.
    tighten, floor : float
        A trailing stop's fraction is less by `tighten` for each bar held, and never below `floor`.
    costs : float
        Of a level at the entry price: how many times the commission paid for a unit lies between them.

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
    multiple: float = 1.0
    live: bool = False
    activation: float | None = None
    tighten: float = 0.0
    floor: float = 0.0
    costs: float = 0.0

    def __post_init__(self) -> None:
        if (self.kind, self.form) not in BOUNDS:
            raise ValueError(
                f"there is no {self.kind.value} by a {self.form.name.lower()} to lower to"
            )
        if not isinstance(self.value, str) and not self.bounds.hold(self.multiple * self.value):
            raise ValueError(
                f"value of a {self.kind.value} must be {self.bounds}, was {self.multiple * self.value!r}"
            )

    @property
    def bounds(self) -> Bounds:
        """Range of the value."""
        return BOUNDS[self.kind, self.form]

    @property
    def column(self) -> str | None:
        """Name of the column the value is read from; None when it is a number."""
        return self.value if isinstance(self.value, str) else None
