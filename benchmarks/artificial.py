"""Rules of a known price, to test the gate with."""

from __future__ import annotations

import time
from functools import partial

import numpy as np

from benchmarks.gate_workloads import GATES, Gate, one_asset
from benchmarks.harness import Comparison, measure_pairs
from ml4t.backtest.risk import RiskContext, RiskDecision, RiskRule
from ml4t.backtest.risk.spec import RuleSpec


class Costly(RiskRule):
    """A rule that does nothing, and takes its time over it: once for every order.

    Parameters
    ----------
    nanoseconds : int
        What an order costs; with 0 the rule is free.
    """

    def __init__(self, nanoseconds: int) -> None:
        self.nanoseconds = nanoseconds

    def evaluate(self, context: RiskContext) -> RiskDecision:
        """Do nothing."""
        return RiskDecision.no_action()

    def lower(self) -> tuple[RuleSpec, ...]:
        """Return no level: the engine has nothing to ask for in a bar."""
        return ()

    def validate_order(self, order: object, context: RiskContext) -> object:
        """Wait, and let the order pass."""
        end = time.process_time_ns() + self.nanoseconds
        while time.process_time_ns() < end:
            pass
        return order


def artificial_gate(cost: float) -> Gate:
    """Return G1 with one rule that makes a run slower by the fraction ``cost``; without a cost a free one beside none."""
    g1 = GATES["G1"]
    return Gate(
        f"G1 + {cost:.0%}", "an artificial rule", partial(_with_cost, cost), g1.bound, g1.n_times
    )


def _with_cost(cost: float, n_times: int) -> Comparison:
    # One order a run, the first bar's: the rule is asked once.
    build = partial(one_asset, n_times, every=n_times)
    free = build(rules=[Costly(0)])
    if cost == 0.0:
        return free
    # As the gate measures: with garbage collection on, the run would take longer than it does there.
    usual = np.median(measure_pairs(free, 16)[:, 1])
    # Against the free rule: what it takes to ask any rule at all is not part of the price.
    return build(beside=[Costly(0)], rules=[Costly(int(cost * usual))])
