from typing import final

from ml4t.backtest.execution.costs import Costs
from ml4t.backtest.execution.order_book import OrderBook

@final
class Basket:
    def __new__(cls, book: OrderBook, costs: Costs) -> Basket: ...
