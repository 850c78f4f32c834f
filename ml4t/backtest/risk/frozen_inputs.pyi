from typing import final

from ml4t.backtest.market.cursor import Cursor

@final
class FrozenInputs:
    @property
    def names(self) -> list[str]: ...
    def __new__(cls, cursor: Cursor) -> FrozenInputs: ...
