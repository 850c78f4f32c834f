"""Random cases drawn by hypothesis: what fails is shrunk to few bars, assets and rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from reference import Case, Outcome, Rule, random_case, run

# A failure names these four numbers; `case_of` makes the market of them again.
SIZES = {
    "number": st.integers(0, 2**40),
    "n_assets": st.sampled_from((1, 2, 3, 4, 12)),
    "n_times": st.integers(5, 40),
    "n_rules": st.integers(0, 6),
}


def case_of(number: int, n_assets: int, n_times: int, n_rules: int) -> Case:
    return random_case(Random(number), n_assets, n_times, n_rules)


def reference_run(case: Case, mutation: str | None = None) -> Outcome:
    return run(case.market, case.script, case.rules, case.settings, mutation)


def without_scripts(rules: list[Rule]) -> list[Rule]:
    """The rules that are no script; a multiple of the risk goes with it, which may have armed the only stop."""
    return [
        rule
        for rule in rules
        if rule.kind != "scripted" and not any(one.form == "risk" for one in (rule, *rule.members))
    ]


def unlimited(case: Case) -> Case:
    return replace(case, settings=replace(case.settings, limits=()))


def for_markets(
    shard: int, markets: int, check: Callable[[Case], None], *, limits: bool = True
) -> None:
    """Call `check` with so many random cases, the same ones for the same shard; without limits of the portfolio
    where what is asked does not hold of them."""

    @seed(shard)
    @settings(
        max_examples=markets, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(**SIZES)
    def each(number: int, n_assets: int, n_times: int, n_rules: int) -> None:
        case = case_of(number, n_assets, n_times, n_rules)
        check(case if limits else unlimited(case))

    each()
