from typing import final

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.core.buffer import RecordBuffer
from ml4t.backtest.execution.event_log import EventLog
from ml4t.backtest.market.cursor import Cursor

@final
class Ledger:
    def __new__(
        cls, cursor: Cursor, events: EventLog, orders: RecordBuffer, config: BacktestConfig
    ) -> Ledger: ...
