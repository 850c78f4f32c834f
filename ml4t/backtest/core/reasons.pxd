cimport cython
from libc.stdint cimport int32_t


@cython.final
cdef class Reasons:
    cdef list _texts
    cdef dict _codes

    cdef int32_t code(self, str text) except -1
    cdef str text(self, int32_t code)
