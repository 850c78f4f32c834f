from typing import Any, Literal, SupportsFloat, final

from ml4t.backtest.strategy.weighted_strategy import WeightedStrategy

WEIGHTS: tuple[str, ...]

@final
class TopK(WeightedStrategy):
    def __init__(
        self,
        score: str,
        k: int | None = None,
        *,
        short_k: int | None = None,
        keep: int | None = None,
        short_keep: int | None = None,
        weights: Literal["equal", "score", "inverse_volatility"] = "equal",
        volatility: str | None = None,
        percent: SupportsFloat = 1.0,
        short_percent: SupportsFloat = 1.0,
        every: int | str | None = None,
        when: Any = None,
    ) -> None: ...
    @property
    def score(self) -> str: ...
    @property
    def volatility(self) -> str | None: ...
    @property
    def weights(self) -> str: ...
