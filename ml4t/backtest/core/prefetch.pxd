# A hint to the processor: this line of memory is needed soon. It reads nothing, so any address will do.

cdef extern from *:
    """
    #if defined(__GNUC__)
    #define ml4t_prefetch(address) __builtin_prefetch(address)
    #else
    #define ml4t_prefetch(address) ((void) (address))
    #endif
    """
    void prefetch "ml4t_prefetch" (const void* address) noexcept nogil
