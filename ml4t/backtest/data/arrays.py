"""Names for the arrays that tables are made of, and where they come from."""

import numpy as np
from numpy.typing import DTypeLike, NDArray

Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]
Int32s = NDArray[np.int32]
Marks = NDArray[np.bool_]


class Arrays:
    """Makes arrays: new ones here, of memory that is used again where chunk after chunk is read."""

    def empty(self, n: int, dtype: DTypeLike = np.float64) -> NDArray:
        """Return an array of n values, any values, to be written."""
        return np.empty(n, dtype)

    def counting(self, n: int) -> Int64s:
        """Return 0, 1, ... n - 1, not to be written."""
        return np.arange(n, dtype=np.int64)

    def zeros(self, n: int) -> Int32s:
        """Return n zeros, not to be written."""
        return np.zeros(n, np.int32)


NEW = Arrays()
