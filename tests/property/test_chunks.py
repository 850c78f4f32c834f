"""A run in chunks is the run in one, bit for bit: on random markets, cut anywhere, down to one timestamp.

Positions, levels, trailing marks, waiting orders and rules of any kind are alive where it is cut.
"""

from collections import Counter
from collections.abc import Iterator
from random import Random

import numpy as np
import pandas as pd
import pytest
from property.adapter import data_of, outcome, play, played
from property.differences import differences
from property.markets import for_markets
from property.relations import MARKETS, rng_of, shards
from property.signals import run_strategy, with_signals
from reference import Case

from ml4t.backtest import MarketData, SignalStrategy
from ml4t.backtest.records.frames import TABLES


def chunks(data: MarketData, cuts: list[int], with_actions: bool = True) -> Iterator[MarketData]:
    """Cut market data before the timestamps ``cuts``."""
    actions = data.actions if with_actions else data.actions[:0]
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
        time = actions["time"]
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
            bid=data.bid[rows],
            ask=data.ask[rows],
            features={name: column[rows] for name, column in data.features.items()},
            context={name: column[start:end] for name, column in data.context.items()},
            actions=actions[(time > after) & (time <= data.timestamps[end - 1])],
            carried_times=times[carried] if first else None,
            negative_prices=data.negative_prices,
            info=data.info,
        )


def random_cuts(n_times: int, rng: Random) -> list[int]:
    n_cuts = min(n_times - 1, rng.choice((1, 2, 2, 5, 5, n_times - 1)))
    return sorted(rng.sample(range(1, n_times), n_cuts))


def assert_same(whole, parts, frames: bool = True):
    assert differences(outcome(whole), outcome(parts)) == []
    for table in TABLES if frames else ():
        one, other = getattr(whole, table), getattr(parts, table)
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert whole.info["bars"] == parts.info["bars"]


@shards
def test_a_python_strategy_in_chunks(shard):
    met: Counter = Counter()

    def check(case: Case) -> None:
        data = data_of(case)
        rng = rng_of(case)
        cuts = random_cuts(data.n_times, rng)
        whole, strategy = played(case, data=data)
        parts, in_chunks = played(case, data=chunks(data, cuts))
        # Frames are made of the records: they take longer than the run, and are looked at now and then.
        assert_same(whole, parts, frames=rng.random() < 0.2)
        assert repr(strategy.told) == repr(in_chunks.told)
        met["trades"] += len(whole.trades)
        met["levels"] += int(whole.trades["level"].notna().sum())
        met["held at a cut"] += int(held_at(whole, data, cuts))
        met["single timestamps"] += len(cuts) == data.n_times - 1

    for_markets(230 + shard, MARKETS, check)
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
        if len(case.market.assets) != n_assets or case.market.negative:  # entries are in percent
            return
        rng = Random(len(case.market.bars))
        case = with_signals(case, rng)
        data = data_of(case)
        cuts = random_cuts(data.n_times, rng)

        def strategy():
            places = {} if n_assets == 1 else {"max_positions": 2, "rank": "rank"}
            return SignalStrategy(
                "long_in", "long_out", percent=0.5, limit="limit_at", max_entries=2, **places
            )

        whole = run_strategy(case, strategy(), data)
        assert_same(whole, run_strategy(case, strategy(), chunks(data, cuts)))
        met["trades"] += len(whole.trades)

    for_markets(210, MARKETS, check)
    assert met["trades"] > 20


def test_actions_lost_with_the_cut_are_found():
    found = []

    def check(case: Case) -> None:
        data = data_of(case)
        cuts = random_cuts(data.n_times, rng_of(case))
        whole, parts = play(case), play(case, data=chunks(data, cuts, with_actions=False))
        found.extend(differences(outcome(whole), outcome(parts)))

    for_markets(220, 30, check)
    assert found
