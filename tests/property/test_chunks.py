"""A run in chunks is the run in one, bit for bit: on random markets, cut anywhere, down to one timestamp.

Positions, levels, trailing marks, waiting orders and rules of any kind are alive where it is cut.
"""

from collections import Counter
from collections.abc import Iterator
from random import Random

import numpy as np
import pandas as pd
import pytest
from property.adapter import Scripted, config_of, data_of, desk_of, outcome
from property.differences import differences
from property.markets import for_markets
from reference import Case

from ml4t.backtest import BacktestEngine, MarketData, SignalStrategy
from ml4t.backtest.risk import RiskManager

SHARDS = 2
MARKETS = 150
TABLES = ("trades", "fills", "orders", "events", "equity", "positions", "open_positions")


def chunks(data: MarketData, cuts: list[int]) -> Iterator[MarketData]:
    """Cut market data before the timestamps ``cuts``."""
    times = np.repeat(data.timestamps, np.diff(data.offsets))
    for first, end in zip([0, *cuts], [*cuts, data.n_times], strict=True):
        own = np.arange(data.offsets[first], data.offsets[end])
        last = np.full(data.n_assets, -1)
        last[data.asset_codes[: data.offsets[first]]] = np.arange(data.offsets[first])
        carried = last[last >= 0]
        rows = np.concatenate([carried, own])
        # The timestamp before comes first, with the carried rows.
        start = max(first - 1, 0)
        ends = data.offsets[first : end + 1] - data.offsets[first] + len(carried)
        after = data.timestamps[first - 1] if first else np.iinfo(np.int64).min
        time = data.actions["time"]
        yield MarketData.from_arrays(
            data.assets,
            data.timestamps[start:end],
            ends if first == 0 else np.concatenate([[0], ends]),
            data.asset_codes[rows],
            data.open[rows],
            data.high[rows],
            data.low[rows],
            data.close[rows],
            volume=data.volume[rows],
            features={name: column[rows] for name, column in data.features.items()},
            context={name: column[start:end] for name, column in data.context.items()},
            actions=data.actions[(time > after) & (time <= data.timestamps[end - 1])],
            carried_times=times[carried] if first else None,
        )


def random_cuts(n_times: int, rng: Random) -> list[int]:
    n_cuts = min(n_times - 1, rng.choice((1, 2, 5, n_times - 1)))
    return sorted(rng.sample(range(1, n_times), n_cuts))


def run(case: Case, data, strategy=None):
    """Return the result, and the strategy it is of."""
    manager = RiskManager()
    desk = desk_of(case, manager)
    desk.strategy = strategy = strategy or Scripted(case, desk)
    config = config_of(case.settings)
    return BacktestEngine(data, strategy, risk_manager=manager, config=config).run(), strategy


def assert_same(whole, parts):
    assert differences(outcome(whole), outcome(parts)) == []
    for table in TABLES:
        one, other = getattr(whole, table), getattr(parts, table)
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert whole.info["bars"] == parts.info["bars"]


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_python_strategy_in_chunks(shard):
    met: Counter = Counter()

    def check(case: Case) -> None:
        data = data_of(case)
        cuts = random_cuts(data.n_times, Random(len(case.market.bars)))
        whole, told_at_once = run(case, data)
        parts, told_in_chunks = run(case, chunks(data, cuts))
        assert_same(whole, parts)
        assert repr(told_at_once.told) == repr(told_in_chunks.told)
        met["trades"] += len(whole.trades)
        met["levels"] += int(whole.trades["level"].notna().sum())
        met["held at a cut"] += int(held_at(whole, data, cuts))
        met["single timestamps"] += len(cuts) == data.n_times - 1

    for_markets(200 + shard, MARKETS, check)
    assert min(met.values()) > 20, met


def held_at(result, data, cuts) -> int:
    """Number of cuts that a trade lies across."""
    times = pd.to_datetime(data.timestamps[cuts], utc=True)
    trades = result.trades
    return sum(
        ((trades["entry_time"] < time) & (trades["exit_time"] > time)).any() for time in times
    )


@pytest.mark.parametrize("n_assets", [1, 3])
def test_a_compiled_strategy_in_chunks(n_assets):
    met: Counter = Counter()

    def check(case: Case) -> None:
        data = data_of(case)
        if data.n_assets != n_assets:
            return
        rng = Random(data.n_rows)
        entry, leave = (
            np.array([float(rng.random() < 0.2) for _ in range(data.n_rows)]) for _ in "ab"
        )
        with_signals = MarketData.from_arrays(
            data.assets, data.timestamps, data.offsets, data.asset_codes,
            data.open, data.high, data.low, data.close, volume=data.volume,
            features=data.features | {"entry": entry, "leave": leave},
            context=data.context, actions=data.actions,
        )  # fmt: skip
        cuts = random_cuts(data.n_times, rng)

        def strategy():
            return SignalStrategy("entry", "leave", percent=0.5)

        whole, _ = run(case, with_signals, strategy())
        parts, _ = run(case, chunks(with_signals, cuts), strategy())
        assert_same(whole, parts)
        met["trades"] += len(whole.trades)

    for_markets(210, MARKETS, check)
    assert met["trades"] > 20
