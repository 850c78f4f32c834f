import numpy as np
from numpy.typing import NDArray

def last_rows(assets: NDArray[np.int32], n_assets: int) -> NDArray[np.int64]: ...
