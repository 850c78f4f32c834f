"""Arrays whose memory is taken up again when nobody holds them any more.

The first touch of fresh memory costs several times what writing to it does: chunk after chunk would
pay it for every column.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

# A block that only the list and the loop over it hold; getrefcount counts its own argument too.
UNUSED = 3


class Recycler:
    """Gives arrays; those given before and no longer held, nor any view of them, are given again.

    For one thread at a time.
    """

    def __init__(self) -> None:
        self._blocks: list[npt.NDArray[np.uint8]] = []

    @property
    def n_bytes(self) -> int:
        """Size of all arrays, used or not."""
        return sum(map(len, self._blocks))

    def empty(self, n: int, dtype: npt.DTypeLike = np.float64) -> npt.NDArray[Any]:
        """Return an array of shape (n,) with any values in it."""
        n_bytes = n * np.dtype(dtype).itemsize
        return self._block(n_bytes)[:n_bytes].view(dtype)

    def _block(self, n_bytes: int) -> npt.NDArray[np.uint8]:
        kept = []
        for block in self._blocks:
            if sys.getrefcount(block) > UNUSED:
                kept.append(block)
            elif n_bytes <= len(block) <= 2 * n_bytes:
                return block
        # What lies unused did not fit: chunks have another size now.
        self._blocks = kept
        # Chunks differ a little in length.
        self._blocks.append(np.empty(n_bytes + n_bytes // 8, np.uint8))
        return self._blocks[-1]
