"""Targets that are multiples of the initial risk need a rule that arms a stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ml4t.backtest.risk.decision import ExitType
from ml4t.backtest.risk.rule import InvalidRuleError, RiskRule
from ml4t.backtest.risk.spec import Form, RuleSpec

STOPS = (ExitType.STOP_LOSS, ExitType.TRAILING_STOP)


def check_stops(
    rules: Iterable[tuple[RiskRule, Sequence[str] | None, str]],
    assets: Sequence[str],
    in_force: Callable[[], Iterable[tuple[RiskRule, Sequence[str] | None, str]]] | None = None,
) -> None:
    """Refuse a target by the risk for an asset of which no rule can arm a stop.

    Parameters
    ----------
    rules : iterable of (RiskRule, assets or None, label)
        Those the run begins with, or those that are added to it. What is not lowered may arm anything.
    assets : sequence of str
        Those of the run.
    in_force : callable, optional
        Returns those to which they are added, likewise: these may arm the stop too.

    Raises
    ------
    InvalidRuleError
        Naming the rule and the asset.
    """
    given = list(rules)
    needing = [
        (label, assets if names is None else names)
        for rule, names, label in given
        if any(spec.form is Form.RISK for spec in _specs(rule) or ())
    ]
    if not needing:
        return
    others = () if in_force is None else in_force()
    stopping = [names for rule, names, _ in (*given, *others) if _may_stop(rule)]
    if any(names is None for names in stopping):
        return
    stopped = {asset for names in stopping for asset in names or ()}
    for label, needed in needing:
        for asset in needed:
            if asset not in stopped:
                raise InvalidRuleError(
                    f"{label}: r multiplies the distance to the first stop, and no rule arms one for {asset!r}; add "
                    f"a stop{'' if in_force is None else ' first'}, or name the rule's assets with add_rule(rule, assets=...)"
                )


def is_stopped(rules: Iterable[tuple[RiskRule, Sequence[str] | None, str]], asset: str) -> bool:
    """Tell whether a rule may arm a stop for an asset."""
    return any((names is None or asset in names) and _may_stop(rule) for rule, names, _ in rules)


def _may_stop(rule: RiskRule) -> bool:
    if rule.limit_spec is not None:
        return False
    specs = _specs(rule)
    return specs is None or any(spec.kind in STOPS for spec in specs)


def _specs(rule: RiskRule) -> tuple[RuleSpec, ...] | None:
    """Return the levels and exits of a rule, or of all members of a group; None where it may say anything."""
    specs, merged = rule.lower(), rule.lower_merged()
    return merged.specs if specs is None and merged is not None else specs
