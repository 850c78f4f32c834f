# What a fill costs (semantics section 3, Costs).

cimport cython
from libc.math cimport ceil, copysign, fabs, floor, isnan
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.settings cimport SLIPS_MARKET, CommissionTerms, Settings, SlippageTerms
from ml4t.backtest.core.types cimport OrderRecord
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.position cimport side_of


# What a price does not rest on alone; each a bit.
cdef enum StandIn:
    NO_QUOTES = 1                # a fraction of the price stands in for the spread
    NO_VOLUME = 2                # and for the impact
    LEAST_LEFT = 4               # a sale would have brought less than the least


# The price of a fill, before and after slippage.
cdef struct FillPrice:
    double base
    double paid
    double spread                # of what is paid beside for a unit, currency; what stands in for it
    double impact                # the same
    int8_t stand_ins


# F of the semantics, of rates so high: what an order with this notional over its fills pays in all.
cdef inline double within_bounds(
    const CommissionTerms* terms, double notional, double rates
) noexcept nogil:
    cdef double commission = rates + terms.fixed
    if not commission > terms.minimum:
        commission = terms.minimum
    if terms.has_maximum:
        commission = _at_most(terms, notional, commission)
    return commission


cdef inline double _at_most(
    const CommissionTerms* terms, double notional, double commission
) noexcept nogil:
    if commission > terms.maximum:
        commission = terms.maximum
    if commission > notional * terms.maximum_percent:
        commission = notional * terms.maximum_percent
    return commission


# The same of an order with these sums over its fills, where there are no tiers.
cdef inline double order_commission(
    const CommissionTerms* terms, bint maker, double notional, double units
) noexcept nogil:
    cdef double percent = terms.maker_percent if maker else terms.percent
    return within_bounds(terms, notional, notional * percent + units * terms.per_unit)


# Whatever an order fills costs nothing, where there are no tiers.
cdef inline bint is_free(const CommissionTerms* terms) noexcept nogil:
    return (
        terms.percent == 0.0 and terms.maker_percent == 0.0 and terms.per_unit == 0.0 and terms.fixed == 0.0
        and terms.minimum <= 0.0 and not terms.has_maximum
    )


# The rates from a volume of the month on.
cdef struct Tier:
    double above                 # units or currency
    double percent               # as in CommissionTerms; so the others
    double maker_percent
    double per_unit


# What the fills of one run cost.
@cython.final
cdef class Costs:
    cdef Cursor cursor
    cdef RecordBuffer terms          # of orders
    cdef Settings settings
    cdef list amounts                # by who slips: the model that is asked, or None; None: there is none
    cdef object fees                 # the model that is asked; None: there is none
    cdef bint is_asking              # a model in Python: nothing else happens until it has answered
    cdef bint charges_nothing        # whatever an order fills
    cdef bint charges_by_more        # than the terms of the settings: tiers, a model
    cdef Tier* tiers                 # the first above nothing; NULL: no others
    cdef int n_tiers
    cdef bint tiers_by_value
    cdef RecordBuffer rates          # by order id, from 1: what its fills have paid by tiers
    cdef int64_t month_end           # the last timestamp that belongs to the month of the volume
    cdef double volume               # of the month, with what is supposed to have filled
    cdef double filled               # of the month
    cdef int64_t supposed_id         # the order that is supposed to have filled; 0: none
    cdef double supposed_rates       # and what it has paid by tiers then

    # The price of a market order, or of a stop. Below zero, too, slippage is against the trader.
    cdef inline int slip(
        self, const OrderRecord* order, double price, bint is_stop, FillPrice* slipped
    ) except -1 nogil:
        if self.settings.slips_by_more:
            return self._slip_by_more(order, price, is_stop, slipped)
        slipped.base = price
        slipped.paid = price
        if self.settings.slippage[SLIPS_MARKET].percent != 0.0:
            slipped.paid = price * (
                1.0 + side_of(order.quantity) * copysign(self.settings.slippage[SLIPS_MARKET].percent, price)
            )
        slipped.spread = 0.0
        slipped.impact = 0.0
        slipped.stand_ins = 0
        return 0

    # What one more fill of the order pays: F after it less F before it. No commission is what stands for an error.
    cdef inline double commission(
        self, const OrderRecord* order, double units, double price
    ) except -1e300 nogil:
        if self.charges_nothing:
            return 0.0
        if self.charges_by_more:
            return self._commission_by_more(order, units, price)
        return self._commission_by_terms(order, units, price)

    cdef inline double _commission_by_terms(
        self, const OrderRecord* order, double units, double price
    ) noexcept nogil:
        cdef const CommissionTerms* terms = &self.settings.commission
        cdef double before = 0.0
        if order.units > 0.0:
            before = order_commission(terms, order.maker, fabs(order.notional), order.units)
        return order_commission(
            terms, order.maker, fabs(order.notional + units * price), order.units + units
        ) - before

    # A fill has been booked.
    cdef inline int count(self, const OrderRecord* order, double units, double price) except -1 nogil:
        if self.n_tiers > 0:
            return self._count(order, units, price)
        return 0

    # Until nothing is supposed any more, what is asked comes after this fill.
    cdef inline int suppose(self, const OrderRecord* order, double units, double price) except -1 nogil:
        if self.n_tiers > 0:
            return self._suppose(order, units, price)
        return 0

    cdef inline void suppose_nothing(self) noexcept nogil:
        self.volume = self.filled
        self.supposed_id = 0

    cdef int _slip_by_more(
        self, const OrderRecord* order, double price, bint is_stop, FillPrice* slipped
    ) except -1 nogil
    cdef int64_t _row_of(self, int32_t asset) noexcept nogil
    cdef int _who_slips(self, const OrderRecord* order, bint is_stop) noexcept nogil
    cdef double _ask_amount(
        self, int who, const OrderRecord* order, double price, bint is_stop
    ) except -1.0 with gil
    cdef double _commission_by_more(
        self, const OrderRecord* order, double units, double price
    ) except -1e300 nogil
    cdef double _ask_fee(self, const OrderRecord* order, double units, double price) except -1e300 with gil
    cdef double _impact(
        self, const SlippageTerms* terms, const OrderRecord* order, int64_t row, int8_t* stand_ins
    ) noexcept nogil
    cdef double _spread(self, int64_t row) noexcept nogil
    cdef int _set_models(self, object commission, object slippage) except -1
    cdef double _answer(self, object model, str method, object fill) except -1e300
    cdef object _possible_fill(
        self, const OrderRecord* order, double quantity, double price, bint is_stop
    )
    cdef int _set_tiers(self, object commission) except -1
    cdef double _commission_by_tiers(
        self, const OrderRecord* order, double units, double price
    ) except -1e300 nogil
    cdef double _rates_of(self, bint maker, double units, double price) noexcept nogil
    cdef double _rates_before(self, const OrderRecord* order) noexcept nogil
    cdef double _measure(self, double units, double price) noexcept nogil
    cdef int _count(self, const OrderRecord* order, double units, double price) except -1 nogil
    cdef int _suppose(self, const OrderRecord* order, double units, double price) except -1 nogil
    cdef int _begin_month(self) except -1 nogil
    cdef int _find_month_end(self) except -1 with gil


# The price of what does not slip.
cdef inline FillPrice unslipped(double price) noexcept nogil:
    cdef FillPrice same
    same.base = price
    same.paid = price
    same.spread = 0.0
    same.impact = 0.0
    same.stand_ins = 0
    return same


# Whole units of an order, rounded against the trader.
cdef inline double whole_units(double units) noexcept nogil:
    return floor(units + 1e-9)


# The next price on a tick, upwards or not; or the one that it is but for the last bits.
# No division by zero: there is a tick.
@cython.cdivision(True)
cdef inline double on_tick(const Settings* settings, double price, bint up) noexcept nogil:
    cdef double tick = settings.tick_size
    cdef double n = ceil(price / tick - 1e-9) if up else floor(price / tick + 1e-9)
    return tick if up and n <= 0.0 < price else n * tick


# The limit of an order, no worse for it than asked for; of one without units, or below a tick, as it is.
cdef inline double limit_on_tick(
    const Settings* settings, double quantity, double limit
) noexcept nogil:
    if settings.tick_size == 0.0 or quantity == 0.0 or isnan(limit):
        return limit
    return limit if 0.0 < limit < settings.tick_size else on_tick(settings, limit, quantity < 0.0)


# The units that orders may fill of the volume of a bar, where it is capped.
cdef inline double most_units(const Settings* settings, Cursor cursor, int64_t row) noexcept nogil:
    cdef double most
    if not cursor.data.volume_[row] > 0.0:
        return 0.0
    most = settings.max_participation * cursor.data.volume_[row]
    return whole_units(most) if settings.whole_units else most
