"""Ours beside an engine that is not here: the arithmetic of a row, the order of processes, what is handed over."""

import time

import numpy as np
import pytest

from benchmarks.bench_sweeps import N_BARS, STOPS, TARGETS, metrics, pairs, pairs_market, short_runs
from benchmarks.peers import ALL, BOUNDS, PEERS, arrays_of, benchmark_of, rounds_of, row_of
from benchmarks.workloads import many_orders, order_market, rank_market
from ml4t.backtest.sweep import grid


def process(name, *nanoseconds):
    return {name: {"nanoseconds": [*nanoseconds]}}


@pytest.mark.parametrize(("ours", "ratio", "holds"), [(40, 0.4, True), (60, 0.6, False)])
def test_a_row_compares_ours_with_the_faster_engine(ours, ratio, holds):
    # Of each process the median run; the faster engine takes 100.
    one = {
        "ours": process("B8", 1, ours, 900),
        "numba": process("B8", 120, 120, 120),
        "rust": process("B8", 90, 100, 110),
    }
    row = row_of("B8", [one] * 3)
    assert (row.ratio, row.holds) == (pytest.approx(ratio), holds)
    assert row.theirs == {"numba": 120.0, "rust": 100.0}


def test_a_row_without_a_bound_holds():
    one = {who: process("B4", 100) for who in ("ours", "numba", "rust")}
    assert row_of("B4", [one]).holds


def test_processes_take_turns_and_each_begins_a_round():
    begun = []
    sides = {who: lambda who=who: begun.append(who) for who in ("ours", "numba", "rust")}
    rounds_of(sides, 3)
    assert [begun[i] for i in (0, 3, 6)] == ["ours", "numba", "rust"]
    assert sorted(begun) == sorted([*sides] * 3)


def test_every_row_is_of_a_benchmark():
    assert {benchmark_of(name) for name in BOUNDS} <= set(ALL)
    assert all(set(peer.rows) <= set(BOUNDS) for peer in PEERS.values())
    assert all(peer.script.exists() for peer in PEERS.values())


def test_an_engine_without_a_row_is_no_part_of_it():
    rounds = [
        {
            "ours": {**process("B4", 100), **process("W5", 10)},
            "numba": {**process("B4", 200), **process("W5", 90)},
            "raptorbt": process("W5", 50),
        }
    ]
    assert row_of("B4", rounds).theirs == {"numba": 200.0}
    assert row_of("W5", rounds).ratio == pytest.approx(0.2)


def test_the_pairs_that_others_are_given_are_those_of_the_sweep():
    given = arrays_of("W5", pairs_market(200))
    pairs = [
        (one["stop"], one["target"]) for one in next(grid(stop=STOPS, target=TARGETS).batches())
    ]
    assert [*zip(given["stop"].tolist(), given["target"].tolist(), strict=True)] == pairs
    assert given["entry"].dtype == given["exit"].dtype == bool
    assert given["entry"].sum() >= given["exit"].sum() > 0


def test_the_sweep_in_two_processes_is_timed_on_the_clock_and_the_others_by_their_processor():
    clocks = {name: one.clock for name, one in ALL.items()}
    assert clocks.pop("W5") is time.perf_counter_ns
    assert {*clocks.values()} == {time.process_time_ns}


def test_the_sweep_of_pairs_is_the_one_that_is_meant():
    comparison = pairs(2_000)
    comparison.check_a(comparison.a()())
    result = comparison.b()()
    comparison.check_b(result)
    result._table["sharpe"] = 1.0
    with pytest.raises(AssertionError, match="are alike"):
        comparison.check_b(result)


def test_short_runs_and_metrics_are_those_that_are_meant():
    for made in (short_runs(100), metrics(N_BARS)):
        made.check_a(made.a()())
        made.check_b(made.b()())
    with pytest.raises(AssertionError, match="3 trades"):
        made.check_b([{"trades": 3}])


def test_the_orders_that_vectorbt_is_given_are_those_of_ours():
    data = order_market(5, n_assets=2)
    size = arrays_of("B8", data)["size"]
    np.testing.assert_array_equal(size[:, 0], [1.0, -1.0, 1.0, -1.0, 0.0])
    np.testing.assert_array_equal(data.features["entry"].reshape(5, 2) - size, size == -1.0)


def test_the_weights_that_vectorbt_is_given_stand_at_every_fifth_bar():
    weights = arrays_of("B4", rank_market(7, n_assets=60))["weights"]
    assert np.isfinite(weights).all(axis=1).tolist() == [
        True,
        False,
        False,
        False,
        False,
        True,
        False,
    ]
    assert np.nansum(weights, axis=1)[[0, 5]] == pytest.approx([1.0, 1.0])


def test_the_run_of_many_orders_is_the_one_that_is_meant():
    # 40,000 orders: more bytes of records than are kept in the heap.
    comparison = many_orders(41, n_assets=1_000)
    comparison.check_b(comparison.b()())
    comparison.check_a(comparison.a()())
    with pytest.raises(AssertionError, match="was not filled"):
        comparison.check_a([array * 0 for array in comparison.a()()])
