"""Arrays whose memory is taken up again when nobody holds them any more.

The first touch of fresh memory costs several times what writing to it does: chunk after chunk would
pay it for every column.
"""

from cpython.object cimport PyObject

import numpy as np

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject* o)
    PyObject* PyList_GET_ITEM(object list, Py_ssize_t i)


HUGE_PAGE = 1 << 21


class ArrayPool:
    """Gives arrays; those given before and no longer held, nor any view of them, are given again.

    For one thread at a time.

    Parameters
    ----------
    n_values : int
        What arrays will have at most, as far as that is known; room that is not used costs nothing.
    """

    def __init__(self, n_values=0):
        self._least = 8 * n_values
        self._blocks = []
        self._counting = np.empty(0, np.int64)
        self._zeros = np.empty(0, np.int32)

    @property
    def n_bytes(self):
        """Size of all arrays, used or not."""
        return sum(map(len, self._blocks))

    def empty(self, n, dtype=np.float64):
        """Return an array of shape (n,) with any values in it."""
        n_bytes = n * np.dtype(dtype).itemsize
        block = self._block(n_bytes)
        start = -block.ctypes.data % HUGE_PAGE if len(block) > HUGE_PAGE else 0
        return block[start:start + n_bytes].view(dtype)

    def counting(self, n):
        """Return 0, 1, ... n - 1, of one array that only grows."""
        if n > len(self._counting):
            self._counting = np.arange(2 * n, dtype=np.int64)
        return self._counting[:n]

    def zeros(self, n):
        """Return n zeros, int32, of one array that only grows."""
        if n > len(self._zeros):
            self._zeros = np.zeros(2 * n, np.int32)
        return self._zeros[:n]

    def _block(self, n_bytes):
        # Chunks differ a little in length.
        size = _block_size(max(n_bytes + n_bytes // 8, self._least))
        unused = [i for i in range(len(self._blocks)) if _is_unused(self._blocks, i)]
        for i in unused:
            if _block_size(n_bytes) <= len(self._blocks[i]):
                return self._blocks[i]
        # What lies unused is too small: chunks are larger now.
        for i in reversed(unused):
            del self._blocks[i]
        block = np.empty(size, np.uint8)
        self._blocks.append(block)
        return block


# Whole huge pages, and one more to begin at the start of one: NumPy asks for them, and each is touched
# for the first time once, not 512 times.
def _block_size(n_bytes):
    return n_bytes if n_bytes < HUGE_PAGE else (n_bytes // HUGE_PAGE + 2) * HUGE_PAGE


# Every view of a block, however it was made, holds the block itself: NumPy keeps no chains of views.
cdef bint _is_unused(list blocks, Py_ssize_t i) noexcept:
    return Py_REFCNT(PyList_GET_ITEM(blocks, i)) == 1
