# A block of memory that grows.

from libc.stdlib cimport realloc


# A block with room for so many bytes; on failure the old one stays where it is.
cdef inline void* grown(void* block, size_t size) except NULL:
    cdef void* made = realloc(block, size)
    if made == NULL:
        raise MemoryError(f"no memory for {size} bytes")
    return made
