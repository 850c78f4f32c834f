"""A value of an event, asked for in a Python callback, against a plain ``obj.mapping["x"]``.

``pytest -c benchmarks/pytest.ini benchmarks/bench_event_access.py -s``; see README.md.
"""

from __future__ import annotations

from collections import deque
from itertools import repeat

import numpy as np
import pytest

from benchmarks.harness import Comparison, Run, measure_pairs
from benchmarks.machine import require_release
from benchmarks.ratios import pair_ratio
from ml4t.backtest import MarketData, MarketEvent

BOUND = 1.5
# Short runs, many of them: most are not interrupted by whatever else the machine does.
N_CALLS = 4_000
N_PAIRS = 201


class Plain:
    """An object with a dict: the yardstick."""

    __slots__ = ("mapping",)

    def __init__(self) -> None:
        self.mapping = {"x": 1.0, "y": 2.0}


def plain(event):
    return event.mapping["x"]


def signals(event):
    return event.signals["x"]


def indicators(event):
    return event.indicators["y"]


def context(event):
    return event.context["z"]


def attribute(event):
    return event.x


def event() -> MarketEvent:
    """Make an event with a signal x, an indicator y and a context value z, all of them 1."""
    one = np.ones(1)
    data = MarketData.from_arrays(
        ["A"], [0], [0, 1], [0], one, one, one, one,
        features={"x": one, "y": one}, signal_names=("x",), context={"z": one},
    )  # fmt: skip
    return MarketEvent.at(data, 0, 0)


def calls(callback, argument) -> Run:
    """Call a callback many times, with no Python in between, and return what it says at last."""

    def run() -> float:
        deque(map(callback, repeat(argument, N_CALLS)), maxlen=0)
        return callback(argument)

    return run


def check(outcome: object) -> None:
    if outcome != 1.0:
        raise AssertionError(f"read {outcome}")


@pytest.mark.parametrize("callback", [signals, indicators, context, attribute])
def bench_event_access(callback):
    require_release()
    seen, object_ = event(), Plain()
    pairs = measure_pairs(
        Comparison(lambda: calls(plain, object_), lambda: calls(callback, seen), check, check),
        N_PAIRS,
    )
    yardstick, ours = np.median(pairs, axis=0) / N_CALLS
    ratio = pair_ratio(pairs)
    print(f"\n{callback.__name__}: {ours:.1f} ns, plain {yardstick:.1f} ns: {ratio:.2f}x")
    assert ratio <= BOUND
