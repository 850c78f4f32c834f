"""Rules that are added during a run: what such a rule cannot have any more is refused before anything changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.features.named_indicator import indicator_named
from ml4t.backtest.market.column_names import unknown_name
from ml4t.backtest.risk.compiled_rule import CompiledRule
from ml4t.backtest.risk.rule import InvalidRuleError, RiskRule
from ml4t.backtest.risk.stop_needed import check_stops

if TYPE_CHECKING:
    from ml4t.backtest.market.market_data import MarketData


def check_late(
    rules: Sequence[RiskRule],
    assets: Sequence[str] | None,
    in_force: Callable[[], Iterable[tuple[RiskRule, Sequence[str] | None, str]]],
    data: MarketData,
    *,
    computes: bool,
    has_begun: bool,
) -> None:
    """Refuse rules that read a column which the run does not have, or multiply a risk that no rule measures.

    Parameters
    ----------
    rules : sequence of RiskRule
        Those that are added.
    assets : sequence of str, optional
        Which they are for; all by default.
    in_force : callable
        Returns (RiskRule, assets or None, label) of each rule in force; called for a target by the risk alone.
    data : MarketData
        With the columns that rules read.
    computes : bool
        Whether the run has computed the indicators that its rules named when it began; by hand none does.
    has_begun : bool
        Whether the first timestamp has come: until then the stop may be added after its target.

    Raises
    ------
    KeyError
        If an asset is not in the market data.
    InvalidRuleError
        Naming the rule, and the column or the asset.
    """
    for name in assets or ():
        data.code(name)
    _check_columns(rules, data, computes)
    if has_begun:
        check_stops([(rule, assets, rule.name) for rule in rules], data.assets, in_force)


def _check_columns(rules: Iterable[RiskRule], data: MarketData, computes: bool) -> None:
    for rule in rules:
        own = rule.columns if isinstance(rule, CompiledRule) else ()
        for name in (*rule.frozen_columns, *rule.live_columns, *own):
            if name not in data.features and name not in data.context:
                known = [*data.features, *data.context]
                raise InvalidRuleError(
                    f"{rule.name}: {_missing(name, known, computes and name not in own)}"
                )


def _missing(name: Any, known: Sequence[str], computes: bool) -> str:
    """Say what to do for a column that is not there."""
    try:
        indicator = indicator_named(name) if computes and isinstance(name, str) else None
    except DataError as error:
        return str(error)
    if indicator is None:
        return (
            f"columns are joined before a run, so give {name!r} among the features (features=, with_features); there is "
            f"{unknown_name(name, known)}"
        )
    start = f"{name!r} is computed before a run, for the rules that it begins with"
    if indicator.name in known:
        return f"{start}; name the column {indicator.name!r}, or add the rule before the run"
    return (
        f"{start}; add the rule before the run, or give {name} among the features (features=, with_features) and name its "
        f"column, {indicator.name!r}"
    )
