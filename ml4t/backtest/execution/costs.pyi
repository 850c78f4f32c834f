from typing import final

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.core.buffer import RecordBuffer
from ml4t.backtest.market.cursor import Cursor

@final
class Costs:
    def __new__(cls, cursor: Cursor, terms: RecordBuffer, config: BacktestConfig) -> Costs: ...
