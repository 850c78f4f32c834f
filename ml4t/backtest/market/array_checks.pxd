# What arrays must be before C walks over them without a look at each step. Each check is one pass and
# raises a ValueError that names the first value that is wrong.

from libc.stdint cimport int8_t, int32_t, int64_t


cdef int check_walk(
    const int64_t* time, const int64_t* offset, int64_t n_times, const int32_t* asset, int64_t n_rows,
    int64_t n_assets
) except -1
cdef int check_bars(
    const double* open_, const double* high, const double* low, const double* close, int64_t n_rows,
    const int32_t* asset, const int8_t* is_signed
) except -1
cdef int check_volumes(const double* volume, int64_t n_rows) except -1
cdef int check_quotes(str name, const double* quote, int64_t n_rows) except -1
cdef int check_carried(const int64_t* carried, int64_t n_carried, int64_t now) except -1
