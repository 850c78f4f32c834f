from collections.abc import Callable
from typing import final

import numpy as np
from numpy.typing import NDArray

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.market.cursor import Cursor
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.portfolio.portfolio import Portfolio

@final
class Broker:
    @property
    def cursor(self) -> Cursor: ...
    @property
    def portfolio(self) -> Portfolio: ...
    @property
    def n_waiting_orders(self) -> int: ...
    def __new__(
        cls,
        cursor: Cursor,
        portfolio: Portfolio,
        config: BacktestConfig,
        fine: MarketData | None = None,
    ) -> Broker: ...
    def makers(self) -> dict[str, Callable[[], NDArray[np.void]]]: ...
    def records(self) -> dict[str, NDArray[np.void]]: ...
    def counts(self) -> dict[str, int]: ...
