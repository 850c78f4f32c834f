from typing import final

import numpy as np
from numpy.typing import NDArray

from ml4t.backtest.market.cursor import Cursor

@final
class EventLog:
    def __new__(cls, cursor: Cursor) -> EventLog: ...
    def records(self) -> NDArray[np.void]: ...
