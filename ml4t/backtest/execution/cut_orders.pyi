from typing import final

from ml4t.backtest.execution.order_book import OrderBook

@final
class TriggeredStops:
    def __new__(cls, book: OrderBook) -> TriggeredStops: ...
