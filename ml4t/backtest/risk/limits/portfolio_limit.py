"""PortfolioLimit: the base of limits that hold the whole portfolio."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from ml4t.backtest.risk.decision import RiskDecision
from ml4t.backtest.risk.limits.limit_spec import HALTS, LimitKind, LimitSpec
from ml4t.backtest.risk.lowered_rule import LoweredRule
from ml4t.backtest.risk.parameters import number_or_nan
from ml4t.backtest.risk.rule import InvalidRuleError, RiskRule, checked_priority

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext

__all__ = ["PortfolioLimit", "SizeLimit"]

_LAST = ("on_breach", "resume", "priority", "name")


@dataclass(frozen=True, kw_only=True, repr=False)
class PortfolioLimit(RiskRule):
    """A limit on what the portfolio may lose or carry; stands among the rules of a :class:`RiskManager`.

    Positions are none of its business one by one: it looks at every order of the strategy, and at the account
    at every mark. ``docs/semantics.md`` section 7 says how.

    Parameters
    ----------
    on_breach : str
        What a breach does: ``"warn"``, ``"reject"``, ``"scale"``, ``"halt"`` or ``"flatten"``.
    resume : "next_session", "never" or int, optional
        When a halt ends; an int is a number of timestamps. "never" unless the limit says otherwise; to be given with
        ``"halt"`` and ``"flatten"`` alone, and None where it is the limit's own.
    priority : int
        The highest is asked first about an order.
    name : str
    """

    kind: ClassVar[LimitKind]
    breaches: ClassVar[tuple[str, ...]]
    reason: ClassVar[str]
    own_resume: ClassVar[str] = "never"
    """When a halt ends, unless ``resume`` is given."""
    _may_compute = False

    on_breach: str = "reject"
    resume: str | int | None = None
    priority: int = 0
    name: str = ""
    _spec: LimitSpec = field(init=False, compare=False)

    def __post_init__(self) -> None:
        cls = type(self).__name__
        if self.on_breach not in self.breaches:
            raise InvalidRuleError(
                f"{cls}: on_breach must be one of {', '.join(self.breaches)}, was {self.on_breach!r}"
                f"{'; there is nothing to scale' if self.on_breach == 'scale' else ''}"
            )
        if self.resume is not None:
            refuse_without_halt(cls, self.resume, self.on_breach, self.breaches)
            resume = checked_resume(cls, self.resume)
            # Equal limits are equal, however they were written.
            object.__setattr__(self, "resume", None if resume == self.own_resume else resume)
        object.__setattr__(self, "priority", checked_priority(cls, self.priority))
        if not self.name:
            object.__setattr__(self, "name", cls)
        object.__setattr__(self, "_spec", self._made())
        object.__setattr__(self, "_lowered_rule", LoweredRule())

    @property
    def limit_spec(self) -> LimitSpec:
        """Return what the engine is told."""
        return self._spec

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Leave the position alone: a limit is of the portfolio."""
        return RiskDecision.no_action()

    def lower(self) -> tuple[()]:
        """Return no level and no exit."""
        return ()

    def _made(self) -> LimitSpec:
        return LimitSpec(self.kind, self.reason, **self._common())

    def _common(self) -> dict[str, Any]:
        resume = self.own_resume if self.resume is None else self.resume
        return {"on_breach": self.on_breach, "resume": resume}

    def __repr__(self) -> str:
        shown = [
            (one.name, getattr(self, one.name), one.default)
            for one in fields(self)
            if one.init and one.name not in _LAST
        ]
        last = [
            (one.name, getattr(self, one.name), one.default)
            for one in fields(self)
            if one.name in _LAST[:2]
        ]
        given = [f"{name}={value!r}" for name, value, default in shown + last if value != default]
        return f"{type(self).__name__}({', '.join(given)})"


@dataclass(frozen=True, kw_only=True, repr=False)
class SizeLimit(PortfolioLimit):
    """A limit on a part of equity, or on an amount."""

    breaches: ClassVar[tuple[str, ...]] = ("warn", "reject", "scale", "halt", "flatten")

    def _made(self) -> LimitSpec:
        cls, given = type(self).__name__, self._given()
        if len(given) != 1:
            raise InvalidRuleError(
                f"{cls} needs either pct or value; had {' and '.join(given) or 'none'}"
            )
        [(name, value)] = given.items()
        number = checked_size(cls, name, value)
        object.__setattr__(self, name, number)
        return LimitSpec(
            self.kind, self.reason, number, name != "value", **self._common(), **self._more()
        )

    def _given(self) -> dict[str, Any]:
        names = [name for name in ("pct", "value") if hasattr(self, name)]
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def _more(self) -> dict[str, Any]:
        return {}


def checked_size(rule: str, name: str, value: Any) -> float:
    """Return how much a limit allows.

    Raises
    ------
    InvalidRuleError
        If it is no number above 0 and finite; a percent of 50 is meant as 0.5.
    """
    number = number_or_nan(value)
    is_part = name in ("pct", "annual")
    hint = " (a part of equity: 0.05 is 5%)" if is_part else ""
    if not 0.0 < number < inf or (is_part and number > 100.0):
        raise InvalidRuleError(
            f"{rule}: {name} must be a number above 0{' and at most 100' if is_part else ' and finite'}"
            f"{hint}, was {value!r}"
        )
    return number


def checked_count(rule: str, name: str, value: Any, least: int) -> int:
    """Return a number of timestamps or of positions.

    Raises
    ------
    InvalidRuleError
        If it is no whole number from `least` on.
    """
    try:
        n = least - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        n = least - 1
    if not least <= n < 2**31:
        raise InvalidRuleError(f"{rule}: {name} must be a whole number from {least}, was {value!r}")
    return n


def refuse_without_halt(rule: str, resume: Any, on_breach: str, breaches: Sequence[str]) -> None:
    """Refuse a `resume` that was given where no breach halts.

    Raises
    ------
    InvalidRuleError
        Naming what would halt, of `breaches`, if anything does.
    """
    if on_breach in HALTS:
        return
    halts = " or ".join(repr(one) for one in breaches if one in HALTS)
    raise InvalidRuleError(
        f"{rule}: resume={resume!r} says when a halt ends, and on_breach={on_breach!r} halts nothing; leave resume out"
        f"{f', or give on_breach={halts}' if halts else ''}"
    )


def checked_resume(rule: str, resume: Any) -> str | int:
    """Return when a halt ends.

    Raises
    ------
    InvalidRuleError
        If it is neither a word for it nor a whole number from 1 on.
    """
    if isinstance(resume, str) and resume in ("next_session", "never"):
        return resume
    try:
        n = 0 if isinstance(resume, bool) else operator.index(resume)
    except TypeError:
        n = 0
    if 1 <= n < 2**62:
        return n
    raise InvalidRuleError(
        f'{rule}: resume must be "next_session", "never" or a number of timestamps from 1, was {resume!r}'
    )
