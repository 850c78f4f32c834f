from typing import final

from ml4t.backtest.core.buffer import RecordBuffer
from ml4t.backtest.market.cursor import Cursor

@final
class PortfolioHistory:
    def __new__(cls, cursor: Cursor, fills: RecordBuffer) -> PortfolioHistory: ...
