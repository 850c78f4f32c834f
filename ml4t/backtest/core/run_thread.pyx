"""RunThread: a run belongs to the thread it was started in."""

cimport cython

cdef extern from "pythread.h":
    unsigned long PyThread_get_thread_ident() noexcept


@cython.final
cdef class RunThread:
    """The thread of a run. A compiled loop holds no lock, so another thread would read half a step."""

    cdef void begin(self) noexcept:
        self._ident = PyThread_get_thread_ident()

    cdef void end(self) noexcept:
        self._ident = 0

    # Called by whatever Python may reach from anywhere; free of charge in the run's own thread.
    cdef int check(self) except -1:
        if self._ident != 0 and self._ident != PyThread_get_thread_ident():
            raise RuntimeError(
                "a run belongs to the thread it was started in, and this call comes from another: "
                "look at the result when the run is over, or act from the strategy's callbacks"
            )
        return 0
