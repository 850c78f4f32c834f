from typing import final

import numpy as np
from numpy.typing import NDArray

@final
class Holdings:
    def __new__(cls, n_assets: int) -> Holdings: ...
    def records(self) -> NDArray[np.void]: ...
