from typing import final

from ml4t.backtest.execution.fills import Fills

@final
class Matching:
    def __new__(cls, fills: Fills) -> Matching: ...
