"""The last row of each asset."""

from libc.stdint cimport int32_t, int64_t

import numpy as np


def last_rows(const int32_t[::1] assets, Py_ssize_t n_assets):
    """Return the last row of each asset, -1 where it has none, shape (n_assets,)."""
    result = np.full(n_assets, -1, np.int64)
    cdef int64_t[::1] last = result
    cdef Py_ssize_t n_left = n_assets
    cdef Py_ssize_t i
    if n_assets == 1:
        last[0] = assets.shape[0] - 1
        return result
    with nogil:
        for i in range(assets.shape[0] - 1, -1, -1):
            if last[assets[i]] < 0:
                last[assets[i]] = i
                n_left -= 1
                if n_left == 0:
                    break
    return result
