from typing import final

from ml4t.backtest.execution.ledger import Ledger
from ml4t.backtest.execution.resting import RestingOrders
from ml4t.backtest.market.cursor import Cursor

@final
class TrailingOrders:
    def __new__(
        cls, cursor: Cursor, resting: RestingOrders, by_close: bool, ledger: Ledger
    ) -> TrailingOrders: ...
