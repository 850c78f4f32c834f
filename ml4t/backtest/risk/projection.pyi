from typing import final

from ml4t.backtest.execution.broker import Broker

@final
class Projection:
    def __new__(cls, broker: Broker) -> Projection: ...
