"""Strategies of the example configurations."""

from ml4t.backtest import MarketEvent, Strategy


class BreaksOut(Strategy):
    """Buy with everything when the close is the highest of a while; rules sell.

    Parameters
    ----------
    column : str
        The column that holds the highest close.
    """

    def __init__(self, column: str) -> None:
        self.column = column

    def on_market_data(self, event: MarketEvent) -> None:
        """Look at one bar."""
        if not self.position(event.asset) and event.close >= event.indicators[self.column]:
            self.order_target_percent(event.asset, 1.0)
