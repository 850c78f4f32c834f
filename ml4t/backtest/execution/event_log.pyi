from typing import final

from ml4t.backtest.market.cursor import Cursor

@final
class EventLog:
    def __new__(cls, cursor: Cursor) -> EventLog: ...
