from typing import final

import numpy as np
from numpy.typing import NDArray

from ml4t.backtest.execution.order_book import OrderBook

@final
class Fills:
    def __new__(cls, book: OrderBook) -> Fills: ...
    def records(self) -> NDArray[np.void]: ...
