from collections.abc import Callable
from typing import final

import numpy as np
from numpy.typing import NDArray

from ml4t.backtest.execution.costs import Costs
from ml4t.backtest.execution.order_book import OrderBook
from ml4t.backtest.execution.participation import Participation

@final
class Fills:
    def __new__(cls, book: OrderBook, participation: Participation, costs: Costs) -> Fills: ...
    def makers(self) -> dict[str, Callable[[], NDArray[np.void]]]: ...
