from typing import Any, final

from ml4t.backtest.strategy.weighted_strategy import WeightedStrategy

@final
class TargetWeights(WeightedStrategy):
    def __init__(
        self, weights: str, *, every: int | str | None = None, when: Any = None
    ) -> None: ...
    @property
    def weights(self) -> str: ...
