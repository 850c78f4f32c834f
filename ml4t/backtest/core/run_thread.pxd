cimport cython


# Shared by all that belongs to one run: who may touch it while the run goes on.
@cython.final
cdef class RunThread:
    cdef unsigned long _ident        # of the thread that runs; 0: no run is under way

    cdef void begin(self) noexcept
    cdef void end(self) noexcept
    cdef int check(self) except -1
