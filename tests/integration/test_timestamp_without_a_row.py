"""One asset and a timestamp without a row: the bar of timestamp t is then not row t."""

import numpy as np
import pytest

from ml4t.backtest import BacktestConfig, MarketData, SignalStrategy, Strategy, run_backtest

N_TIMES, GAP = 40, 5
DAY = 86_400_000_000_000


def market(n_assets):
    """Return bars of A, none at GAP, and of B, if there are two, at every timestamp."""
    rows = [
        (t, asset) for t in range(N_TIMES) for asset in range(n_assets) if (t, asset) != (GAP, 0)
    ]
    times, codes = np.array(rows).T
    close = np.where(codes == 0, 100.0 + times, 1.0)
    return MarketData.from_arrays(
        ["A", "B"][:n_assets],
        (np.arange(N_TIMES) + 1) * DAY,
        np.searchsorted(times, np.arange(N_TIMES + 1)),
        codes,
        close,
        close,
        close,
        close,
        features={"entry": np.where((times == 1) & (codes == 0), 1.0, 0.0)},
    )


class Buys(Strategy):
    """Buys 100 of A at the close of the second bar, as the signal does."""

    def on_timestamp_batch(self, timestamp, events, context):
        if not self.position("A") and timestamp.day == 3:
            self.buy("A", 100)


@pytest.mark.xfail(strict=True, reason="the quiet walk takes row t for timestamp t")
@pytest.mark.parametrize("make", [Buys, lambda: SignalStrategy("entry", quantity=100)])
def test_equity_is_that_beside_an_asset_nobody_trades(make):
    # Bought at 102, the open of t = 2: equity(t) = 100,000 + 100·(close(t) - 102), at the gap as before.
    closes = 100.0 + np.arange(N_TIMES)
    closes[GAP] = closes[GAP - 1]
    expected = 100_000.0 + np.where(np.arange(N_TIMES) < 2, 0.0, 100.0 * (closes - 102.0))
    for n_assets in (2, 1):
        result = run_backtest(market(n_assets), make(), config=BacktestConfig())
        np.testing.assert_allclose(result.equity["equity"], expected, rtol=1e-12)
