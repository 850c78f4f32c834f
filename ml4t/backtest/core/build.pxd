"""Facts about this build that C code can test at compile time."""

cdef extern from *:
    """
    #ifndef ML4T_CHECKED
    #define ML4T_CHECKED 0
    #endif
    """
    # 1 in a `checked` and in an `asan` build. The C compiler drops what `if CHECKED:` guards in the others.
    const bint CHECKED "ML4T_CHECKED"
