from libc.math cimport NAN, isnan
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.ranges cimport is_price, is_signed_price
from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport TYPE_TRAILING_STOP, TermsRecord
from ml4t.backtest.execution.costs cimport limit_on_tick
from ml4t.backtest.execution.trailing cimport trailed


cdef double quantity_of(object quantity) except -1.0
cdef double finite_of(str name, object value) except? -1.0
cdef double amount_of(str name, object value) except -1.0
cdef double risk_of(object risk, bint at_fill) except -1.0
cdef double price_of(str name, object price, bint is_signed) except? -1.0
cdef int read_terms(
    TermsRecord* terms, object limit, object stop, object fill_at, object valid, object valid_until,
    bint is_signed, int64_t now
) except -1
cdef int read_trail(
    TermsRecord* terms, double direction, object trail, object trail_percent, double mark, bint is_signed
) except -1
cdef int read_bracket(
    TermsRecord* terms, double direction, object stop_loss, object take_profit, bint is_signed, const Settings* settings
) except -1


# A price that an asset can have.
cdef inline bint can_be_price(double price, bint is_signed) noexcept nogil:
    return is_price(price) or (is_signed and is_signed_price(price))


# Its stop is to follow the market, from the mark on; no price behind it is a NaN.
cdef inline void begin_trail(TermsRecord* terms, double direction, double mark, bint is_signed) noexcept nogil:
    terms.type = TYPE_TRAILING_STOP
    terms.water = mark
    terms.stop = trailed(terms, -direction)
    if not can_be_price(terms.stop, is_signed):
        terms.stop = NAN


# What an order waits for: its limit as it will be accepted, else its stop; NaN at the market.
cdef inline double own_price(const TermsRecord* terms, double direction, const Settings* settings) noexcept nogil:
    return terms.stop if isnan(terms.limit) else limit_on_tick(settings, direction, terms.limit)


# To buy, a stop loss lies below the order's own price and that below a take profit; what is NaN lies right.
cdef inline bint is_crossed(const TermsRecord* terms, double direction, const Settings* settings) noexcept nogil:
    cdef double own = own_price(terms, direction, settings)
    return (
        direction * terms.stop_loss >= direction * own or direction * own >= direction * terms.take_profit
        or direction * terms.stop_loss >= direction * terms.take_profit
    )


# A trailing stop that is not known when it is made: there is no mark, or no price behind it.
cdef inline bint has_no_stop(const TermsRecord* terms) noexcept nogil:
    return terms.type == TYPE_TRAILING_STOP and isnan(terms.stop)


cdef int check_moved(
    const TermsRecord* terms, double direction, double limit, double stop, const Settings* settings
) except -1
cdef int refuse_size(tuple assets, int32_t asset) except -1 with gil
cdef int64_t too_many(double units) except -1 with gil
cdef int too_heavy(double weight, double most) except -1 with gil
