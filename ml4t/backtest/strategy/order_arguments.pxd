from libc.stdint cimport int64_t

from ml4t.backtest.core.types cimport TermsRecord


cdef double quantity_of(object quantity) except -1.0
cdef double finite_of(str name, object value) except? -1.0
cdef double amount_of(str name, object value) except -1.0
cdef double price_of(str name, object price, bint is_signed) except? -1.0
cdef int read_terms(
    TermsRecord* terms, object limit, object stop, object fill_at, object valid, object valid_until,
    bint is_signed, int64_t now
) except -1
cdef int read_bracket(
    TermsRecord* terms, double direction, object stop_loss, object take_profit, bint is_signed
) except -1
