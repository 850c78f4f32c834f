"""A small backtest with known numbers, on whatever copy of ml4t.backtest is installed.

Started in a process of its own with warnings as errors; nothing may reach stderr, where an error
lost in C code would be printed.
"""

import sys
import tempfile
from pathlib import Path

import pandas as pd

import ml4t.backtest
from ml4t.backtest import BacktestConfig, Strategy, run_backtest
from ml4t.backtest.risk import PriceBasedStopLoss

BARS = pd.DataFrame(
    {
        "timestamp": pd.date_range("2024-01-02 21:00", periods=6, freq="D", tz="UTC"),
        "asset": "AAA",
        "open": [100.0, 101.0, 103.0, 104.0, 96.0, 97.0],
        "high": [101.0, 104.0, 105.0, 105.0, 98.0, 99.0],
        "low": [99.0, 100.0, 102.0, 99.0, 95.0, 96.0],
        "close": [100.0, 103.0, 104.0, 100.0, 97.0, 98.0],
        "volume": 1000.0,
    }
)


class BuyOnce(Strategy):
    """Ten units after the first bar, and a note of every fill."""

    def on_start(self):
        self.fills = []
        self.ordered = False

    def on_fill(self, fill):
        self.fills.append(fill.price)

    def on_market_data(self, event):
        if not self.ordered:
            self.buy(event.asset, 10)
            self.ordered = True


def main() -> None:
    strategy = BuyOnce()
    result = run_backtest(
        BARS,
        strategy,
        rules=[PriceBasedStopLoss(price=98.0)],
        config=BacktestConfig(initial_cash=10_000.0),
    )
    # Bought at the second open, 101; the stop at 98 is gapped through by the fifth open, 96.
    trades = result.trades
    assert len(trades) == 1, trades
    assert strategy.fills == [101.0, 96.0], strategy.fills
    assert result.equity["equity"].iloc[-1] == 10_000.0 - 10 * 101.0 + 10 * 96.0
    # Style and script of the page are files of the package.
    with tempfile.TemporaryDirectory() as folder:
        page = result.to_html(Path(folder) / "run.html").read_text(encoding="utf-8")
    assert "</style>" in page, page[:200]
    assert "DecompressionStream" in page, page[:200]
    print(
        f"{ml4t.backtest.build_profile()} build, Python {sys.version.split()[0]}: one trade, as it should be"
    )


if __name__ == "__main__":
    main()
