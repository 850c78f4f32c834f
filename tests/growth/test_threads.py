"""Compiled runs hold no GIL from their first bar to their last: two threads gain what two threads can gain here."""

import hashlib
import threading
import time
from statistics import median

import pytest
from unit.sweep.studied import DAY, TEMPLATE, market

from ml4t.backtest.sweep import grid, sweep

DATA = bytes(20_000_000)
LEAST = 0.85
"""Of the gain of hashing, which holds no GIL at all: on two free processors nearly 2."""
TRIES = 5


def seconds_of_sweep(workers, data, space):
    began = time.perf_counter()
    sweep(TEMPLATE, space, data, workers=workers, backend="threads", measures=["trades"])
    return time.perf_counter() - began


def seconds_of_hashing(workers):
    def hash_some():
        for _ in range(16 // workers):
            hashlib.blake2b(DATA).digest()

    threads = [threading.Thread(target=hash_some) for _ in range(workers)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


@pytest.mark.timing
def test_two_threads_gain_what_two_threads_can():
    data = market(400_000, step=DAY // 1440)
    space = grid(stop=[0.02, 0.05] * 20, target=[0.1])
    gains = []
    for _ in range(TRIES):
        ours = seconds_of_sweep(1, data, space) / seconds_of_sweep(2, data, space)
        gains.append(ours / (seconds_of_hashing(1) / seconds_of_hashing(2)))
    assert median(gains) > LEAST, gains
