from collections.abc import Callable
from typing import final

import numpy as np
from numpy.typing import NDArray

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.execution.event_log import EventLog
from ml4t.backtest.market.cursor import Cursor
from ml4t.backtest.portfolio.portfolio import Portfolio

@final
class OrderBook:
    def __new__(
        cls, cursor: Cursor, portfolio: Portfolio, events: EventLog, config: BacktestConfig
    ) -> OrderBook: ...
    def makers(self) -> dict[str, Callable[[], NDArray[np.void]]]: ...
