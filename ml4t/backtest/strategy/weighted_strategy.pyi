from typing import Any

from typing_extensions import disjoint_base

from ml4t.backtest.strategy.strategy import CompiledStrategy

@disjoint_base
class WeightedStrategy(CompiledStrategy):
    def __init__(self, *, every: int | str | None = None, when: Any = None) -> None: ...
    @property
    def every(self) -> int | str | None: ...
    @property
    def when(self) -> Any: ...
    @property
    def parameters(self) -> dict[str, Any]: ...
