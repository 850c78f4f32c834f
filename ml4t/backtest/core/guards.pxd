# What must hold if the code is right, looked at in a build that checks (core/build): `if CHECKED: guard(...)`.

cdef extern from "Python.h":
    void Py_FatalError(const char* message) noexcept nogil


# No exception: much of what is guarded cannot raise, and with what is broken nothing may go on.
cdef inline void guard(bint holds, const char* broken) noexcept nogil:
    if not holds:
        Py_FatalError(broken)
