"""Leave a position in parts, each at a gain of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Any

from ml4t.backtest.risk.decision import ExitType, RiskDecision
from ml4t.backtest.risk.lowered_rule import LoweredRule
from ml4t.backtest.risk.parameters import column_of, number_or_nan
from ml4t.backtest.risk.regime_numbers import RegimeNumbers
from ml4t.backtest.risk.rule import InvalidRuleError, RiskRule, checked_priority
from ml4t.backtest.risk.spec import POSITIVE, Form, Regime, RuleSpec

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext

TOLERANCE = 1e-9
"""Fractions that come so near to 1 are all of it."""


@dataclass(frozen=True, repr=False)
class ScaledExit(RiskRule):
    """Several targets, each of which closes a part of the position.

    Parameters
    ----------
    targets : sequence of (gain, fraction), or one by regime
        At this gain, a fraction of the entry price, that fraction of the largest quantity the position has had:
        ``[(0.03, 0.5), (0.06, 0.5)]`` is half at +3% and the rest at +6%. A gain may be the name of a column, read when the
        position opens. Gains rise, fractions sum to at most 1. Where they sum to 1 the last target closes all that is held.
    priority : int
        Of each target, against those of other rules.
    name : str

    Raises
    ------
    InvalidRuleError
        If gains do not rise from above 0, or fractions are not above 0 and together at most 1.

    Notes
    -----
    Levels are E·(1 + s·gain), E the average entry price, slippage included, s = 1 for a long position, −1 for a
    short one. Each is a target as that of :class:`PriceBasedTakeProfit`: it does not slip, a gap over it fills at
    the open, and among all targets the highest priority wins, then the nearest. One that has filled is done, for
    the position: an add moves and enlarges the others alone. Several can fill in one bar. A stop of another rule
    closes what is left.

    Under whole units parts are rounded down; one of less than a unit is passed by, with a ``passed_over`` event.
    :meth:`evaluate` says all targets; which of them are done the engine knows.
    """

    targets: (
        Sequence[tuple[float | str, float]]
        | dict[str, dict[float, Sequence[tuple[float | str, float]]]]
    )
    _: KW_ONLY
    priority: int = 0
    name: str = ""
    _lowered: tuple[RuleSpec, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", _read(self.targets))
        object.__setattr__(self, "priority", checked_priority("ScaledExit", self.priority))
        if not self.name:
            object.__setattr__(self, "name", "ScaledExit")
        object.__setattr__(self, "_lowered", self._specs())
        object.__setattr__(self, "_lowered_rule", LoweredRule())

    def lower(self) -> tuple[RuleSpec, ...]:
        """Return the targets, one by one."""
        return self._lowered

    @property
    def frozen_columns(self) -> tuple[str, ...]:
        """The columns that gains are read from."""
        return tuple(
            dict.fromkeys(spec.column for spec in self._lowered if spec.column is not None)
        )

    @property
    def live_columns(self) -> tuple[str, ...]:
        """The column that says the regime, if there is one."""
        given: Any = self.targets
        return (given.column,) if isinstance(given, RegimeNumbers) else ()

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Set all targets: the parts of one decision, the nearest first."""
        paid = context.dividend_average if context.side < 0 else 0.0
        levels = {}
        targets: Any = self.targets
        if isinstance(targets, RegimeNumbers):
            targets = targets.at(context.live(targets.column), ())
        for place, (given, fraction) in enumerate(targets):
            gain = float(context.frozen(given) if isinstance(given, str) else given)
            level = context.level_price * (1.0 + context.side * gain) - paid
            # No price comes to others, or a column has no valid value.
            if POSITIVE.hold(gain) and 0.0 < level < inf:
                about = {"fraction": fraction, RiskDecision.TARGET: place}
                levels[context.side * level, place] = RiskDecision.update_stops(
                    take_profit=level, metadata=about
                )
        if not levels:
            return RiskDecision.no_action()
        parts = tuple(levels[key] for key in sorted(levels))
        return RiskDecision(
            exit_type=ExitType.TAKE_PROFIT,
            update_take_profit=parts[0].update_take_profit,
            parts=parts,
        )

    def _specs(self) -> tuple[RuleSpec, ...]:
        given: Any = self.targets
        if not isinstance(given, RegimeNumbers):
            return _specs_of(given, self.priority)
        return tuple(
            replace(spec, regime=Regime(given.column, index, given.labels))
            for index, targets in enumerate(given.numbers)
            for spec in _specs_of(targets, self.priority)
        )

    def __repr__(self) -> str:
        is_one = isinstance(self.targets, tuple)
        given = [repr([*self.targets]) if is_one else repr(self.targets)]
        shown = {"priority": 0, "name": "ScaledExit"}
        given += [
            f"{name}={getattr(self, name)!r}"
            for name, usual in shown.items()
            if getattr(self, name) != usual
        ]
        return f"ScaledExit({', '.join(given)})"


def _specs_of(
    targets: tuple[tuple[float | str, float], ...], priority: int
) -> tuple[RuleSpec, ...]:
    parts = [fraction for _, fraction in targets]
    if sum(parts) >= 1.0 - TOLERANCE:
        parts[-1] = 0.0
    return tuple(
        RuleSpec(ExitType.TAKE_PROFIT, gain, Form.FRACTION, priority, part=part)
        for (gain, _), part in zip(targets, parts, strict=True)
    )


def _read(given: Any) -> Any:
    if isinstance(given, Mapping):
        return RegimeNumbers.of("ScaledExit", "targets", given, _checked)
    return _checked(given)


def _gain(given: Any) -> float | str:
    """Return a gain as a number, NaN for what is none, or as the column it is read from."""
    named = column_of("ScaledExit", given)
    return named if isinstance(named, str) and named else number_or_nan(named)


def _checked(given: Any) -> tuple[tuple[float | str, float], ...]:
    try:
        pairs = [(gain, part) for gain, part in given]
    except (TypeError, ValueError):
        pairs = []
    if not pairs:
        raise InvalidRuleError(
            "ScaledExit: targets must be pairs of a gain and a fraction of the position, "
            f"[(0.03, 0.5), (0.06, 0.5)], was {given!r}"
        )
    targets = tuple((_gain(gain), number_or_nan(part)) for gain, part in pairs)
    for (gain, part), pair in zip(targets, pairs, strict=True):
        if not isinstance(gain, str) and not POSITIVE.hold(gain):
            raise InvalidRuleError(
                f"ScaledExit: a gain must be a number above 0 and finite (0.05 is 5%), was {pair[0]!r}"
            )
        if not 0.0 < part <= 1.0 + TOLERANCE:
            raise InvalidRuleError(
                f"ScaledExit: a fraction of the position must be above 0 and at most 1, was {pair[1]!r}"
            )
    numbers = [gain for gain, _ in targets if not isinstance(gain, str)]
    for gain, next_gain in pairwise(numbers):
        if not gain < next_gain:
            raise InvalidRuleError(
                f"ScaledExit: gains must rise from target to target, {next_gain!r} came after {gain!r}"
            )
    total = sum(part for _, part in targets)
    if total > 1.0 + TOLERANCE:
        raise InvalidRuleError(
            f"ScaledExit: fractions must sum to at most 1, all of the position, was {total:.6g}"
        )
    return targets
