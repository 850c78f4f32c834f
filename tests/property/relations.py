"""Relations: what the run of a case and the run of a variant of it have in common, whatever the numbers are.

A relation takes a case and a way to run cases, and says where the two runs part. The compiled engine
keeps it on random markets; with a deliberate error of the reference it is broken, or it proves nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

import pytest
from property.adapter import compiled
from property.differences import TABLES
from property.markets import for_markets, reference_run, unlimited
from reference import Case, Outcome, random_case
from reference.limit import BY_UNITS, LOSSES
from reference.records import Equity

Run = Callable[[Case], Outcome]
Relation = Callable[[Case, Run], list[str]]

SHARDS = 2
MARKETS = 250
LEAST = 10  # runs in which each scene is met, in each shard

shards = pytest.mark.parametrize("shard", range(SHARDS))


def assert_kept(
    relation: Relation,
    shard: int,
    without: tuple[str, ...] = (),
    engine: Run = compiled,
    *,
    limits: bool = True,
) -> None:
    """The engine keeps the relation on random markets, which meet every scene but those; without limits of the
    portfolio where it does not hold of them."""
    if not limits:
        without = (*without, "limit")
    met: Counter = Counter()

    def run(case: Case) -> Outcome:
        out = engine(case)
        met.update(set(scenes(case, out)))
        return out

    def check(case: Case) -> None:
        assert relation(case, run) == []

    for_markets(500 + shard, MARKETS, check, limits=limits)
    rare = {scene: met[scene] for scene in SCENES if met[scene] < LEAST and scene not in without}
    assert rare == {}


def assert_found(relation: Relation, mutation: str) -> None:
    """A deliberate error of the reference breaks the relation, on a market on which it holds else."""
    for seed in range(300):
        case = unlimited(random_case(Random(seed)))
        if relation(case, lambda one: reference_run(one, mutation)):
            assert relation(case, reference_run) == []
            return
    pytest.fail(f"not found: {mutation}")


def rng_of(case: Case) -> Random:
    """Chance that is the same for the same case."""
    return Random(len(case.market.bars) * 10_007 + sum(map(len, case.script.acts.values())))


LIMITS = {*BY_UNITS, *LOSSES, "max_positions", "restricted_assets", "long_only"}

# ----- what has to be met ---------------------------------------------------------------------

SCENES = (
    "cash", "margin", "next_open", "next_close", "close", "fractional", "whole",
    "trade", "short", "open at the end", "exit by rule", "exit by level", "missing row", "split", "dividend", "limit",
)  # fmt: skip


def scenes(case: Case, out: Outcome) -> Iterator[str]:
    """What a run with a fill has met."""
    if not out.fills:
        return
    settings, market = case.settings, case.market
    yield from (settings.account, settings.fill_at, settings.quantity)
    yield from (action.kind for action in market.actions)
    if len(market.bars) < len(market.timestamps) * len(market.assets):
        yield "missing row"
    if out.trades:
        yield "trade"
    if out.positions:
        yield "open at the end"
    if any(event["reason"] in LIMITS for event in out.events):
        yield "limit"
    for fill in out.fills:
        if fill["position_after"] < 0.0:
            yield "short"
        if fill["rule"] >= 0:
            yield "exit by rule" if fill["level"] != fill["level"] else "exit by level"


# ----- outcomes, rewritten --------------------------------------------------------------------


def each_row(out: Outcome, change: Callable[[str, dict], dict]) -> Outcome:
    """An outcome with every row of every table changed; the rows left in place are not touched."""

    def rows(table: str) -> list:
        if table == "equity":
            return [Equity(**change(table, row._asdict())) for row in out.equity]
        return [change(table, row) for row in getattr(out, table)]

    return Outcome(**{table: rows(table) for table in TABLES})


def without_events(out: Outcome, *kinds: str) -> Outcome:
    """An outcome without the events of these kinds, and without the numbers that count them."""

    def others(rows: list[dict]) -> list[dict]:
        return [one for one in rows if one["kind"] not in kinds]

    orders = [{name: value for name, value in one.items() if name != "place"} for one in out.orders]
    return replace(out, events=others(out.events), ledger=others(out.ledger), orders=orders)


LEVELS_TOLD = ("armed", "moved", "disarmed")


def prices_told(table: str, row: dict) -> frozenset[str]:
    """The columns before and after, where a row of the ledger tells of levels: else they are units."""
    is_price = table == "ledger" and row["kind"] in LEVELS_TOLD
    return frozenset({"before", "after"}) if is_price else frozenset()


def with_columns(row: dict, names: frozenset[str], change: Callable) -> dict:
    """A row with those of its columns changed that are among the names."""
    return {name: change(value) if name in names else value for name, value in row.items()}
