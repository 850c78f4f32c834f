from typing import Any, final

from typing_extensions import disjoint_base

from ml4t.backtest.data.arrays import Float64s, Int32s

@disjoint_base
class Recursion:
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    def update(
        self,
        assets: Int32s,
        ratio: Float64s,
        values: Float64s,
        high: Float64s | None = None,
        low: Float64s | None = None,
    ) -> Float64s: ...

@final
class TrueRangeMean(Recursion): ...

@final
class ReturnDeviation(Recursion): ...

@final
class Extreme(Recursion): ...

@final
class ExponentialMean(Recursion): ...

@final
class WindowMean(Recursion): ...

@final
class RelativeStrength(Recursion): ...
