"""What was held at the end of each timestamp, and its marks."""

import numpy as np
import pytest
from unit.made_up import DAY, START, rows, run_records

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.core import records as codes
from ml4t.backtest.market.market_data import ACTION, MarketData
from ml4t.backtest.result import BacktestResult


def walk_positions(holdings, data, n_done):
    """List (time index, asset, quantity, entry price, mark) by walking over time."""
    held, mark, listed = {}, {}, []
    splits = [a for a in data.actions if a["kind"] == 0]
    for t in range(n_done):
        for split in splits:
            before = data.timestamps[t - 1] if t else -1
            if before < split["time"] <= data.timestamps[t] and split["asset"] in mark:
                mark[split["asset"]] /= split["value"]
        for row in range(data.offsets[t], data.offsets[t + 1]):
            mark[data.asset_codes[row]] = data.close[row]
        for change in holdings[holdings["time_index"] == t]:
            held[change["asset"]] = (change["quantity"], change["entry_price"])
        for asset in sorted(held):
            quantity, entry_price = held[asset]
            if quantity != 0.0:
                listed.append((t, asset, quantity, entry_price, mark[asset]))
    return listed


@pytest.mark.parametrize("seed", range(20))
def test_positions_are_those_of_a_walk_over_ragged_data(seed):
    random = np.random.default_rng(seed)
    n_times, n_assets = 30, 4
    present = random.random((n_times, n_assets)) < 0.6
    present[0] = True
    time_of, asset_of = np.nonzero(present)
    close = random.uniform(50.0, 150.0, len(time_of))
    actions = np.array([(START + 7 * DAY - 5, 1, 0, 2.0), (START + 20 * DAY, 2, 0, 0.1)], ACTION)
    offsets = np.append(0, np.cumsum(present.sum(axis=1)))
    data = MarketData.from_arrays(
        "ABCD", START + DAY * np.arange(n_times), offsets, asset_of, close, close, close, close, actions=actions
    )  # fmt: skip
    n_done = n_times - seed % 3
    changed = random.random((n_done, n_assets)) < 0.2
    when, which = np.nonzero(changed)
    holdings = rows(
        codes.HOLDING, len(when), time_index=when, asset=which,
        quantity=random.choice([-5.0, 0.0, 2.0], len(when)), entry_price=random.uniform(50.0, 150.0, len(when)),
    )  # fmt: skip
    result = BacktestResult.from_run(
        run_records(n_done, np.full(n_done, 1e5), holdings=holdings), data, BacktestConfig()
    )
    positions = result.positions
    found = list(
        zip(
            positions["timestamp"].array.asi8 // DAY - START // DAY,
            positions["asset"].cat.codes,
            positions["quantity"],
            positions["entry_price"],
            positions["mark"],
            strict=True,
        )
    )
    assert found == walk_positions(holdings, data, n_done)
    assert len(found) > 20
    np.testing.assert_array_equal(positions["value"], positions["quantity"] * positions["mark"])


def test_stale_marks_are_divided_by_every_split_since_their_bar():
    # A has its last bar at time 0 and splits at 1 (2:1), twice at 3 (5:1, then 3:1) and at 4 (7:1); B has a bar at
    # each time and one split, which is in its own bars already.
    timestamps = START + DAY * np.arange(5)
    splits = [(1, 0, 2.0), (2, 1, 2.0), (3, 0, 5.0), (3, 0, 3.0), (4, 0, 7.0)]
    actions = np.array([(timestamps[t], asset, 0, ratio) for t, asset, ratio in splits], ACTION)
    close = np.array([90.0, 50.0, 50.0, 50.0, 50.0, 50.0])
    data = MarketData.from_arrays(
        "AB", timestamps, [0, 2, 3, 4, 5, 6], [0, 1, 1, 1, 1, 1], close, close, close, close, actions=actions
    )  # fmt: skip
    held = rows(codes.HOLDING, 2, time_index=0, asset=[0, 1], quantity=1.0, entry_price=1.0)
    records = run_records(5, np.full(5, 1e5), holdings=held)
    positions = BacktestResult.from_run(records, data, BacktestConfig()).positions
    mark = positions.set_index("asset")["mark"]
    at_3 = 90.0 / 2.0 / 5.0 / 3.0  # one division after the other, as the account does them
    assert mark["A"].tolist() == [90.0, 45.0, 45.0, at_3, at_3 / 7.0]
    assert mark["B"].tolist() == [50.0] * 5
