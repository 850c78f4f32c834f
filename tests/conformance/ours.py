"""The ten bars put to ml4t.backtest, by rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from conformance.questions import Question
from parity.answers import TOLERANCE, apart
from scenes import buy_first, run, sell_first

from ml4t.backtest import BacktestResult
from ml4t.backtest.risk import (
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    RiskManager,
    RiskRule,
    TrailingStop,
)


def rules_of(question: Question) -> list[RiskRule]:
    """Return the levels of a question as rules: prices, and of a trail the fraction."""
    levels = question.levels
    if "trail" in levels:
        return [TrailingStop(levels["trail"])]
    stop, target = levels["stop"], levels["target"]
    return [PriceBasedStopLoss(price=stop), PriceBasedTakeProfit(price=target)]


def play(
    question: Question, rules: Sequence[RiskRule] = (), *, lower: bool = True, **settings: Any
) -> BacktestResult:
    """Run the bars of a question under settings, with its own rules where there are no others."""
    return run(
        [tuple(bar) for bar in question.bars],
        acts={0: buy_first if question.sign > 0 else sell_first},
        risk_manager=RiskManager(rules or rules_of(question), lower=lower),
        **settings,
    )


def differs(question: Question, peer: str) -> str:
    """Say where a profile answers otherwise than its peer, or alike although the file says why it does not."""
    said = question.peers[peer]
    if said["answer"] is None:
        return ""
    result = play(question, profile=peer, **said.get("settings", {}))
    ours = [
        (float(result.equity.index.get_loc(row.exit_time) + 1), row.exit_price)
        for row in result.trades.itertuples()
    ]
    theirs = []
    if said["answer"] != "held":
        theirs = [(said["answer"]["bar"], said["answer"]["price"])]
    alike = len(ours) == len(theirs) and all(
        apart(mine, other) <= TOLERANCE
        for pair in zip(ours, theirs, strict=True)
        for mine, other in zip(*pair, strict=True)
    )
    if alike == ("why" not in said):
        return ""
    return (
        f"{question}: {peer} left at {theirs}, its profile at {ours}; {said.get('why', 'no why')}"
    )
