from typing import Any

import numpy as np
from numpy.typing import NDArray

def check_actions(actions: NDArray[np.void], assets: tuple[Any, ...]) -> None: ...
