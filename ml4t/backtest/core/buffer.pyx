"""A growable array of C records that becomes a NumPy array without a Python loop."""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from libc.stddef cimport size_t
from libc.stdint cimport int64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.guards cimport guard

import numpy as np


# Most of what a fresh record costs is that the system is asked for its page. So many records stand in a
# stretch of addresses that they never outgrow and are never moved from. Only what is opened of it counts
# as memory, only what is written to takes some, in large pages where there are some. Without such a
# stretch NULL, and the records are moved as they grow.
cdef extern from *:
    """
    #if defined(__linux__)
    #include <sys/mman.h>
    static void *ml4t_reserve(size_t n) {
        void *bytes = mmap(NULL, n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (bytes == MAP_FAILED) return NULL;
        madvise(bytes, n, MADV_HUGEPAGE);
        return bytes;
    }
    static int ml4t_open(void *bytes, size_t n) {
        return mprotect(bytes, n, PROT_READ | PROT_WRITE);
    }
    static void ml4t_release(void *bytes, size_t n) { munmap(bytes, n); }
    #else
    static void *ml4t_reserve(size_t n) { return NULL; }
    static int ml4t_open(void *bytes, size_t n) { return -1; }
    static void ml4t_release(void *bytes, size_t n) {}
    #endif
    """
    void* reserve "ml4t_reserve"(size_t n) noexcept nogil
    int open_bytes "ml4t_open"(void* bytes, size_t n) noexcept nogil
    void release "ml4t_release"(void* bytes, size_t n) noexcept nogil


cdef int _is_exported() except -1 with gil:
    raise BufferError("a record buffer cannot grow while an array looks at it")


cdef int _out_of_memory(size_t wanted) except -1 with gil:
    raise MemoryError(f"a record buffer could not grow to {wanted} bytes")


cdef size_t SMALL_BYTES = 1 << 24
# Fewer are better off in the heap: a process of many runs has that memory from the run before.
cdef size_t MANY_BYTES = 1 << 25
cdef size_t STRETCH = <size_t> 1 << 33
# Where what is open ends within a large page, the system has to make that one of small ones.
cdef size_t LARGE_PAGE = 1 << 21


@cython.final
cdef class RecordBuffer:
    """Records of one struct type, appended one at a time.

    A pointer that ``append`` or ``at`` returned is valid until the next ``append``.
    """

    def __cinit__(self, size_t itemsize):
        if itemsize == 0:
            raise ValueError("itemsize must be positive, was 0")
        self._bytes = NULL
        self._stretch = 0
        self._capacity = 0
        self.count = 0
        self.itemsize = itemsize

    def __dealloc__(self):
        self._free()

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
        if wanted >= MANY_BYTES and self._has_room_for(wanted):
            self._capacity = capacity
            return 0
        moved = realloc(self._bytes if self._stretch == 0 else NULL, wanted)
        if moved == NULL:
            return _out_of_memory(wanted)
        if self._stretch > 0:
            self._move_to(moved)
        self._bytes = <char*> moved
        self._capacity = capacity
        return 0

    # So many bytes of a stretch are open: of that the records stand in, or of one they have moved to.
    cdef bint _has_room_for(self, size_t wanted) noexcept nogil:
        cdef void* stretch = self._bytes
        wanted = (wanted + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1)
        if wanted > STRETCH:
            return False
        if self._stretch == 0:
            stretch = reserve(STRETCH)
            if stretch == NULL:
                return False
        if open_bytes(stretch, wanted) != 0:
            if self._stretch == 0:
                release(stretch, STRETCH)
            return False
        if self._stretch == 0:
            self._move_to(stretch)
            self._stretch = STRETCH
        return True

    cdef void _move_to(self, void* bytes) noexcept nogil:
        if self.count > 0:
            memcpy(bytes, self._bytes, <size_t> self.count * self.itemsize)
        self._free()
        self._bytes = <char*> bytes

    cdef void _free(self) noexcept nogil:
        if self._stretch > 0:
            release(self._bytes, self._stretch)
        else:
            free(self._bytes)
        self._stretch = 0
        self._bytes = NULL

    # No array looks at the records.
    cdef int _check_free(self) except -1 nogil:
        return _is_exported() if self._exports > 0 else 0

    cdef void* append(self) except NULL nogil:
        # The new record is zeroed: padding bytes and fields nobody set are the same on every run.
        if CHECKED:
            self._check_free()
        if self.count == self._capacity:
            self.grow()
        cdef char* record = self._bytes + <size_t> self.count * self.itemsize
        memset(record, 0, self.itemsize)
        self.count += 1
        return record
