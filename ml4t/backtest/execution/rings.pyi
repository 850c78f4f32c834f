from typing import final

from ml4t.backtest.core.buffer import RecordBuffer

@final
class Rings:
    def __new__(cls, orders: RecordBuffer, terms: RecordBuffer) -> Rings: ...
