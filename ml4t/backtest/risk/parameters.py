"""The base of rules with parameters: each a number, the name of a column, or a number for each regime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from math import inf, nan
from typing import TYPE_CHECKING, Any, ClassVar

from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.features.indicators import Indicator
from ml4t.backtest.data.features.named_indicator import column_name
from ml4t.backtest.risk.decision import ExitType, RiskDecision
from ml4t.backtest.risk.lowered_rule import LoweredRule
from ml4t.backtest.risk.regime_numbers import RegimeNumbers
from ml4t.backtest.risk.rule import InvalidRuleError, RiskRule, checked_priority
from ml4t.backtest.risk.spec import BOUNDS, Bounds, Form, Regime, RuleSpec

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext

Parameter = float | str | Indicator | dict[str, dict[float, float]]
"""A number, a column or an indicator in its place, or a number for each label of a column."""

_LAST = ("priority", "name")
"""What every rule has stands last where one is shown."""


@dataclass(frozen=True, kw_only=True, repr=False)
class ParameterRule(RiskRule):
    """A rule of one kind whose parameter is given in one of a few forms.

    A subclass names its ``kind`` and its ``forms``: parameter name -> what it is.
    """

    kind: ClassVar[ExitType]
    forms: ClassVar[dict[str, Form]]

    priority: int = 0
    name: str = ""
    _lowered: tuple[RuleSpec, ...] = field(init=False, compare=False)
    _may_compute: bool = field(init=False, compare=False)

    def __post_init__(self) -> None:
        cls = type(self).__name__
        given = [form for form in self.forms if getattr(self, form) is not None]
        if len(given) != 1:
            had = " and ".join(given) or "none"
            raise InvalidRuleError(f"{cls} needs exactly one of {', '.join(self.forms)}; had {had}")
        value = _parameter(cls, given[0], getattr(self, given[0]))
        numbers = value.numbers if isinstance(value, RegimeNumbers) else (value,)
        for number in numbers:
            if not isinstance(number, str):
                _check_range(cls, given[0], number, self.multiple, self._bounds(given[0]))
        object.__setattr__(self, given[0], value)
        object.__setattr__(self, "priority", checked_priority(cls, self.priority))
        if not self.name:
            object.__setattr__(self, "name", cls)
        column = getattr(value, "column", value)
        object.__setattr__(self, "_may_compute", isinstance(column, str) and column[-1] == ")")
        # Lowered once, not for every run.
        object.__setattr__(self, "_lowered", self._specs())
        object.__setattr__(self, "_lowered_rule", LoweredRule())

    @property
    def multiple(self) -> float:
        """What the parameter is multiplied by."""
        return 1.0

    def lower(self) -> tuple[RuleSpec, ...]:
        """Return the one level or exit the rule consists of."""
        return self._lowered

    @property
    def is_live(self) -> bool:
        """Whether a column is read anew at every close."""
        return False

    @property
    def frozen_columns(self) -> tuple[str, ...]:
        """The column the parameter is read from when the position opens, if it is one."""
        column = self._lowered[0].column
        return () if column is None or self.is_live else (column,)

    @property
    def live_columns(self) -> tuple[str, ...]:
        """The column the parameter is read from at every close, or that says the regime, if there is one."""
        regime, column = self._lowered[0].regime, self._lowered[0].column
        if regime is not None:
            return (regime.column,)
        return (column,) if column is not None and self.is_live else ()

    def value(self, context: RiskContext) -> float:
        """Return the parameter for the position of `context`; NaN when its column has no valid value.

        A price or a distance is in the units of the row that its column was read from.
        """
        form = self._form()
        value = self.given(context)
        if not isinstance(value, str):
            return self.multiple * value
        read = context.live(value) if self.is_live else context.frozen(value)
        number = self.multiple * float(read)
        return number if self._bounds(form).hold(number) else nan

    def given(self, context: RiskContext) -> float | str:
        """Return the parameter as it was given, a number or a column; by regime that of the regime of now.

        NaN where the label of now has none. In a run the engine knows the last regime of the position.
        """
        value = getattr(self, self._form())
        if isinstance(value, RegimeNumbers):
            return value.at(context.live(value.column))
        return value if isinstance(value, str) else float(value)

    def has_gained(self, context: RiskContext, gain: float) -> bool:
        """Return whether the water mark has come so far from the entry price; never for a NaN.

        Dividends since the opening have lowered the water mark of a long position: what it has to reach, too.
        """
        reached = context.level_price * (1.0 + context.side * gain)
        reached -= context.dividend_average if context.side > 0 else 0.0
        return context.side * context.water_mark >= context.side * reached

    def away(self, context: RiskContext, base: float, direction: float) -> float:
        """Return the price that lies by the parameter above (direction 1) or below (−1) a `base`."""
        form = self._form()
        value = self.value(context)
        if self.forms[form] is Form.DISTANCE:
            given = getattr(self, form)
            column = given if isinstance(given, str) else None
            return base + direction * context.in_todays_units(value, column, live=self.is_live)
        return base * (1.0 + direction * value)

    def arm(self, level: float) -> RiskDecision:
        """Return the decision that sets `level`; no action when it is NaN, or no price can reach it."""
        if not 0.0 < level < inf:
            return RiskDecision.no_action()
        if self.kind is ExitType.TAKE_PROFIT:
            return RiskDecision.update_stops(take_profit=level)
        return RiskDecision.update_stops(
            stop_loss=level, exit_type=self.kind, only_tighten=self._lowered[0].only_tighten
        )

    def _spec(self, value: float | str, form: Form) -> RuleSpec:
        return RuleSpec(
            self.kind, value, form, self.priority, multiple=self.multiple, live=self.is_live
        )

    def _specs(self) -> tuple[RuleSpec, ...]:
        form = self._form()
        value = getattr(self, form)
        if not isinstance(value, RegimeNumbers):
            return (self._spec(value, self.forms[form]),)
        made = []
        for index, number in enumerate(value.numbers):
            spec = self._spec(number, self.forms[form])
            keeps = spec.only_tighten or spec.kind is ExitType.TRAILING_STOP
            made.append(
                replace(spec, regime=Regime(value.column, index, value.labels, keeps=keeps))
            )
        return tuple(made)

    def _form(self) -> str:
        return next(form for form in self.forms if getattr(self, form) is not None)

    def _bounds(self, form: str) -> Bounds:
        return BOUNDS[self.kind, self.forms[form]]

    def __repr__(self) -> str:
        form = self._form()
        others = [one for one in fields(self) if one.init and one.name not in (*self.forms, *_LAST)]
        shown = {one.name: one.default for one in others}
        shown |= {"priority": 0, "name": type(self).__name__}
        given = [(form, getattr(self, form))]
        given += [
            (name, getattr(self, name)) for name in shown if getattr(self, name) != shown[name]
        ]
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in given)})"


def checked_positive(rule: str, name: str, value: Any, hint: str = "") -> float:
    """Return how many times a rule takes its parameter, or a gain that it waits for.

    Raises
    ------
    InvalidRuleError
        If it is no number above 0 and finite.
    """
    number = number_or_nan(value)
    if not 0.0 < number < inf:
        shown = number if number == inf else value
        raise InvalidRuleError(
            f"{rule}: {name} must be a number above 0 and finite{hint}, was {shown!r}"
        )
    return number


def number_or_nan(value: Any) -> float:
    """Return a value as a float; NaN for what is no number, an infinity for what is too large for one."""
    if value is None or isinstance(value, bool | str):
        return nan
    try:
        return float(value)
    except OverflowError:
        return inf
    except (TypeError, ValueError):
        return nan


def checked_flag(rule: str, name: str, flag: Any) -> bool:
    """Return `flag`; an InvalidRuleError where it is neither True nor False."""
    if not isinstance(flag, bool):
        raise InvalidRuleError(f"{rule}: {name} must be True or False, was {flag!r}")
    return flag


def column_of(rule: str, given: Any) -> Any:
    """Return an indicator as the name of its column, and anything else as it is.

    Raises
    ------
    InvalidRuleError
        If it is one of a user's own class.
    """
    try:
        return column_name(given)
    except DataError as error:
        raise InvalidRuleError(f"{rule}: {error}") from None


def _parameter(rule: str, name: str, value: Any) -> float | str | RegimeNumbers:
    value = column_of(rule, value)
    if isinstance(value, Mapping):
        return RegimeNumbers.of(rule, name, value)
    if isinstance(value, str):
        if not value:
            raise InvalidRuleError(
                f"{rule}: {name} must be a number or a column, was an empty name"
            )
        return value
    try:
        return float(value)
    except OverflowError:
        return inf  # no range holds it
    except (TypeError, ValueError):
        raise InvalidRuleError(
            f"{rule}: {name} must be a number or the name of a column, was {value!r}"
        ) from None


def _check_range(rule: str, name: str, number: float, multiple: float, bounds: Bounds) -> None:
    if bounds.hold(multiple * number):
        return
    hint = " (a fraction: 0.05 is 5%)" if name in ("pct", "volatility", "gain") else ""
    times = "" if multiple == 1.0 else f"{multiple!r} times "
    raise InvalidRuleError(
        f"{rule}: {times}{name} must be {bounds}{hint}, was {multiple * number!r}"
    )
