"""What a random run hands on: positions sum to equity, transactions are its fills, on the days of its sessions."""

from random import Random

import numpy as np
import pytest
from property.adapter import play
from reference import random_case
from reference.worlds import cut

SEEDS = 40
SHARDS = 2


@pytest.mark.parametrize("shard", range(SHARDS))
def test_positions_and_transactions(shard):
    n_fills = n_held = 0
    for seed in range(shard * SEEDS, (shard + 1) * SEEDS):
        rng = Random(seed)
        case = random_case(rng)
        result = play(cut(case, rng.randrange(len(case.market.timestamps))))
        positions, transactions, fills = (
            result.positions_frame,
            result.transactions,
            result.to_frames("UTC")["fills"],
        )
        sessions = result.returns.index.tz_localize("UTC")
        ends = result._session_ends
        equity = result.equity["equity"].to_numpy()[ends]
        turnover = (fills["quantity"] * fills["price"]).abs().sum()
        near = 1e-9 * (case.settings.initial_cash + turnover)
        assert positions.index.equals(sessions), seed
        np.testing.assert_allclose(positions.sum(axis=1), equity, rtol=0, atol=near)
        held = result.positions
        assert set(positions.columns[:-1]) <= set(held["asset"]), seed
        for name, theirs in (
            ("amount", "quantity"),
            ("price", "price"),
            ("commission", "commission"),
        ):
            assert (transactions[name].to_numpy() == fills[theirs].to_numpy()).all(), seed
        assert transactions["symbol"].tolist() == fills["asset"].tolist(), seed
        days = transactions.index.normalize()
        assert days.isin(sessions).all(), seed
        assert (
            transactions.index.is_monotonic_increasing == fills["timestamp"].is_monotonic_increasing
        )
        n_fills, n_held = n_fills + len(fills), n_held + len(positions.columns) - 1
    assert n_fills > 500
    assert n_held > 50
