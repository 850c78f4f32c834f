cimport cython

cdef extern from "pythread.h":
    unsigned long PyThread_get_thread_ident() noexcept


# Shared by all that belongs to one run: who may touch it while the run goes on.
@cython.final
cdef class RunThread:
    cdef unsigned long _ident        # of the thread that runs; 0: no run is under way

    cdef void begin(self) noexcept
    cdef void end(self) noexcept

    # Called by whatever Python may reach from anywhere; free of charge in the run's own thread.
    cdef inline int check(self) except -1:
        if self._ident != 0 and self._ident != PyThread_get_thread_ident():
            return self._refuse()
        return 0

    cdef int _refuse(self) except -1
