"""A growable array of C records that becomes a NumPy array without a Python loop."""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from libc.stddef cimport size_t
from libc.stdint cimport int64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memset

from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.guards cimport guard

import numpy as np


cdef int _is_exported() except -1 with gil:
    raise BufferError("a record buffer cannot grow while an array looks at it")


cdef int _out_of_memory(size_t wanted) except -1 with gil:
    raise MemoryError(f"a record buffer could not grow to {wanted} bytes")


cdef size_t SMALL_BYTES = 1 << 24


@cython.final
cdef class RecordBuffer:
    """Records of one struct type, appended one at a time.

    A pointer that ``append`` or ``at`` returned is valid until the next ``append``.
    """

    def __cinit__(self, size_t itemsize):
        if itemsize == 0:
            raise ValueError("itemsize must be positive, was 0")
        self._bytes = NULL
        self._capacity = 0
        self.count = 0
        self.itemsize = itemsize

    def __dealloc__(self):
        free(self._bytes)

    def __len__(self):
        return self.count

    def to_array(self, dtype):
        """Return the records as a NumPy array of ``dtype``, shape (count,), without a copy.

        The buffer takes no more records while such an array lives.
        """
        dtype = np.dtype(dtype)
        if <size_t> dtype.itemsize != self.itemsize:
            raise ValueError(
                f"dtype must have {self.itemsize} bytes a record, had {dtype.itemsize}"
            )
        return np.frombuffer(self, dtype) if self.count else np.empty(0, dtype)

    def __getbuffer__(self, Py_buffer* view, int flags):
        PyBuffer_FillInfo(
            view, self, self._bytes, <Py_ssize_t> (<size_t> self.count * self.itemsize), 1, flags
        )
        self._exports += 1

    def __releasebuffer__(self, Py_buffer* view):
        self._exports -= 1

    cdef int grow(self) except -1 nogil:
        # What is small grows fourfold: its bytes are moved once instead of twice.
        cdef int64_t factor = 4 if <size_t> self._capacity * self.itemsize < SMALL_BYTES else 2
        cdef int64_t capacity = 256 + factor * self._capacity
        cdef size_t wanted = <size_t> capacity * self.itemsize
        cdef void* moved
        if self._exports > 0:
            return _is_exported()
        moved = realloc(self._bytes, wanted)
        if moved == NULL:
            return _out_of_memory(wanted)
        self._bytes = <char*> moved
        self._capacity = capacity
        return 0

    cdef void* append(self) except NULL nogil:
        # The new record is zeroed: padding bytes and fields nobody set are the same on every run.
        if CHECKED and self._exports > 0:
            _is_exported()
        if self.count == self._capacity:
            self.grow()
        cdef char* record = self._bytes + <size_t> self.count * self.itemsize
        memset(record, 0, self.itemsize)
        self.count += 1
        return record
