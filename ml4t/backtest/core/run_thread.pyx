"""RunThread: a run belongs to the thread it was started in."""

cimport cython


@cython.final
cdef class RunThread:
    """The thread of a run. A compiled loop holds no lock, so another thread would read half a step."""

    cdef void begin(self) noexcept:
        self._ident = PyThread_get_thread_ident()

    cdef void end(self) noexcept:
        self._ident = 0

    cdef int _refuse(self) except -1:
        raise RuntimeError(
            "a run belongs to the thread it was started in, and this call comes from another: "
            "look at the result when the run is over, or act from the strategy's callbacks"
        )
