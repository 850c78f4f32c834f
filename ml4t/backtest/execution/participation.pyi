from typing import final

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.execution.event_log import EventLog
from ml4t.backtest.market.cursor import Cursor

@final
class Participation:
    def __new__(cls, cursor: Cursor, events: EventLog, config: BacktestConfig) -> Participation: ...
