"""Arrays whose memory is reused when nobody holds them any more.

The first touch of fresh memory costs several times what writing to it does: chunk after chunk would
pay it for every column.
"""

from __future__ import annotations

import weakref
from bisect import bisect_left, insort
from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

from ml4t.backtest.data.arrays import Int32s, Int64s

HUGE_PAGE = 1 << 21

Block = npt.NDArray[np.uint8]


class ArrayPool:
    """Gives arrays; those given before and no longer held, nor any view of them, are given again.

    For one thread at a time; what it gave may be let go of in any.

    Parameters
    ----------
    n_values : int
        What arrays will have at most, as far as that is known; room that is not used costs nothing.
    """

    def __init__(self, n_values: int = 0) -> None:
        self._least = 8 * n_values
        # Blocks in use, by the identity of a reference to the array that stands for what was given of each.
        self._used: dict[int, tuple[weakref.ref[Any], Block]] = {}
        self._returned: deque[weakref.ref[Any]] = deque()
        # Blocks not in use, by size; their numbers tell equal sizes apart.
        self._unused: list[tuple[int, int, Block]] = []
        self._n_returned = 0
        self._counting: Int64s = np.empty(0, np.int64)
        self._zeros: Int32s = np.empty(0, np.int32)

    @property
    def n_bytes(self) -> int:
        """Size of all arrays, used or not."""
        self._take_back()
        used = sum(len(block) for _, block in self._used.values())
        return used + sum(size for size, _, _ in self._unused)

    def empty(self, n: int, dtype: npt.DTypeLike = np.float64) -> npt.NDArray[Any]:
        """Return an array of shape (n,) with any values in it."""
        n_bytes = n * np.dtype(dtype).itemsize
        block = self._block(n_bytes)
        # Through a buffer: NumPy keeps no chains of views, but each holds the first array of a buffer.
        given = np.frombuffer(block.data, np.uint8)
        # Only noted when it dies, which may be in another thread or in the middle of anything.
        alive = weakref.ref(given, self._returned.append)
        self._used[id(alive)] = alive, block
        start = -block.ctypes.data % HUGE_PAGE if len(block) > HUGE_PAGE else 0
        return given[start : start + n_bytes].view(dtype)

    def counting(self, n: int) -> Int64s:
        """Return 0, 1, ... n - 1, of one array that only grows."""
        if n > len(self._counting):
            self._counting = np.arange(2 * n, dtype=np.int64)
        return self._counting[:n]

    def zeros(self, n: int) -> Int32s:
        """Return n zeros, int32, of one array that only grows."""
        if n > len(self._zeros):
            self._zeros = np.zeros(2 * n, np.int32)
        return self._zeros[:n]

    def _block(self, n_bytes: int) -> Block:
        self._take_back()
        place = bisect_left(self._unused, (_block_size(n_bytes),))
        if place < len(self._unused):
            return self._unused.pop(place)[-1]
        # What lies unused is too small: chunks are larger now.
        self._unused.clear()
        # Chunks differ a little in length.
        return np.empty(_block_size(max(n_bytes + n_bytes // 8, self._least, 1)), np.uint8)

    def _take_back(self) -> None:
        while self._returned:
            _, block = self._used.pop(id(self._returned.popleft()))
            self._n_returned += 1
            insort(self._unused, (len(block), self._n_returned, block))


def _block_size(n_bytes: int) -> int:
    """Return whole huge pages, and one more to begin at the start of one, for what needs one at all.

    NumPy asks for them, and each is touched for the first time once, not 512 times.
    """
    return n_bytes if n_bytes < HUGE_PAGE else (n_bytes // HUGE_PAGE + 2) * HUGE_PAGE
