cimport cython
from libc.stddef cimport size_t
from libc.stdint cimport int64_t
from libc.string cimport memset

from ml4t.backtest.core.build cimport CHECKED
from ml4t.backtest.core.guards cimport guard
from ml4t.backtest.core.prefetch cimport prefetch

# What a field holds that nobody has set, byte by byte: no price and no time, so that a test sees it.
cdef enum:
    UNSET = 0xA5

# A record is written to memory that nobody has touched before: that is asked for so many records ahead, line by line.
cdef enum:
    AHEAD = 16
    LINE = 64


cdef inline void fetch_ahead(const char* record, size_t size) noexcept nogil:
    cdef size_t at = 0
    while at < size:
        prefetch(record + at)
        at += LINE


@cython.final
cdef class RecordBuffer:
    cdef char* _bytes
    cdef size_t _stretch            # bytes of the stretch of addresses they stand in; 0: they stand in the heap
    cdef int64_t _capacity
    cdef int64_t _exports           # arrays that look at the bytes
    cdef readonly int64_t count
    """Records held."""
    cdef readonly size_t itemsize
    """Bytes of one record."""

    cdef int grow(self) except -1 nogil
    cdef bint _has_room_for(self, size_t wanted) noexcept nogil
    cdef void _move_to(self, void* bytes) noexcept nogil
    cdef void _free(self) noexcept nogil
    cdef void* append(self) except NULL nogil
    cdef int _check_free(self) except -1 nogil

    # A new record of which the caller sets every field, so that nothing is written twice. There is no padding between
    # fields; behind the last one there may be, and it is the same on every run. The caller names the size of a record,
    # so that the compiler knows it.
    cdef inline void* append_to_fill(self, size_t size) except NULL nogil:
        cdef char* made
        if CHECKED:
            guard(size == self.itemsize, b"a record of another size is appended")
            self._check_free()
        if self.count == self._capacity:
            self.grow()
        made = self._bytes + <size_t> self.count * size
        if CHECKED:
            memset(made, UNSET, size)
        fetch_ahead(made + size * AHEAD, size)
        memset(made + size - 8, 0, 8)
        self.count += 1
        return made

    cdef inline void* at(self, int64_t index) noexcept nogil:
        if CHECKED:
            guard(0 <= index < self.count, b"a record is asked for that is not there")
        return self._bytes + <size_t> index * self.itemsize
