from typing import final

from ml4t.backtest.core.reasons import Reasons
from ml4t.backtest.execution.broker import Broker
from ml4t.backtest.risk.contexts import Contexts

@final
class PortfolioLimits:
    def __new__(cls, broker: Broker, reasons: Reasons, contexts: Contexts) -> PortfolioLimits: ...
