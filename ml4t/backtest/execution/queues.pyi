from typing import final

from ml4t.backtest.execution.rings import Rings
from ml4t.backtest.market.cursor import Cursor
from ml4t.backtest.portfolio.positions import Positions

@final
class OrderQueues:
    def __new__(
        cls, cursor: Cursor, positions: Positions, rings: Rings, submission_order: bool
    ) -> OrderQueues: ...
