from typing import final

from ml4t.backtest.execution.matching import Matching

@final
class InsideBar:
    def __new__(cls, matching: Matching) -> InsideBar: ...
