"""An array that is written from front to back, of a length that may not be known beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


class Tape:
    """One array, grown where it must be.

    Parameters
    ----------
    dtype : dtype
    n_expected : int
        Values it has room for at first.
    """

    def __init__(self, dtype: npt.DTypeLike, n_expected: int = 0) -> None:
        self._array = np.empty(n_expected, dtype)
        self._n = 0

    def more(self, n: int) -> npt.NDArray[Any]:
        """Return the next n values, to be written; arrays given before may be elsewhere then."""
        needed = self._n + n
        if needed > len(self._array):
            grown = np.empty(max(needed, 2 * self._n), self._array.dtype)
            grown[: self._n] = self.written()
            self._array = grown
        self._n = needed
        return self._array[needed - n : needed]

    def written(self) -> npt.NDArray[Any]:
        """Return the values so far."""
        return self._array[: self._n]
