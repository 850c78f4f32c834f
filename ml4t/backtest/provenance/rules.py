"""Risk rules as a run file names them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ml4t.backtest import risk
from ml4t.backtest.provenance.classes import class_spec, given_fields, parameters_of
from ml4t.backtest.provenance.errors import DescriptionError
from ml4t.backtest.provenance.plain_values import plain
from ml4t.backtest.risk import RiskRule, limits, rules
from ml4t.backtest.risk.function_rule import FunctionRule, as_rule, each_rule

GROUPS = ("AllOf", "AnyOf", "CompositeRule", "RegimeDependentRule")
"""Rules that have rules as members."""
RULES: dict[str, type[RiskRule]] = {
    name: getattr(risk, name)
    for name in (*rules.__all__, *limits.__all__, *GROUPS)
    if name not in ("LimitBreach", "PortfolioLimit", "PortfolioRule")
}
"""The rules that a file names without a module."""


def describe_rules(given: Any, *, again: bool = True) -> list[dict[str, Any]]:
    """Return each rule, of one or several, by its name and parameters; (rule, assets) is one for some assets.

    Raises
    ------
    DescriptionError
        As :func:`describe_rule`.
    """
    return [
        _rule_and_assets(rule, f"rules[{place}]", again)
        for place, rule in enumerate(each_rule(given))
    ]


def _rule_and_assets(given: Any, field: str, again: bool) -> dict[str, Any]:
    if not isinstance(given, tuple):
        return describe_rule(as_rule(given), field, again=again)
    rule, assets = given
    names = [assets] if isinstance(assets, str) else list(assets)
    described = describe_rule(as_rule(rule), field, again=again)
    return {**described, "assets": plain(names, f"{field}.assets")}


def describe_rule(rule: RiskRule, field: str, *, again: bool = True) -> dict[str, Any]:
    """Return a rule by its name and parameters, members within.

    Parameters
    ----------
    rule : RiskRule
    field : str
        Where it stands, for messages.
    again : bool
        As in :func:`~ml4t.backtest.provenance.classes.parameters_of`.

    Raises
    ------
    DescriptionError
        If it is a function, or of a class that a file cannot name.
    """
    if isinstance(rule, FunctionRule):
        raise DescriptionError(
            f"{field}: {rule.name} is a function, and a file can name classes only; make it a subclass of "
            "RiskRule in a module"
        )
    kind = type(rule)
    built_in = RULES.get(kind.__name__) is kind
    name = kind.__name__ if built_in else class_spec(kind, field)
    if not hasattr(kind, "__dataclass_fields__"):
        return {"rule": name, **parameters_of(rule, field, again=again)}
    given = given_fields(rule)
    members: Iterable[RiskRule] = given.pop("rules", ())
    content = {"rule": name, **plain(given, field)}
    if members:
        content["rules"] = [
            describe_rule(member, f"{field}.rules[{place}]", again=again)
            for place, member in enumerate(members)
        ]
    return content
