"""Names for the arrays that tables are made of."""

import numpy as np
from numpy.typing import NDArray

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Int32s = NDArray[np.int32]
Marks = NDArray[np.bool_]
