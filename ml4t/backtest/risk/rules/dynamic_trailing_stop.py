"""Leave a position that gave back too much, and ever less as it ages or gains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from ml4t.backtest.risk.decision import ExitType, RiskDecision
from ml4t.backtest.risk.parameters import Beside, Parameter, ParameterRule, number_or_nan
from ml4t.backtest.risk.regime_numbers import RegimeNumbers
from ml4t.backtest.risk.rule import InvalidRuleError
from ml4t.backtest.risk.spec import FRACTION, POSITIVE, Form, RuleSpec

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext


@dataclass(frozen=True, repr=False)
class DynamicTrailingStop(ParameterRule):
    """A trailing stop whose distance shrinks with the bars held, or with the gain that was reached.

    Parameters
    ----------
    pct : float or str
        Fraction of the water mark at the opening, above 0 and below 1; or the name of a column that holds it, read when
        the position opens. Of a schedule a number.
    tighten : float or str, optional
        What is taken off for each bar held, above 0; or a column's name, likewise.
    floor : float or str, optional
        The fraction at which it stays, above 0 and below `pct`; or a column's name. Needed with `tighten`. Where a column of
        `pct` says less, it is what counts.
    schedule : sequence of (gain, fraction), or one by regime, optional
        From this gain on, a fraction of the entry price, that fraction of the water mark; both have to go on
        from step to step, gains up and fractions down. Give either `tighten` or a schedule.
    priority : int
    name : str

    Notes
    -----
    Level = H·(1 − s·p), s = 1 for a long position, −1 for a short one; H, the water mark, as for
    :class:`TrailingStop`. p = max(floor, pct − tighten·n), n the bars held as of the close at which the level is
    given, 0 at the opening; or the fraction of the last step with s·H >= s·E·(1 + s·gain), E the average entry
    price. The engine keeps the tighter of the old level and the new one.
    """

    kind: ClassVar[ExitType] = ExitType.TRAILING_STOP
    forms: ClassVar[dict[str, Form]] = {"pct": Form.FRACTION}

    beside: ClassVar[dict[str, Beside]] = {
        "tighten": Beside(POSITIVE, " (a fraction for each bar)"),
        "floor": Beside(FRACTION),
    }

    tables: ClassVar[tuple[str, ...]] = ("schedule",)

    pct: Parameter
    _: KW_ONLY
    tighten: Parameter | None = None
    floor: Parameter | None = None
    schedule: (
        Sequence[tuple[float, float]] | dict[str, dict[float, Sequence[tuple[float, float]]]] | None
    ) = None

    def __post_init__(self) -> None:
        if (self.tighten is None) == (self.schedule is None):
            raise InvalidRuleError(
                "DynamicTrailingStop needs one of tighten (with floor) and schedule; with neither it is a TrailingStop"
            )
        if self.schedule is None and self.floor is None:
            raise InvalidRuleError(
                "DynamicTrailingStop: tighten needs a floor, the fraction at which it stays"
            )
        if self.schedule is not None and self.floor is not None:
            raise InvalidRuleError(
                "DynamicTrailingStop: floor belongs to tighten; a schedule ends with its last step"
            )
        if self.schedule is not None:
            object.__setattr__(self, "schedule", _schedule(self.schedule))
        super().__post_init__()
        self._check_order()

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Set the stop behind the best price, as far as it may lie now."""
        return self.arm(context.water_mark * (1.0 - context.side * self.fraction(context)))

    def fraction(self, context: RiskContext) -> float:
        """Return how far the stop lies behind the water mark now, a fraction of it."""
        pct = self.value(context)
        if self.tighten is not None:
            floor = self.number("floor", context)
            tighter = pct - self.number("tighten", context) * context.bars_held
            return floor if tighter < floor or floor != floor else tighter
        steps: Any = self.schedule or ()
        if isinstance(steps, RegimeNumbers):
            steps = steps.at(context.live(steps.column), ())
        reached = [step for gain, step in steps if self.has_gained(context, gain)]
        return min([pct, *reached])

    def _spec(self, value: float | str, form: Form) -> RuleSpec:
        tighten: Any = self.tighten or 0.0
        floor: Any = self.floor or 0.0
        return replace(super()._spec(value, form), tighten=tighten, floor=floor)

    # One for each step of a schedule: the tightest of those whose gain was reached wins.
    def _specs(self) -> tuple[RuleSpec, ...]:
        first, *others = super()._specs()
        steps: Any = self.schedule or ()
        return (
            first,
            *others,
            *(replace(first, value=pct, activation=gain) for gain, pct in steps),
        )

    # What columns say nobody knows before the run; by regime each number is looked at with those of its regime.
    def _check_order(self) -> None:
        pct: Any = self.pct
        if self.schedule is not None and isinstance(pct, str):
            raise InvalidRuleError(
                f"DynamicTrailingStop: pct of a schedule must be a number, was the column {pct!r}"
            )
        if not isinstance(pct, float):
            return
        if isinstance(self.floor, float) and not self.floor < pct:
            raise InvalidRuleError(
                f"DynamicTrailingStop: floor must be above 0 and below pct, {pct!r}, was {self.floor!r}"
            )
        if isinstance(self.schedule, tuple) and not self.schedule[0][1] < pct:
            raise InvalidRuleError(
                f"DynamicTrailingStop: a schedule only tightens, {self.schedule[0][1]!r} came after {pct!r}"
            )


def _schedule(given: Any) -> Any:
    if isinstance(given, Mapping):
        return RegimeNumbers.of("DynamicTrailingStop", "schedule", given, _steps)
    return _steps(given)


def _steps(schedule: Any) -> tuple[tuple[float, float], ...]:
    try:
        steps = tuple((number_or_nan(gain), number_or_nan(step)) for gain, step in schedule)
    except (TypeError, ValueError):
        steps = ()
    if not steps:
        raise InvalidRuleError(
            f"DynamicTrailingStop: schedule must be pairs of a gain and a fraction, [(0.1, 0.05)], was {schedule!r}"
        )
    for (gain, wider), (next_gain, tighter) in pairwise([(0.0, 1.0), *steps]):
        if not gain < next_gain < inf:
            raise InvalidRuleError(
                f"DynamicTrailingStop: gains of a schedule must be above 0 and rise, {next_gain!r} came after {gain!r}"
            )
        if not 0.0 < tighter < wider:
            raise InvalidRuleError(
                f"DynamicTrailingStop: a schedule only tightens, {tighter!r} came after {wider!r}"
            )
    return steps
