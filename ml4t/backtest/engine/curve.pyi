from typing import final

import numpy as np
from numpy.typing import NDArray

NAMES: tuple[str, ...]

@final
class Curve:
    def __new__(cls, begin: int) -> Curve: ...
    def arrays(self, n_done: int) -> dict[str, NDArray[np.float64]]: ...
    def column(self, n_done: int, name: str) -> NDArray[np.float64]: ...
