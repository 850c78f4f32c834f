"""The tables of docs/parity.md, made from the recorded answers and ours.

``make parity`` writes them anew; a test fails where they are not what the answers say.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from parity.answers import TOLERANCE, Answer, Trade, apart, largest_difference, read, unequal
from parity.engines import PEERS, Peer
from parity.ours import play
from parity.scenarios import Scenario
from parity.tables import FIELDS, table

PAGE = Path(__file__).parents[2] / "docs" / "parity.md"


def markers(peer: Peer) -> tuple[str, str]:
    return (f"<!-- {peer.name}: begin (made by `make parity`) -->", f"<!-- {peer.name}: end -->")


def alike(honest: Answer, theirs: Answer) -> int:
    """Count the trades that both made, at the same bars and prices; the money may differ."""

    def made(answer: Answer) -> Counter[tuple[object, ...]]:
        return Counter(
            (*row.what, *(float(f"{price:.9g}") for price in (row.entry_price, row.exit_price)))
            for row in answer.trades
        )

    return sum((made(honest) & made(theirs)).values())


def equal_rows(peer: Peer, answers: dict[str, Answer]) -> list[str]:
    rows = [
        "| scenario | trades | largest difference | default: same trades | default: final equity |",
        "| --- | --- | --- | --- | --- |",
    ]
    for scenario in peer.scenarios:
        theirs, honest = answers[scenario.name], play(scenario)
        largest = largest_difference(play(scenario, peer.name), theirs)
        rows.append(
            f"| {scenario.name} | {len(theirs.trades)} | {f'{largest:.0e}' if largest else 0} "
            f"| {alike(honest, theirs)} of {len(honest.trades)} "
            f"| {lies_apart(honest.final_equity, theirs.final_equity)} |"
        )
    return rows


def lies_apart(honest: float, theirs: float) -> str:
    """Return how far an equity lies from another, in percent of it."""
    return "same" if apart(honest, theirs) <= TOLERANCE else f"{100 * (honest / theirs - 1):+.2f}%"


def quirk_rows(peer: Peer, answers: dict[str, Answer]) -> list[str]:
    rows = [
        "| quirk | bar | open / high / low / close | theirs | ours |",
        "| --- | --- | --- | --- | --- |",
    ]
    for scenario in peer.quirks:
        theirs, ours = unequal(answers[scenario.name], play(scenario, peer.name))
        bar = first_bar(theirs, ours)
        rows.append(
            f"| {scenario.name} | {day(scenario, bar)} | {bar_of(scenario, bar)} "
            f"| {said(scenario, theirs)} | {said(scenario, ours)} |"
        )
    return rows


def first_bar(one: Trade, other: Trade) -> int:
    """Return the first bar at which two trades part."""
    if one.entry_bar != other.entry_bar or apart(one.entry_price, other.entry_price) > 0:
        return min(one.entry_bar, other.entry_bar)
    return min(one.exit_bar, other.exit_bar)


def day(scenario: Scenario, bar: int) -> str:
    return str(table(scenario.data).times[bar].date())


def bar_of(scenario: Scenario, bar: int) -> str:
    prices = table(scenario.data).prices
    return " / ".join(f"{prices[field][bar, 0]:g}" for field in FIELDS)


def said(scenario: Scenario, trade: Trade) -> str:
    opened, closed = day(scenario, trade.entry_bar), day(scenario, trade.exit_bar)
    return (
        f"{trade.side} {opened} at {trade.entry_price:.7g}, out {closed} at {trade.exit_price:.7g}"
    )


def tables(peer: Peer) -> str:
    """Return both tables of a peer."""
    answers = read(peer.name).answers
    return "\n".join([*equal_rows(peer, answers), "", *quirk_rows(peer, answers)])


def written(text: str) -> str:
    """Return the page with all its tables made anew."""
    for peer in PEERS:
        begin, end = markers(peer)
        before, rest = text.split(begin)
        text = f"{before}{begin}\n\n{tables(peer)}\n\n{end}{rest.split(end)[1]}"
    return text


def main() -> None:
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
