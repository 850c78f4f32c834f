from libc.math cimport isnan
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.types cimport TYPE_TRAILING_STOP, TermsRecord


cdef double quantity_of(object quantity) except -1.0
cdef double finite_of(str name, object value) except? -1.0
cdef double amount_of(str name, object value) except -1.0
cdef double price_of(str name, object price, bint is_signed) except? -1.0
cdef int read_terms(
    TermsRecord* terms, object limit, object stop, object fill_at, object valid, object valid_until,
    bint is_signed, int64_t now
) except -1
cdef int read_trail(
    TermsRecord* terms, double direction, object trail, object trail_percent, double mark, bint is_signed
) except -1
cdef int read_bracket(
    TermsRecord* terms, double direction, object stop_loss, object take_profit, bint is_signed
) except -1


# A trailing stop that is not known when it is made: there is no mark, or no price behind it.
cdef inline bint has_no_stop(const TermsRecord* terms) noexcept nogil:
    return terms.type == TYPE_TRAILING_STOP and isnan(terms.stop)


cdef int refuse_size(tuple assets, int32_t asset) except -1 with gil
cdef int64_t too_many(double units) except -1 with gil
cdef int too_heavy(double weight, double most) except -1 with gil
