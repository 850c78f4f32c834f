"""Attributions of random runs: whatever trades are grouped by, their profit and loss sums to the whole."""

from random import Random

import numpy as np
import pytest
from property.adapter import play
from reference import random_case
from reference.worlds import cut

from ml4t.backtest.analytics.attribution import Attribution
from ml4t.backtest.analytics.trade_groups import KEYS

SEEDS = 60
SHARDS = 2


def runs(shard: int):
    """Runs of random length: in most of them something is open at the end."""
    for seed in range(shard * SEEDS, (shard + 1) * SEEDS):
        rng = Random(seed)
        case = random_case(rng)
        case = cut(case, rng.randrange(len(case.market.timestamps)))
        yield seed, case.settings.initial_cash, play(case)


def groupings(found: Attribution):
    yield from (found.by(key) for key in KEYS)
    yield found.by(["rule", "asset", "exit_month"])
    for column in found.columns:
        yield found.by_quantile(column)
        yield found.by_regime(column, edges=[-1.0, 0.0, 100.0])


@pytest.mark.parametrize("shard", range(SHARDS))
def test_the_parts_are_the_whole(shard):
    n_open = n_closed = 0
    for seed, initial, result in runs(shard):
        found, trades, left = result.attribution(), result.trades, result.open_positions
        turnover = (result.fills["quantity"] * result.fills["price"]).abs().sum()
        near = 1e-9 * (initial + turnover)
        earned = result.equity["equity"].iloc[-1] - initial
        n_closed, n_open = n_closed + len(trades), n_open + len(left)
        for frame in groupings(found):
            assert frame["pnl"].sum() == pytest.approx(earned, abs=near), seed
            assert frame["net_pnl"].sum() == pytest.approx(trades["net_pnl"].sum(), abs=near), seed
            assert frame["trades"].sum() == len(trades), seed
            assert frame["open"].sum() == len(left), seed
            assert (frame["trades"] + frame["open"] > 0).all(), seed
            assert frame["costs"].sum() == pytest.approx(
                sum(part[name].sum() for part in (trades, left) for name in ("commission", "slippage_cost")),
                abs=near,
            )  # fmt: skip
    assert n_open > 35
    assert n_closed > 250


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_group_is_measured_as_its_trades_alone_are(shard):
    for seed, _, result in runs(shard):
        trades = result.trades
        trades["by"] = trades["rule"].astype(object).fillna(trades["reason"].astype(object))
        found = result.attribution().by("rule")
        assert set(found.index) - {"open"} == set(trades["by"])
        for rule, alone in trades.groupby("by"):
            row = found.loc[rule]
            assert row["trades"] == len(alone), seed
            assert row["net_pnl"] == pytest.approx(alone["net_pnl"].sum(), abs=1e-6), seed
            assert row["win_rate"] == (alone["net_pnl"] > 0).mean(), seed
            assert row["average_bars_held"] == pytest.approx(alone["bars_held"].mean()), seed
            known = np.isfinite(alone["return"])
            assert row["average_return"] == pytest.approx(
                alone["return"][known].mean(), nan_ok=True
            )
