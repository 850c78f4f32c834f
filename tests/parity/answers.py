"""What an engine answers to a scenario, and how far two answers lie apart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent / "answers"
TOLERANCE = 1e-9


class Trade(NamedTuple):
    """One round trip; bars are numbers of rows of the table, money is after commission."""

    asset: str
    side: str
    entry_bar: int
    exit_bar: int
    entry_price: float
    exit_price: float
    quantity: float
    net_pnl: float

    @property
    def what(self) -> tuple[str, str, int, int]:
        return self[:4]

    @property
    def numbers(self) -> tuple[float, ...]:
        return self[4:]


@dataclass(frozen=True)
class Answer:
    trades: tuple[Trade, ...]
    final_equity: float


@dataclass(frozen=True)
class Recorded:
    """The answers of one version of a peer."""

    peer: str
    version: str
    fingerprints: dict[str, str]
    answers: dict[str, Answer]


def answer(trades: list[list[Any]], final_equity: float) -> Answer:
    """Return an answer with its trades in an order that is everybody's: by exit, entry and asset."""
    rows = (Trade(*row) for row in trades)
    return Answer(
        tuple(sorted(rows, key=lambda row: (row.exit_bar, row.entry_bar, row.asset))), final_equity
    )


def apart(one: float, other: float) -> float:
    """Return the relative difference of two numbers; 0 where they are equal."""
    return 0.0 if one == other else abs(one - other) / max(abs(one), abs(other))


def largest_difference(one: Answer, other: Answer) -> float:
    """Return the largest relative difference of any number; infinity where other trades were made."""
    if [row.what for row in one.trades] != [row.what for row in other.trades]:
        return float("inf")
    pairs = [(one.final_equity, other.final_equity)]
    for mine, theirs in zip(one.trades, other.trades, strict=True):
        pairs += zip(mine.numbers, theirs.numbers, strict=True)
    return max(apart(*pair) for pair in pairs)


def unequal(one: Answer, other: Answer) -> tuple[Trade, Trade] | None:
    """Return the first two trades that are not the same; None where there are none."""
    for mine, theirs in zip(one.trades, other.trades, strict=False):
        numbers = zip(mine.numbers, theirs.numbers, strict=True)
        if mine.what != theirs.what or any(apart(*pair) > TOLERANCE for pair in numbers):
            return mine, theirs
    return None


def first_difference(one: Answer, other: Answer) -> str:
    """Say where two answers part; empty where they agree."""
    if trades := unequal(one, other):
        return "\n".join(map(str, trades))
    if len(one.trades) != len(other.trades):
        return f"{len(one.trades)} trades and {len(other.trades)}"
    if apart(one.final_equity, other.final_equity) > TOLERANCE:
        return f"final equity {one.final_equity!r} and {other.final_equity!r}"
    return ""


def path_of(peer: str) -> Path:
    return FOLDER / f"{peer}.json"


@cache
def read(peer: str) -> Recorded:
    """Return what a peer answered when it was last recorded."""
    kept = json.loads(path_of(peer).read_text(encoding="utf-8"))
    scenarios = kept["scenarios"]
    return Recorded(
        peer,
        kept["version"],
        {name: given["inputs"] for name, given in scenarios.items()},
        {name: answer(given["trades"], given["final_equity"]) for name, given in scenarios.items()},
    )


def text(version: str, scenarios: dict[str, dict[str, Any]]) -> str:
    """Return a file of answers: a trade on a line, floats as Python writes them."""
    blocks = []
    for name, given in scenarios.items():
        trades = ",\n".join(f"    {json.dumps(row)}" for row in given["trades"])
        blocks.append(
            f'  {json.dumps(name)}: {{"inputs": {json.dumps(given["inputs"])}, '
            f'"final_equity": {given["final_equity"]!r}, "trades": [\n{trades}]}}'
        )
    return f'{{"version": {json.dumps(version)}, "scenarios": {{\n' + ",\n".join(blocks) + "}}\n"
