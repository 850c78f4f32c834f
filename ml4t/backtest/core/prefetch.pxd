# A hint to the processor: this line of memory is needed soon. It reads nothing, so any address will do.
#
# To the compiler it has no effect, and a function of hints alone is one whose calls may be left out: an empty
# statement that it may not remove keeps them.

cdef extern from *:
    """
    #if defined(__GNUC__)
    static inline void ml4t_prefetch(const void* address) {
        __builtin_prefetch(address);
        __asm__ __volatile__("");
    }
    #else
    #define ml4t_prefetch(address) ((void) (address))
    #endif
    """
    void prefetch "ml4t_prefetch" (const void* address) noexcept nogil
