from collections.abc import Callable
from typing import Any, final

from ml4t.backtest.execution.broker import Broker
from ml4t.backtest.strategy.strategy import Strategy

@final
class Callback:
    def __new__(cls, method: Callable[[Any], object]) -> Callback: ...

@final
class Callbacks:
    def __init__(self, strategy: Strategy, broker: Broker) -> None: ...
