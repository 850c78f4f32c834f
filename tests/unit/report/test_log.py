"""What the logger is told of a run, and that it costs nothing where nobody listens."""

import logging

import pandas as pd

from ml4t.backtest import Strategy, run_backtest

PRICES = pd.DataFrame(
    {"date": pd.bdate_range("2024-01-01", periods=4), 7: [1.0, 2, 3, 2], 8: [1.0] * 4}
)


class Wishful(Strategy):
    """Sells short in a cash account, then buys more than there is."""

    bars = 0

    def on_market_data(self, event):
        self.bars += 1
        if self.bars == 1:
            self.sell(7, 5)
        if self.bars == 2:
            self.buy(8, 200_000)


def test_events_are_told_at_debug_and_notes_at_info(caplog):
    with caplog.at_level(logging.DEBUG, "ml4t.backtest"):
        result = run_backtest(PRICES, Wishful())
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert told == [
        ("DEBUG", "2024-01-02 7: rejected, order 1, asked -5, given 0 (short_in_cash_account)"),
        # All of 100,000 at a price of 1.
        ("DEBUG", "2024-01-02 8: scaled, order 2, asked 200000, given 100000 (insufficient_cash)"),
        *(("INFO", note) for note in result.notes),
    ]
    assert "1 order rejected" in result.notes[0]


def test_where_nobody_listens_nothing_is_told_or_made(capfd):
    result = run_backtest(PRICES, Wishful())
    assert "notes" not in vars(result)
    assert capfd.readouterr() == ("", "")
