"""The ten bars of semantics section 4 as data: what the files beside this one ask, and who answered what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from parity.scenarios import Scenario
from parity.tables import FIELDS, Table, table

FOLDER = Path(__file__).parent
LINE = 116
ENTRY = 100.0
"""The close of the first bar, off which the levels of a question lie."""


@dataclass(frozen=True)
class Question:
    """Bars, an order at the close of the first of them, and the levels of the position that it opens.

    ``README.md`` says what each part means.
    """

    case: str
    side: str
    bars: list[list[float]]
    orders: list[dict[str, Any]]
    levels: dict[str, float]
    answers: list[dict[str, Any]]
    peers: dict[str, dict[str, Any]]

    def __str__(self) -> str:
        return f"{self.case} {self.side}"

    @property
    def sign(self) -> int:
        return 1 if self.side == "long" else -1

    def can_be_asked(self, peer: str) -> bool:
        """Return whether a peer has what the question needs; the file says why where it has not."""
        return self.peers[peer].get("answer", "") is not None

    def fraction(self, name: str) -> float | None:
        """Return how far a stop or target lies from the entry; None where there is none."""
        if name not in self.levels:
            return None
        towards = 1 if name == "target" else -1
        return round(self.sign * towards * (self.levels[name] / ENTRY - 1), 12)

    def job(self) -> dict[str, Any]:
        """Return the question as a scenario that peers are asked: a flat bar stands before its bars."""
        scenario = Scenario(
            str(self),
            side=self.side,
            quantity=float(self.orders[0]["quantity"]),
            stop=self.fraction("stop"),
            target=self.fraction("target"),
            trail=self.levels.get("trail"),
        )
        return {**asdict(scenario), "data": str(self), "entries": [1], "exits": []}

    def table(self) -> Table:
        """Return the bars for :meth:`job`, so that a bar has the number there that it has here."""
        bars = np.array([[ENTRY] * len(FIELDS), *self.bars], float)
        prices = {field: bars[:, [i]] for i, field in enumerate(FIELDS)}
        return Table(table("aapl").times[: len(bars)], ("A",), prices)


def files() -> list[Path]:
    return sorted(FOLDER.glob("*.json"))


def questions() -> Iterator[Question]:
    """Yield all questions, by case."""
    for path in files():
        kept = json.loads(path.read_text(encoding="utf-8"))
        for asked in kept["questions"]:
            yield Question(kept["case"], **asked)


def write_answers(peer: str, version: str, played: dict[str, Any]) -> None:
    """Write what a peer answered into the files; what is said of the answers stays as it is."""
    for path in files():
        kept = json.loads(path.read_text(encoding="utf-8"))
        for asked in kept["questions"]:
            question = Question(kept["case"], **asked)
            if question.can_be_asked(peer):
                answer = answer_of(played[str(question)]["trades"])
                asked["peers"][peer] = {"version": version, "answer": answer} | {
                    name: said
                    for name, said in question.peers[peer].items()
                    if name not in ("version", "answer")
                }
        path.write_text(text(kept) + "\n", encoding="utf-8")


def answer_of(trades: list[list[Any]]) -> dict[str, Any] | str:
    """Return when and at what price the one position was left; ``held`` where it was not."""
    if not trades:
        return "held"
    ((_, _, _, exit_bar, _, exit_price, *_),) = trades
    return {"bar": exit_bar, "price": exit_price}


def text(value: Any, depth: int = 0, taken: int = 0) -> str:
    """Return JSON in which everything stands on one line that fits there, ``taken`` characters left out."""
    plain = json.dumps(value)
    if 2 * depth + taken + len(plain) < LINE or not isinstance(value, dict | list):
        return plain
    pad = "  " * (depth + 1)
    if isinstance(value, list):
        parts, brackets = [text(one, depth + 1) for one in value], "[]"
    else:
        names = {name: f"{json.dumps(name)}: " for name in value}
        parts = [head + text(value[name], depth + 1, len(head)) for name, head in names.items()]
        brackets = "{}"
    inside = ",\n".join(pad + part for part in parts)
    return f"{brackets[0]}\n{inside}\n{pad[2:]}{brackets[1]}"
