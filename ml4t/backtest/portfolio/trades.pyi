from typing import final

import numpy as np
from numpy.typing import NDArray

@final
class Trades:
    def __new__(cls) -> Trades: ...
    def records(self) -> NDArray[np.void]: ...
