"""Limits on what the portfolio may carry, at its marks."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ml4t.backtest.core.missing import is_missing
from ml4t.backtest.risk.limits.limit_spec import LimitKind, LimitSpec
from ml4t.backtest.risk.limits.portfolio_limit import SizeLimit, checked_size
from ml4t.backtest.risk.rule import InvalidRuleError


@dataclass(frozen=True, repr=False)
class MaxLeverage(SizeLimit):
    """Gross exposure is at most so many times equity.

    Parameters
    ----------
    leverage : float
    on_breach : "reject", "scale", "warn", "halt" or "flatten"
    resume, priority, name
    """

    kind: ClassVar[LimitKind] = LimitKind.GROSS
    reason: ClassVar[str] = "max_leverage"

    leverage: float

    def _given(self) -> dict[str, Any]:
        return {"leverage": self.leverage}


@dataclass(frozen=True, repr=False)
class MaxGrossExposure(SizeLimit):
    """The values of all positions, longs and shorts, come to at most so much.

    Parameters
    ----------
    pct : float, optional
        A part of equity; 1.5 is 150%.
    value : float, optional
        Currency.
    on_breach : "reject", "scale", "warn", "halt" or "flatten"
    resume, priority, name
    """

    kind: ClassVar[LimitKind] = LimitKind.GROSS
    reason: ClassVar[str] = "max_gross_exposure"

    pct: float | None = None
    value: float | None = None


@dataclass(frozen=True, repr=False)
class MaxNetExposure(SizeLimit):
    """Longs less shorts come to at most so much, on either side.

    Parameters
    ----------
    pct : float, optional
        A part of equity.
    value : float, optional
        Currency.
    on_breach : "reject", "scale", "warn", "halt" or "flatten"
    resume, priority, name
    """

    kind: ClassVar[LimitKind] = LimitKind.NET
    reason: ClassVar[str] = "max_net_exposure"

    pct: float | None = None
    value: float | None = None


@dataclass(frozen=True, repr=False)
class MaxPositionWeight(SizeLimit):
    """A position is worth at most so much of equity, long or short.

    Parameters
    ----------
    pct : float
        A part of equity.
    on_breach : "reject", "scale", "warn", "halt" or "flatten"
    resume, priority, name
    """

    kind: ClassVar[LimitKind] = LimitKind.WEIGHT
    reason: ClassVar[str] = "max_position_weight"

    pct: float


@dataclass(frozen=True, repr=False)
class MaxGroupExposure(SizeLimit):
    """The positions of a group, of a sector say, come to at most so much, longs and shorts.

    Parameters
    ----------
    groups : mapping
        Asset to the label of its group; has to name every asset of the run.
    pct : float or mapping, optional
        A part of equity for each group, or by label.
    value : float or mapping, optional
        Currency.
    on_breach : "reject", "scale", "warn", "halt" or "flatten"
    resume, priority, name
    """

    kind: ClassVar[LimitKind] = LimitKind.GROUP
    reason: ClassVar[str] = "max_group_exposure"

    groups: Mapping[str, Any]
    pct: float | Mapping[Any, float] | None = None
    value: float | Mapping[Any, float] | None = None

    def _made(self) -> LimitSpec:
        cls = type(self).__name__
        groups: Any = self.groups
        if not isinstance(groups, Mapping) and hasattr(groups, "to_dict"):
            groups = groups.to_dict()
        if not isinstance(groups, Mapping) or not groups:
            raise InvalidRuleError(
                f"{cls}: groups must map each asset to its group, was {type(self.groups).__name__}"
                f"{' of nothing' if isinstance(groups, Mapping) else ''}"
            )
        if any(isinstance(label, Mapping) for label in groups.values()):
            raise InvalidRuleError(
                f"{cls}: groups must map each asset to its group, was a table of columns: take the one that names groups"
            )
        missing = [asset for asset, label in groups.items() if is_missing(label)]
        if missing:
            raise InvalidRuleError(
                f"{cls}: the group of {missing[0]!r} is missing (groups has {groups[missing[0]]!r}): name one for each asset, "
                "'other' say"
            )
        unhashable = [asset for asset, label in groups.items() if not isinstance(label, Hashable)]
        if unhashable:
            raise InvalidRuleError(
                f"{cls}: the group of {unhashable[0]!r} must be a label, was {groups[unhashable[0]]!r}"
            )
        object.__setattr__(self, "groups", dict(groups))
        given = self._given()
        bounds = next(iter(given.values()), None)
        if len(given) != 1 or not isinstance(bounds, Mapping):
            return super()._made()
        [(name, _)] = given.items()
        checked = {label: checked_size(cls, name, bound) for label, bound in bounds.items()}
        if not checked:
            raise InvalidRuleError(f"{cls}: {name} must have a bound for every group, had none")
        object.__setattr__(self, name, checked)
        return LimitSpec(
            self.kind,
            self.reason,
            0.0,
            name == "pct",
            **self._common(),
            groups=self.groups,
            by_group=checked,
        )

    def _more(self) -> dict[str, Any]:
        return {"groups": self.groups}
