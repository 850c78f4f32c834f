"""`make compare` fails what is slower, and not what is only noisy: on timings whose truth is known."""

import itertools

import numpy as np
import pytest

from benchmarks.compare import SLOWER, Verdict, compare, verdict
from benchmarks.compared import digest, measure
from benchmarks.workloads import BENCHMARKS


def process(nanoseconds, outcome="one"):
    return {"B1": {"nanoseconds": nanoseconds, "outcome": outcome}}


def machine(slower, noise, seed):
    """Make two revisions on a machine where processes scatter by ``noise``: each call is a process."""
    rng = np.random.default_rng(seed)

    def measured(factor):
        return process([20e6 * factor * np.exp(rng.normal(0, noise))] * 3)

    return (lambda: measured(1.0)), (lambda: measured(1.0 + slower))


def compared(slower, noise, seed=0, **options):
    (found,) = compare(*machine(slower, noise, seed), ["B1"], **options)
    return found


def test_a_process_counts_by_its_median_run():
    rounds = [(process([100, 101, 900]), process([102, 1, 120]))] * 3
    found = verdict("B1", rounds)
    assert (found.old, found.new) == (101, 102)
    assert found.ratio == pytest.approx(102 / 101)


def test_the_ratio_is_the_median_of_the_rounds():
    # 1.0, 1.5, 3.0
    rounds = [(process([100]), process([new])) for new in (100, 150, 300)]
    assert verdict("B1", rounds).ratio == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("low", "ratio", "high", "word"),
    [
        (0.99, 1.00, 1.01, "ok"),
        (1.02, 1.025, 1.03, "ok"),
        (1.02, 1.025, 1.031, "unclear"),
        (1.02, 1.05, 1.09, "unclear"),  # slower as it looks, but noise may look so
        (1.031, 1.04, 1.05, "slower"),
    ],
)
def test_what_the_interval_says(low, ratio, high, word):
    assert Verdict("B1", 1.0, ratio, ratio, low, high, True).word == word


def test_a_revision_eight_percent_slower_fails():
    assert compared(0.08, noise=0.02).word == "slower"


def test_a_revision_as_fast_is_ok():
    assert compared(0.0, noise=0.02).word == "ok"


def test_noise_alone_does_not_fail():
    words = []
    for seed in range(100):
        old, new = machine(0.0, noise=0.2, seed=seed)
        words.append(verdict("B1", [(old(), new()) for _ in range(20)]).word)
    assert words.count("slower") <= 4  # at 95%: the interval lies wholly above the truth in 2.5%
    assert words.count("unclear") >= 50


def test_a_quiet_machine_is_measured_twenty_times_and_a_noisy_one_longer():
    calls = itertools.count()

    def say(text):
        next(calls)

    compared(0.0, noise=0.005, say=say)
    assert next(calls) == 20
    compared(0.0, noise=0.2, say=say)
    assert next(calls) == 21 + 60


def test_the_revisions_take_turns_in_going_first():
    log = []

    def measured(name):
        return lambda: log.append(name) or process([100])

    compare(measured("old"), measured("new"), ["B1"], n_rounds=4)
    assert log == ["old", "new", "new", "old"] * 2


def test_another_outcome_is_told():
    assert verdict("B1", [(process([1]), process([1]))]).same_outcome
    assert not verdict("B1", [(process([1]), process([1], "another"))]).same_outcome


@pytest.mark.parametrize("name", ["B1", "B2", "B4", "B5"])
def test_a_compared_benchmark_is_timed_without_its_yardstick(name, monkeypatch):
    def no_yardstick(name):
        raise AssertionError("a yardstick is compiled against the package of this tree")

    monkeypatch.setattr("benchmarks.workloads.yardstick", no_yardstick)
    found = measure(name, n_markets=2, n_times=BENCHMARKS[name].n_times // 50)
    assert len(found["nanoseconds"]) == 2
    assert min(found["nanoseconds"]) > 0


def test_the_digest_tells_runs_apart():
    n_times = 5_000
    with_rules, again = (digest(BENCHMARKS["B5"].build(n_times).b()()) for _ in range(2))
    assert with_rules == again != digest(BENCHMARKS["B1"].build(n_times).b()())


def test_the_bound_is_three_percent():
    assert SLOWER == 1.03
