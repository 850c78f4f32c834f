from collections.abc import Sequence
from typing import Any, Self

from typing_extensions import disjoint_base

from ml4t.backtest.risk.context import RiskContext
from ml4t.backtest.risk.decision import RiskDecision
from ml4t.backtest.risk.rule import RiskRule

@disjoint_base
class CompiledRule(RiskRule):
    def __init__(
        self,
        *,
        columns: Sequence[str] = (),
        frozen_columns: Sequence[str] = (),
        priority: int = 0,
        name: str | None = None,
    ) -> None: ...
    @property
    def columns(self) -> tuple[str, ...]: ...
    def evaluate(self, context: RiskContext) -> RiskDecision: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: dict[int, Any]) -> Self: ...

@disjoint_base
class CFuncRule(CompiledRule):
    def __init__(
        self,
        cfunc: Any,
        *,
        columns: Sequence[str] = (),
        frozen_columns: Sequence[str] = (),
        priority: int = 0,
        name: str | None = None,
    ) -> None: ...
    @property
    def cfunc(self) -> Any: ...

def exception_code() -> int: ...
