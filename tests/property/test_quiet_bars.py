"""Bars of a single asset that are walked over are those of the seven steps: a debug run takes every one of them."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from unit.made_up import DAY

from ml4t.backtest import BacktestConfig, MarketData, SignalStrategy, run_backtest
from ml4t.backtest.risk import (
    BreakEven,
    MaxLoss,
    PriceBasedStopLoss,
    PriceBasedTakeProfit,
    TimeBasedExit,
    TrailingStop,
)

N_RUNS = 60
SIGNALS = ("long_in", "long_out", "short_in", "short_out")
SIDES = (
    {"entry": "long_in", "exit": "long_out"},
    {"short_entry": "short_in", "short_exit": "short_out"},
    {"entry": "long_in", "exit": "long_out", "short_entry": "short_in", "short_exit": "short_out"},
)
RULES = (
    lambda draw: PriceBasedStopLoss(pct=draw.choice([0.01, 0.05, 0.3])),
    lambda draw: PriceBasedTakeProfit(pct=draw.choice([0.01, 0.05, 0.3])),
    lambda draw: TimeBasedExit(int(draw.integers(1, 40))),
    lambda draw: TrailingStop(draw.choice([0.02, 0.1, 0.5])),
    lambda draw: TrailingStop(0.05, activation=draw.choice([0.02, 0.1])),
    lambda draw: BreakEven(draw.choice([0.02, 0.1])),
    lambda draw: MaxLoss(float(draw.choice([100.0, 5_000.0]))),
)


def bars(draw):
    """Several hundred bars, with signals that are rare or frequent."""
    n = int(draw.integers(100, 600))
    steps = draw.choice([0.002, 0.01, 0.07])
    close = 100.0 * np.exp(draw.normal(0.0, steps, n).cumsum())
    opened = np.append(100.0, close[:-1]) * np.exp(draw.normal(0.0, steps / 3, n))
    if draw.random() < 0.3:  # prices meet levels exactly, and one another
        close, opened = np.maximum(close.round(), 1.0), np.maximum(opened.round(), 1.0)
    high = np.maximum(opened, close) * (1.0 + abs(draw.normal(0.0, steps / 2, n)))
    low = np.minimum(opened, close) * (1.0 - abs(draw.normal(0.0, steps / 2, n)).clip(0.0, 0.9))
    rate = draw.choice([0.005, 0.02, 0.2])
    return MarketData.from_arrays(
        ["A"],
        DAY * np.arange(n),
        np.arange(n + 1),
        np.zeros(n, np.int32),
        opened,
        high,
        low,
        close,
        features={name: (draw.random(n) < rate) * 1.0 for name in SIGNALS},
    )


def settings(draw):
    return BacktestConfig(
        account="margin",
        initial_cash=10_000.0,
        commission=draw.choice([0.0, 0.001]),
        fill_at=draw.choice(["next_open", "close"]),
        watermark=draw.choice(["high", "close"]),
        watermark_start=draw.choice(["entry_high", "fill", "entry_close"]),
        close_at_end=bool(draw.random() < 0.3),
        ledger=draw.choice(["fills", "all"]),
    )


@pytest.mark.parametrize("shard", range(4))
def test_a_walk_is_the_bars_one_by_one(shard):
    met = Counter()
    for seed in range(shard * N_RUNS, (shard + 1) * N_RUNS):
        draw = np.random.default_rng(seed)
        data, config = bars(draw), settings(draw)
        rules = [
            RULES[one](draw)
            for one in draw.choice(len(RULES), draw.choice([0, 0, 1, 2, 3]), replace=False)
        ]
        strategy = SignalStrategy(
            **SIDES[draw.integers(3)],
            percent=draw.choice([0.5, 1.9]),
            max_entries=int(draw.choice([1, 1, 3])),
        )
        walked = run_backtest(data, strategy, rules=rules, config=config)
        stepped = run_backtest(data, strategy, rules=rules, config=config.replace(debug=True))
        expected = stepped.to_frames()
        for name, table in walked.to_frames().items():
            pd.testing.assert_frame_equal(
                table, expected[name], check_exact=True, obj=f"{seed}: {name}"
            )
        met.update(walked.trades["side"].tolist())
        met["held long enough to walk"] += int((walked.trades["bars_held"] > 10).sum())
        met.update(walked.events["kind"].tolist())
        met.update(walked.ledger["kind"].tolist())
        met["ended by a rule"] += int(walked.trades["rule"].ne("").sum())
    for one in (
        "long",
        "short",
        "held long enough to walk",
        "ended by a rule",
        "moved",
        "negative_equity",
    ):
        assert met[one] > 0, f"no run has met: {one}; {met}"
