"""An array that is written from front to back, of a length that may not be known beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


class GrowingArray:
    """One array that doubles when it is full.

    Parameters
    ----------
    dtype : dtype
    n_expected : int
        Values it can hold before it grows.
    """

    def __init__(self, dtype: npt.DTypeLike, n_expected: int = 0) -> None:
        self._array = np.empty(n_expected, dtype)
        self._n = 0

    def extend(self, values: npt.NDArray[Any]) -> None:
        """Append values."""
        needed = self._n + len(values)
        if needed > len(self._array):
            grown = np.empty(max(needed, 2 * self._n), self._array.dtype)
            grown[: self._n] = self.values
            self._array = grown
        self._array[self._n : needed] = values
        self._n = needed

    @property
    def values(self) -> npt.NDArray[Any]:
        """The values so far: a view, which the next growth leaves behind."""
        return self._array[: self._n]
