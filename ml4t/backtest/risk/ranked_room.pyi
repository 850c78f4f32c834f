from typing import final

from ml4t.backtest.execution.broker import Broker
from ml4t.backtest.risk.frozen_inputs import FrozenInputs

@final
class RankedRoom:
    def __new__(cls, broker: Broker, inputs: FrozenInputs) -> RankedRoom: ...
