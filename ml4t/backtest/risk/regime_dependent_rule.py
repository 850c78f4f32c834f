"""Another rule in each regime of the market."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

from ml4t.backtest.data.features.indicators import Indicator
from ml4t.backtest.risk.composite import _Group
from ml4t.backtest.risk.decision import ExitType, RiskDecision
from ml4t.backtest.risk.function_rule import GivenRules
from ml4t.backtest.risk.lowered_rule import LoweredRule
from ml4t.backtest.risk.parameters import checked_flag, column_of, number_or_nan
from ml4t.backtest.risk.rule import InvalidRuleError, RiskRule
from ml4t.backtest.risk.spec import Regime, RuleSpec

if TYPE_CHECKING:
    from ml4t.backtest.risk.context import RiskContext

__all__ = ["RegimeDependentRule"]

NAME = "RegimeDependentRule"


@dataclass(frozen=True, init=False, repr=False)
class RegimeDependentRule(_Group):
    """One rule that is another one in each regime: for each label of a column, or for each band of its values.

    Parameters
    ----------
    column : str
        A signal, an indicator or a market-wide column, read at every close.
    rules : mapping of label to rule, or sequence of rules
        Built-in rules. Labels are numbers, as columns are: a table's texts become numbers before
        (``labels.astype("category").cat.codes``).
    labels : sequence of float, optional
        Those of a sequence of rules, one for each.
    bands : sequence of float, optional
        Edges, rising: the first rule below the first edge, the next from there on, the last from the last one on;
        one rule more than edges. Give either labels or bands.
    hysteresis : float
        How far beyond an edge the column has to come for the band to change, 0 or more; of the first band of a
        position none.
    only_tighten : bool
        Whether a change of regime leaves what was said: levels of the regime before stand beside the new ones, and
        follow nothing.
    priority : int
        Of the whole. Members have none of their own.
    name : str

    Raises
    ------
    InvalidRuleError
        If there is a member that only Python can ask or that has another priority, or one for every regime is not
        what is given.

    Notes
    -----
    The regime belongs to the position. A NaN, or a label without a rule, keeps the last one; while none is known
    yet the rule says nothing, and a ``nan_input`` event tells it. Before a run its data are searched for labels
    without a rule, which are refused. On a change the levels of the members change, tighter or looser.
    :meth:`evaluate` alone knows no last regime.
    """

    column: str = ""
    labels: tuple[float, ...] | None = None
    bands: tuple[float, ...] | None = None
    hysteresis: float = 0.0
    only_tighten: bool = False
    _lowered: tuple[RuleSpec, ...] = field(init=False, compare=False)

    def __init__(
        self,
        column: str | Indicator,
        rules: Mapping[Any, RiskRule] | GivenRules,
        *,
        labels: Sequence[float] | None = None,
        bands: Sequence[float] | None = None,
        hysteresis: float = 0.0,
        only_tighten: bool = False,
        priority: int = 0,
        name: str = "",
    ) -> None:
        if isinstance(rules, Mapping):
            if labels is not None or bands is not None:
                raise InvalidRuleError(
                    f"{NAME}: a mapping has its labels; leave labels and bands out"
                )
            labels, rules = list(rules), list(rules.values())
        super().__init__(rules, priority=priority, name=name)
        given: Any = column_of(NAME, column)
        if not isinstance(given, str) or not given:
            raise InvalidRuleError(f"{NAME}: column must be the name of one, was {column!r}")
        if (labels is None) == (bands is None):
            raise InvalidRuleError(f"{NAME} needs either labels, or a mapping of them, or bands")
        object.__setattr__(self, "column", given)
        object.__setattr__(self, "labels", None if labels is None else _labels(labels))
        object.__setattr__(self, "bands", None if bands is None else _edges(bands))
        object.__setattr__(self, "hysteresis", self._checked_hysteresis(hysteresis))
        object.__setattr__(self, "only_tighten", checked_flag(NAME, "only_tighten", only_tighten))
        regime = self._regime(0)
        if len(self.rules) != regime.n:
            raise InvalidRuleError(
                f"{NAME}: {regime.n} regimes need as many rules, there were {len(self.rules)}"
            )
        object.__setattr__(self, "_lowered", self._specs())
        object.__setattr__(self, "_lowered_rule", LoweredRule())

    def lower(self) -> tuple[RuleSpec, ...]:
        """Return the levels and exits of all members, each for its regime."""
        return self._lowered

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Ask the member of the regime that the column says now; no action without one."""
        value = context.live(self.column)
        if self.labels is not None:
            index = self.labels.index(value) if value in self.labels else -1
        else:
            index = -1 if value != value else bisect_right(self.bands or (), value)
        if index < 0:
            return RiskDecision.no_action()
        return self.rules[index].evaluate(context).with_priority(None)

    @property
    def live_columns(self) -> tuple[str, ...]:
        """The column, and those of all members."""
        return tuple(dict.fromkeys((self.column, *super().live_columns)))

    def _regime(self, index: int) -> Regime:
        values = self.bands if self.labels is None else self.labels
        return Regime(
            self.column,
            index,
            values or (),
            self.labels is None,
            self.hysteresis,
            self.only_tighten,
        )

    def _specs(self) -> tuple[RuleSpec, ...]:
        made = []
        for index, rule in enumerate(self.rules):
            lowered = rule.lower()
            if lowered is None or any(spec.regime is not None for spec in lowered):
                raise InvalidRuleError(
                    f"{NAME}: members are built-in rules of one regime, {rule.name} is none; read the column in "
                    "a rule of your own"
                )
            for spec in lowered:
                self._refuse_priority(rule, spec.priority)
                tightens = spec.only_tighten or (
                    self.only_tighten and spec.kind is ExitType.STOP_LOSS
                )
                made.append(
                    replace(
                        spec,
                        priority=self.priority,
                        regime=self._regime(index),
                        only_tighten=tightens,
                    )
                )
        return tuple(made)

    def _refuse_priority(self, rule: RiskRule, priority: int) -> None:
        if priority not in (0, self.priority):
            raise InvalidRuleError(
                f"{NAME}: {rule.name} has priority {priority}, and what members say has the priority of the whole; leave it out, "
                f"or give {NAME}(..., priority={priority})"
            )

    def _checked_hysteresis(self, hysteresis: Any) -> float:
        number = number_or_nan(hysteresis)
        if not 0.0 <= number < inf:
            raise InvalidRuleError(
                f"{NAME}: hysteresis must be a number, 0 or more, was {hysteresis!r}"
            )
        if number > 0.0 and self.bands is None:
            raise InvalidRuleError(f"{NAME}: hysteresis belongs to bands; labels have no edges")
        return number

    def __repr__(self) -> str:
        given = [repr(self.column), f"[{', '.join(map(repr, self.rules))}]"]
        for name in ("labels", "bands"):
            if getattr(self, name) is not None:
                given.append(f"{name}={list(getattr(self, name))}")
        shown = {"hysteresis": 0.0, "only_tighten": False, "priority": 0, "name": NAME}
        given += [
            f"{name}={getattr(self, name)!r}"
            for name, usual in shown.items()
            if getattr(self, name) != usual
        ]
        return f"{NAME}({', '.join(given)})"


def _labels(given: Any) -> tuple[float, ...]:
    labels = tuple(map(_label, given))
    if len(set(labels)) < len(labels):
        raise InvalidRuleError(f"{NAME}: each label stands for one rule, there were {labels}")
    return labels


def _label(given: Any) -> float:
    label = number_or_nan(given)
    if not isfinite(label):
        raise InvalidRuleError(
            f"{NAME}: labels are numbers, as columns are; make codes of texts first, was {given!r}"
        )
    return label


def _edges(given: Any) -> tuple[float, ...]:
    try:
        edges = tuple(map(number_or_nan, given))
    except TypeError:
        edges = ()
    if not edges or not all(map(isfinite, edges)) or any(a >= b for a, b in pairwise(edges)):
        raise InvalidRuleError(f"{NAME}: bands must be edges that rise, [20, 30], were {given!r}")
    return edges
