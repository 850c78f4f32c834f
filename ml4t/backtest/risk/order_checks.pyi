from typing import final

from ml4t.backtest.portfolio.positions import Positions
from ml4t.backtest.risk.contexts import Contexts

@final
class OrderChecks:
    def __new__(cls, contexts: Contexts, positions: Positions) -> OrderChecks: ...
