"""Every row of the conflict table: the rules, asked for the moment of the exit, name the winner."""

from dataclasses import replace
from pathlib import Path

import pytest
from unit.risk.conflicts import CONFLICTS, markdown
from unit.risk.fake_context import FakeContext

from ml4t.backtest.risk.decision import RiskDecision
from ml4t.backtest.risk.function_rule import as_rule
from ml4t.backtest.risk.rule import decision_of, labels

GUIDE = Path(__file__).parents[3] / "docs" / "risk.md"


def merged_before_the_last_bar(row):
    """Ask the rules at the last close before the exit, or at the opening, and sign each answer."""
    complete = row.bars[:-1]
    extremes = [low if row.side < 0 else high for _, high, low, _ in complete]
    water_mark = min([100.0, *extremes]) if row.side < 0 else max([100.0, *extremes])
    context = FakeContext(
        side=row.side, water_mark=water_mark, bars_held=len(complete), opening=not complete
    )
    rules = [member for rule in row.rules for member in as_rule(rule).members]
    signed = [
        replace(
            decision_of(rule, context).with_priority(rule.priority, keep=True),
            metadata={"by": label},
        )
        for rule, label in zip(rules, labels(rules), strict=True)
    ]
    signed = [sign_parts(decision) for decision in signed]
    return RiskDecision.merge(signed, side=row.side)


def sign_parts(decision):
    parts = tuple(replace(part, metadata=decision.metadata) for part in decision.parts)
    return replace(decision, parts=parts) if parts else decision


@pytest.mark.parametrize("row", CONFLICTS, ids=lambda row: row.case)
def test_the_winner_of_its_kind_is_the_one_in_the_table(row):
    winners = {
        part.metadata["by"]: (
            part.exit_type,
            part.update_stop_loss or part.update_take_profit,
            part.reason,
        )
        for part in merged_before_the_last_bar(row).elementary()
    }
    level = None if row.decided_at_close else row.level
    assert winners[row.winner] == (row.exit_type, level, row.reason)


@pytest.mark.parametrize("row", CONFLICTS, ids=lambda row: row.case)
def test_the_row_is_possible(row):
    opened, high, low, _ = row.bars[-1]
    assert all(bar[2] <= min(bar[0], bar[3]) <= max(bar[0], bar[3]) <= bar[1] for bar in row.bars)
    assert low <= row.price <= high
    assert row.price == opened or row.price == row.level


def test_the_guide_prints_the_table():
    assert markdown() in GUIDE.read_text(encoding="utf-8")
