from collections.abc import Sequence
from typing import final

from ml4t.backtest.market.cursor import Cursor
from ml4t.backtest.risk.spec import RuleSpec

@final
class RulePlan:
    def __new__(cls, cursor: Cursor) -> RulePlan: ...
    def add(
        self,
        assets: list[int] | None,
        spec: RuleSpec | None,
        frozen_columns: Sequence[str],
        live_columns: Sequence[str],
        priority: int,
        rule: int,
        is_answered: bool,
    ) -> int: ...
    def remove(self, number: int) -> None: ...
    def add_member(self, spec: RuleSpec, rule: int, member: int) -> int: ...
