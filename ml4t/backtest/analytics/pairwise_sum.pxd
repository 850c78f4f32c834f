# Sums of doubles in the order of NumPy's add.reduce, so that they are those of the same columns in a frame to the last
# bit: blocks of eight partial sums, and halves of what is longer than a block. Versions of NumPy before 2.4 may sum what
# is longer than 8,192 values piece after piece; here the order is one, whichever is installed.

# What is summed of each value.
cdef enum Term:
    ITSELF
    SQUARE_AROUND
    SQUARE_BELOW

cdef enum:
    BLOCK = 128


cdef inline double pairwise_sum(const double* values, Py_ssize_t n, Term term, double around) noexcept nogil:
    cdef Py_ssize_t half
    if n > BLOCK:
        half = n // 2
        half -= half % 8
        return pairwise_sum(values, half, term, around) + pairwise_sum(
            values + half, n - half, term, around
        )
    return block_sum(values, n, term, around)


cdef inline double block_sum(const double* values, Py_ssize_t n, Term term, double around) noexcept nogil:
    cdef double[BLOCK] terms
    cdef double[8] part
    cdef double total = 0.0
    cdef Py_ssize_t i
    cdef Py_ssize_t j
    cdef Py_ssize_t whole = n - n % 8
    if term != ITSELF:
        write_terms(&terms[0], values, n, term, around)
        values = &terms[0]
    if whole > 0:
        for j in range(8):
            part[j] = values[j]
        for i in range(8, whole, 8):
            for j in range(8):
                part[j] += values[i + j]
        total = ((part[0] + part[1]) + (part[2] + part[3])) + (
            (part[4] + part[5]) + (part[6] + part[7])
        )
    for i in range(whole, n):
        total += values[i]
    return total


cdef inline void write_terms(
    double* terms, const double* values, Py_ssize_t n, Term term, double around
) noexcept nogil:
    cdef Py_ssize_t i
    cdef double square
    if term == SQUARE_AROUND:
        for i in range(n):
            terms[i] = (values[i] - around) * (values[i] - around)
    else:  # what is NaN is not above
        for i in range(n):
            square = values[i] * values[i]
            terms[i] = 0.0 if values[i] > 0.0 else square
