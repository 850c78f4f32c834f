"""Records of a run that are too many for the heap, and move while the run goes on."""

import numpy as np

from ml4t.backtest import BacktestConfig, MarketData, SignalStrategy, run_backtest

N_ASSETS, N_TIMES = 500, 500
DAY = 86_400_000_000_000


def test_records_that_move_are_those_that_were_written():
    # Every asset is bought at one close and sold at the next, so each order fills at the open after it, but for those
    # of the last close: 250,000 orders of 144 bytes and more, over the 32 MB from which on they stand elsewhere.
    n_rows = N_ASSETS * N_TIMES
    price = 10.0 + np.arange(n_rows) % 977
    on = np.repeat(np.arange(N_TIMES) % 2 == 0, N_ASSETS).astype(float)
    data = MarketData.from_arrays(
        [f"A{i}" for i in range(N_ASSETS)],
        DAY * np.arange(1, N_TIMES + 1),
        np.arange(0, n_rows + 1, N_ASSETS),
        np.tile(np.arange(N_ASSETS, dtype=np.int32), N_TIMES),
        *[price] * 4,
        features={"on": on, "off": 1.0 - on},
        signal_names=["on", "off"],
    )
    config = BacktestConfig(initial_cash=1e9)
    result = run_backtest(data, SignalStrategy("on", "off", quantity=1.0), config=config)
    orders, fills = result._frames._records["orders"], result._frames._records["fills"]
    assert orders.nbytes > 2**25
    assert np.array_equal(orders["order_id"], np.arange(1, len(orders) + 1))
    assert np.array_equal(fills["order_id"], orders["order_id"][:-N_ASSETS])
    assert np.array_equal(fills["price"], price[N_ASSETS:])
    assert np.array_equal(orders["asset"], np.tile(np.arange(N_ASSETS), N_TIMES))
