"""The base of rules with parameters: each a number, the name of a column, or a number for each regime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from math import inf, nan
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

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


class Beside(NamedTuple):
    """A number beside the parameter of a rule, which may be given in the same forms."""

    bounds: Bounds
    hint: str = ""
    is_optional: bool = True


@dataclass(frozen=True, kw_only=True, repr=False)
class ParameterRule(RiskRule):
    """A rule of one kind whose parameter is given in one of a few forms.

    A subclass names its ``kind`` and its ``forms``: parameter name -> what it is; and what stands ``beside`` it.
    """

    kind: ClassVar[ExitType]
    forms: ClassVar[dict[str, Form]]
    beside: ClassVar[dict[str, Beside]] = {}
    tables: ClassVar[tuple[str, ...]] = ()
    """Parameters that are tables of numbers, which may go by regime too."""

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
        object.__setattr__(self, given[0], _parameter(cls, given[0], getattr(self, given[0])))
        for name, what in self.beside.items():
            object.__setattr__(self, name, _number_beside(cls, name, getattr(self, name), what))
        object.__setattr__(self, "priority", checked_priority(cls, self.priority))
        if not self.name:
            object.__setattr__(self, "name", cls)
        regimes = self._regimes()
        value, multiple = getattr(self, given[0]), self.multiple
        if not regimes and not isinstance(value, str) and not isinstance(multiple, str):
            _check_range(cls, given[0], value, multiple, self._bounds(given[0]))
        # Lowered once, not for every run.
        object.__setattr__(
            self, "_lowered", self._in_regimes(regimes) if regimes else self._specs()
        )
        object.__setattr__(self, "_lowered_rule", LoweredRule())
        columns = (*self.frozen_columns, *self.live_columns)
        object.__setattr__(self, "_may_compute", any(name[-1] == ")" for name in columns))

    @property
    def multiple(self) -> Any:
        """What the parameter is multiplied by: a number, or how one is given."""
        return 1.0

    def lower(self) -> tuple[RuleSpec, ...]:
        """Return the one level or exit the rule consists of; by regime one for each."""
        return self._lowered

    @property
    def is_live(self) -> bool:
        """Whether columns are read anew at every close."""
        return False

    @property
    def frozen_columns(self) -> tuple[str, ...]:
        """The columns that its numbers are read from when the position opens."""
        return () if self.is_live else self._columns()

    @property
    def live_columns(self) -> tuple[str, ...]:
        """The columns that its numbers are read from at every close, and the one that says the regime."""
        regimes = (spec.regime.column for spec in self._lowered if spec.regime is not None)
        return tuple(dict.fromkeys((*regimes, *(self._columns() if self.is_live else ()))))

    def value(self, context: RiskContext) -> float:
        """Return the parameter for the position of `context`; NaN when its column has no valid value.

        A price or a distance is in the units of the row that its column was read from.
        """
        form = self._form()
        number = self._read(self.multiple, context) * self._read(getattr(self, form), context)
        return number if self._bounds(form).hold(number) else nan

    def number(self, name: str, context: RiskContext) -> float:
        """Return what stands beside the parameter, by its name, likewise."""
        number = self._read(getattr(self, name), context)
        return number if self.beside[name].bounds.hold(number) else nan

    def given(self, context: RiskContext) -> float | str:
        """Return the parameter as it was given, a number or a column; by regime that of the regime of now.

        NaN where the label of now has none. In a run the engine knows the last regime of the position.
        """
        value = getattr(self, self._form())
        return value if isinstance(value, str) else self._read(value, context)

    def _read(self, given: Any, context: RiskContext) -> float:
        if isinstance(given, RegimeNumbers):
            return float(given.at(context.live(given.column)))
        if isinstance(given, str):
            return float(context.live(given) if self.is_live else context.frozen(given))
        return float(given)

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
        return (self._spec(getattr(self, form), self.forms[form]),)

    def _regimes(self) -> dict[str, RegimeNumbers]:
        """Return what is given by regime, by name; of one column, with the same labels."""
        names = (*self.forms, *self.beside, *self.tables)
        given = {name: getattr(self, name) for name in names}
        found = {name: one for name, one in given.items() if isinstance(one, RegimeNumbers)}
        ways = {(one.column, one.labels) for one in found.values()}
        if len(ways) > 1:
            raise InvalidRuleError(
                f"{type(self).__name__}: {' and '.join(found)} by regime need one column, with the same labels in one "
                "order; for others take a RegimeDependentRule"
            )
        return found

    def _in_regimes(self, given: dict[str, RegimeNumbers]) -> tuple[RuleSpec, ...]:
        """Return the levels of the rule with the numbers of each regime, which each have to be right."""
        first = next(iter(given.values()))
        made = []
        for index in range(len(first.labels)):
            numbers: Any = {name: one.numbers[index] for name, one in given.items()}
            for spec in replace(self, **numbers).lower():
                keeps = spec.only_tighten or spec.kind is ExitType.TRAILING_STOP
                regime = Regime(first.column, index, first.labels, keeps=keeps)
                made.append(replace(spec, regime=regime))
        return tuple(made)

    def _columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for spec in self._lowered for name in spec.columns))

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


def _number_beside(rule: str, name: str, value: Any, what: Beside) -> Any:
    """Return what stands beside a parameter: nothing, a number in its range, a column, or numbers by regime."""
    value = column_of(rule, value)
    if isinstance(value, Mapping):
        return RegimeNumbers.of(rule, name, value)
    if (value is None and what.is_optional) or (isinstance(value, str) and value):
        return value
    number = number_or_nan(value)
    if not what.bounds.hold(number):
        shown = number if number == inf else value
        raise InvalidRuleError(
            f"{rule}: {name} must be a number {what.bounds}{what.hint}, was {shown!r}"
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
