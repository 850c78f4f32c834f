"""Columns that rules name and the data do not have: indicators, computed for the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ml4t.backtest.data.features.computed_columns import ComputedColumns, indicators_missing
from ml4t.backtest.data.features.indicators import Indicator
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.risk import RiskManager
from ml4t.backtest.risk.function_rule import each_rule
from ml4t.backtest.risk.rule import RiskRule


def rules_of(arguments: Mapping[str, Any]) -> tuple[object, ...]:
    """Return the rules among the arguments of a run, given as such or by a risk manager."""
    manager, rules = arguments.get("risk_manager"), arguments.get("rules")
    if isinstance(manager, RiskManager):
        return manager.rules
    return () if rules is None else each_rule(rules)


def rule_indicators(rules: Iterable[object], data: MarketData) -> dict[str, Indicator]:
    """Return the indicators that rules name in the place of columns, by that name.

    Raises
    ------
    DataError
        If one cannot be made of its parameters.
    """
    names = [
        name
        for rule in rules
        if getattr(rule, "_may_compute", True) and isinstance(rule, RiskRule)
        for name in (*rule.frozen_columns, *rule.live_columns)
    ]
    return indicators_missing(names, data) if names else {}


def computed_columns(rules: Iterable[object], first: MarketData) -> ComputedColumns | None:
    """Return what adds the indicators of rules to the chunks of a run; None where there are none."""
    missing = rule_indicators(rules, first)
    return ComputedColumns(missing, first.n_assets) if missing else None


def with_rule_columns(data: MarketData, rules: Iterable[object]) -> MarketData:
    """Return market data as a whole, with the indicators of rules."""
    columns = computed_columns(rules, data)
    return data if columns is None else columns.joined(data)
