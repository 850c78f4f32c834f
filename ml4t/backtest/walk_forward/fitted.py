"""What a fit returns: a strategy with all it needs to run, and the parameters that were chosen."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ml4t.backtest.backtest.rule_columns import rule_indicators, rules_of, with_rule_columns
from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.core.named_arguments import unknown_argument
from ml4t.backtest.market.cut import cut
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.strategy.strategy import Strategy
from ml4t.backtest.walk_forward.errors import WalkForwardError
from ml4t.backtest.walk_forward.train_and_test import Piece


@dataclass(frozen=True)
class Fitted:
    """What a train part has led to.

    Parameters
    ----------
    strategy : Strategy
        A copy of it is run.
    rules : RiskRule or callable, or list of them, optional
    risk_manager : RiskManager, optional
    config : BacktestConfig, optional
        In place of that of the walk.
    signals, features : optional
        As ``MarketData.with_signals`` and ``with_features`` take them, or a function that makes them of a
        :class:`Piece`: of the test part, and of the train part where the run over it is measured.
    parameters : mapping
        What was chosen, for the table of parts.
    details : optional
        What else is worth keeping; of :func:`best_of` a tuple of the sweeps, one for each stretch of the train part.
    """

    strategy: Strategy
    rules: Any = None
    risk_manager: Any = None
    config: BacktestConfig | None = None
    signals: Any = None
    features: Any = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    details: Any = None

    def arguments(self) -> dict[str, Any]:
        """Return copies of what ``run_backtest`` takes besides market data and settings."""
        memo: dict[int, Any] = {}
        given = {
            "strategy": self.strategy,
            "rules": self.rules,
            "risk_manager": self.risk_manager,
        }
        return {name: copy.deepcopy(one, memo) for name, one in given.items() if one is not None}

    @property
    def is_known_before(self) -> bool:
        """Whether it can be run over the train part too: no table was made for the test part alone."""
        return not any(
            one is not None and not callable(one) and _is_table(one)
            for one in (self.signals, self.features)
        )

    def joined(self, data: MarketData, piece: Piece, first: int, last: int) -> MarketData:
        """Return the bars of a part with signals and features.

        Parameters
        ----------
        data : MarketData
            All of it; what comes after the part is cut off before anything is computed.
        piece : Piece
            What functions make signals of.
        first, last : int
            Numbers of timestamps.
        """
        given = {
            name: made(piece) if callable(made) and not isinstance(made, type) else made
            for name, made in (("signals", self.signals), ("features", self.features))
            if made is not None
        }
        rules = rules_of({"rules": self.rules, "risk_manager": self.risk_manager})
        if not given and not rule_indicators(rules, data):
            return cut(data, first, last)
        known = cut(data, 0, last)
        # Indicators begin before the part: they are computed from what was known.
        if "features" in given:
            known = known.with_features(given["features"])
        if "signals" in given:
            known = known.with_signals(given["signals"])
        known = with_rule_columns(known, rules)
        return cut(known, first, last)


Fit = Callable[[Piece], "Fitted | Mapping[str, Any] | Strategy"]
NAMES = tuple(one.name for one in fields(Fitted))
OF_PARTS = (
    "split", "group", "path", "train_start", "train_end", "test_start", "test_end", "in_sample", "out_of_sample",
)  # fmt: skip
"""Columns of the table of parts beside parameters."""


def as_fitted(given: Any, what: str) -> Fitted:
    """Return what a fit has returned as :class:`Fitted`.

    Raises
    ------
    WalkForwardError
        If it is neither that, a strategy, nor a mapping of its fields.
    """
    if isinstance(given, Strategy):
        given = Fitted(given)
    elif isinstance(given, Mapping):
        for name in given:
            if name not in NAMES:
                raise WalkForwardError(f"{what}: {unknown_argument(name, NAMES)}")
        if "strategy" not in given:
            raise WalkForwardError(f"{what} gives no strategy")
        given = Fitted(**given)
    elif not isinstance(given, Fitted):
        raise WalkForwardError(
            f"{what} must return a strategy, a mapping with one, or Fitted, returned {type(given).__name__}"
        )
    if not isinstance(given.strategy, Strategy):
        raise WalkForwardError(
            f"{what}: strategy must be a Strategy, was {type(given.strategy).__name__}"
        )
    if given.rules is not None and given.risk_manager is not None:
        raise WalkForwardError(f"{what}: give rules or risk_manager, not both")
    if given.config is not None and not isinstance(given.config, BacktestConfig):
        raise WalkForwardError(
            f"{what}: config must be a BacktestConfig, was {type(given.config).__name__}"
        )
    if not isinstance(given.parameters, Mapping):
        raise WalkForwardError(
            f"{what}: parameters must be a mapping, was {type(given.parameters).__name__}"
        )
    for name in given.parameters:
        if name in OF_PARTS:
            raise WalkForwardError(
                f"{what}: the parameter {name} has the name of another column of the parts; call it otherwise"
            )
    return given


def _is_table(given: Any) -> bool:
    if isinstance(given, str):
        return False
    if isinstance(given, Mapping):
        return any(map(_is_table, given.values()))
    if isinstance(given, list | tuple):
        return any(map(_is_table, given))
    return hasattr(given, "columns") or hasattr(given, "source") or hasattr(given, "values")
