"""Compiled runs hold no GIL from their first bar to their last, so that threads of a sweep have a processor each."""

import sys
import threading
import time

import pytest
from unit.sweep.studied import DAY, market

from ml4t.backtest import SignalStrategy, run_backtest
from ml4t.backtest.risk import PriceBasedStopLoss, PriceBasedTakeProfit, RiskDecision

MOST_SPINS = 6
TRIES = 10
SECONDS_OF_STALLING = 0.2


def run(data, rules):
    run_backtest(data, SignalStrategy("up"), rules=rules)


def processor_time(data, rules):
    began = time.thread_time()
    run(data, rules)
    return time.thread_time() - began


def longest_stretch(data, rules):
    """The most processor time that a run takes while another thread holds the GIL and never lets go of it."""
    thread = threading.Thread(target=run, args=(data, rules))
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e6)  # nobody is asked to let go
    stretches = []
    try:
        thread.start()
        clock = time.pthread_getcpuclockid(thread.ident)
        while thread.is_alive() and len(stretches) < MOST_SPINS:
            stretches.append(_held_on(clock))
            time.sleep(0.0)  # the run goes on to where it gives the GIL up again
    finally:
        sys.setswitchinterval(interval)
        thread.join()
    return max(stretches)


def _held_on(clock):
    """Hold the GIL until the thread of a clock is stuck; return how much processor time it took meanwhile."""
    began = last = time.clock_gettime(clock)
    moved = time.perf_counter()
    while time.perf_counter() - moved < SECONDS_OF_STALLING:
        now = time.clock_gettime(clock)
        if now != last:
            last, moved = now, time.perf_counter()
    return last - began


def python_rule(context):
    return RiskDecision.no_action()


@pytest.mark.skipif(not hasattr(time, "pthread_getcpuclockid"), reason="no clocks of threads here")
def test_the_loop_runs_to_its_end_while_another_thread_holds_the_gil():
    # Every 200,000 rows the loop looks for Ctrl-C, which takes the GIL for a moment.
    data = market(190_000, step=DAY // 86_400)
    rules = [PriceBasedStopLoss(pct=0.02), PriceBasedTakeProfit(pct=0.1)]
    whole = min(processor_time(data, rules) for _ in range(3))
    # Where the machine lets this thread wait, it comes when the loop is half over; a loop that took the GIL on its
    # way would never be seen whole.
    assert any(longest_stretch(data, rules) > 0.7 * whole for _ in range(TRIES))
    # One rule in Python, and it stands still wherever it asks.
    assert longest_stretch(data, [python_rule]) < 0.5 * whole
