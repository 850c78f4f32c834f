from typing import final

from ml4t.backtest.core.buffer import RecordBuffer

@final
class RestingOrders:
    def __new__(cls, orders: RecordBuffer, terms: RecordBuffer, n_assets: int) -> RestingOrders: ...
