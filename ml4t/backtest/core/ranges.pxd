# What numbers may come in, as docs/semantics.md section 1 states it; ranges.py says the same in Python.
#
# Wide enough for every market, and so narrow that no product or quotient of the formulas leaves the
# doubles: q·p is at most 1e30, and a split-adjusted one at most 1e60.

from libc.math cimport fabs

cdef extern from *:
    """
    #define ML4T_LEAST_PRICE 1e-12
    #define ML4T_MOST_PRICE 1e15
    #define ML4T_MOST_VOLUME 1e18
    #define ML4T_LEAST_UNITS 1e-12
    #define ML4T_MOST_UNITS 1e15
    """
    const double LEAST_PRICE "ML4T_LEAST_PRICE"
    const double MOST_PRICE "ML4T_MOST_PRICE"
    const double MOST_VOLUME "ML4T_MOST_VOLUME"
    const double LEAST_UNITS "ML4T_LEAST_UNITS"
    const double MOST_UNITS "ML4T_MOST_UNITS"


cdef inline bint is_price(double price) noexcept nogil:
    return price >= LEAST_PRICE and price <= MOST_PRICE


# Of an asset whose prices may be zero or negative.
cdef inline bint is_signed_price(double price) noexcept nogil:
    return price == 0.0 or is_price(fabs(price))


cdef inline bint is_quantity(double quantity) noexcept nogil:
    return fabs(quantity) >= LEAST_UNITS and fabs(quantity) <= MOST_UNITS


cdef inline bint is_split(double ratio) noexcept nogil:
    return ratio >= 1e-6 and ratio <= 1e6


# All splits of an asset up to a day, multiplied.
cdef inline bint is_split_product(double ratio) noexcept nogil:
    return ratio >= 1e-15 and ratio <= 1e15


cdef inline bint is_dividend(double dividend) noexcept nogil:
    return dividend > 0.0 and dividend <= 1e15


# Volumes may be 0; NaN is a volume that is not known.
cdef inline bint is_volume(double volume) noexcept nogil:
    return not (volume < 0.0) and not (volume > MOST_VOLUME)
