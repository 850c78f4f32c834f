"""Costs: what fills cost that is more than a percent: amounts, the spread and the volume of the bar, stops."""

cimport cython
from libc.math cimport NAN, copysign, fabs, sqrt
from libc.stddef cimport size_t
from libc.stdint cimport INT64_MAX, INT64_MIN, int8_t, int32_t, int64_t
from libc.stdlib cimport calloc, free

import numpy as np
import pandas as pd

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.settings cimport (
    SLIPS_MARKET, SLIPS_MARKET_ON_CLOSE, SLIPS_MARKET_ON_OPEN, SLIPS_STOP, CommissionTerms,
    SlippageTerms, resolve_settings,
)
from ml4t.backtest.core.types cimport (
    SOURCE_ENGINE, TYPE_MARKET, TYPE_MARKET_ON_CLOSE, TYPE_MARKET_ON_OPEN, OrderRecord, TermsRecord,
)
from ml4t.backtest.execution.order_records cimport terms_of
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.portfolio.position cimport side_of

from ml4t.backtest.core.meant_names import attribute_meant
from ml4t.backtest.core.ranges import PRICE
from ml4t.backtest.core.records import ORDER_TYPES
from ml4t.backtest.core.settings import SLIPS
from ml4t.backtest.cost_models import CostModelError, PossibleFill
from ml4t.backtest.market.sessions import DAY, midnights, session_dates, session_zone


# The last commission and slippage in which no model in Python was found: the runs of a sweep have the same.
cdef tuple _without_models = (None, None)

# Currency; so many units at so high a price have no larger value.
cdef double MOST_FEE = 1e30


@cython.final
cdef class Costs:
    """Slippage and commission of one run.

    Parameters
    ----------
    cursor : Cursor
    terms : RecordBuffer
        Those of the orders.
    config : BacktestConfig
    """

    def __cinit__(self, Cursor cursor not None, RecordBuffer terms not None, config):
        self.cursor = cursor
        self.terms = terms
        self.settings = resolve_settings(config)
        self.rates = RecordBuffer(sizeof(double))
        self.month_end = INT64_MIN
        if config.commission.tiers:
            self._set_tiers(config.commission)
        self._set_models(config.commission, config.slippage)
        self.charges_by_more = self.n_tiers > 0 or self.fees is not None
        self.charges_nothing = not self.charges_by_more and is_free(&self.settings.commission)

    def __dealloc__(self):
        free(self.tiers)

    # ---- slippage ----------------------------------------------------------------------------

    cdef int _slip_by_more(
        self, const OrderRecord* order, double price, bint is_stop, FillPrice* slipped
    ) except -1 nogil:
        cdef int who = self._who_slips(order, is_stop)
        cdef const SlippageTerms* terms = &self.settings.slippage[who]
        cdef int64_t row = self._row_of(order.asset)
        cdef double direction = side_of(order.quantity)
        cdef double fraction = terms.percent
        cdef double amount = terms.per_unit
        cdef double least = price * (1.0 - terms.percent) * 0.01
        cdef double size = fabs(price)
        cdef double impact
        cdef double spread
        slipped.base = price
        slipped.spread = 0.0
        slipped.impact = 0.0
        slipped.stand_ins = 0
        if is_stop:
            fraction = fraction + terms.extra_on_stops
        if terms.impact > 0.0:
            impact = self._impact(terms, order, row, &slipped.stand_ins)
            fraction = fraction + impact
            slipped.impact = size * impact
        if terms.spread > 0.0:
            spread = self._spread(row)
            if spread >= 0.0:
                amount = amount + terms.spread * spread
                slipped.spread = terms.spread * spread
            else:
                fraction = fraction + terms.without_quotes
                slipped.spread = size * terms.without_quotes
                slipped.stand_ins |= NO_QUOTES
        if self.amounts is not None:
            amount = amount + self._ask_amount(who, order, price, is_stop)
        slipped.paid = price * (1.0 + direction * copysign(fraction, price)) + direction * amount
        if self.settings.tick_size > 0.0:
            slipped.paid = on_tick(&self.settings, slipped.paid, direction > 0.0)
        if slipped.paid < least and not self.cursor.data.is_signed[order.asset]:
            slipped.paid = least
            slipped.stand_ins |= LEAST_LEFT
        return 0

    # The bar of now; -1 without one, as at the end of data. Then there is neither volume nor spread: those of an
    # earlier bar are of the units before the splits since.
    cdef int64_t _row_of(self, int32_t asset) noexcept nogil:
        return self.cursor.row[asset] if self.cursor.has_row(asset) else -1

    # A stop order that has been triggered, and waits for an open, is a market order.
    cdef int _who_slips(self, const OrderRecord* order, bint is_stop) noexcept nogil:
        cdef const TermsRecord* terms = terms_of(self.terms, order)
        if is_stop:
            return SLIPS_STOP
        if terms != NULL and terms.type == TYPE_MARKET_ON_OPEN:
            return SLIPS_MARKET_ON_OPEN
        if terms != NULL and terms.type == TYPE_MARKET_ON_CLOSE:
            return SLIPS_MARKET_ON_CLOSE
        return SLIPS_MARKET

    # How far the units of the order move the price, as a fraction of it.
    # No division by zero: the volume is above it.
    @cython.cdivision(True)
    cdef double _impact(
        self, const SlippageTerms* terms, const OrderRecord* order, int64_t row, int8_t* stand_ins
    ) noexcept nogil:
        cdef const double* volume = self.cursor.data.volume_
        cdef double units = fabs(order.quantity)
        cdef double most
        cdef double taken
        cdef double impact
        if volume == NULL or row < 0 or not volume[row] > 0.0:
            stand_ins[0] |= NO_VOLUME
            return terms.without_volume
        if self.settings.is_capped and order.source != SOURCE_ENGINE:
            most = most_units(&self.settings, self.cursor, row)
            units = most if units > most else units
        taken = units / volume[row]
        impact = terms.impact * (taken if terms.is_linear else sqrt(taken))
        return 1.0 if impact > 1.0 else impact

    # Ask less bid; NaN or below zero where there are no quotes to go by.
    cdef double _spread(self, int64_t row) noexcept nogil:
        cdef const double* bid = self.cursor.data.bid_
        cdef const double* ask = self.cursor.data.ask_
        if bid == NULL or ask == NULL or row < 0:
            return -1.0
        return ask[row] - bid[row]

    # ---- models in Python --------------------------------------------------------------------

    cdef int _set_models(self, object commission, object slippage) except -1:
        global _without_models
        if _without_models[0] is commission and _without_models[1] is slippage:  # they are immutable
            return 0
        if any(one.is_asked for one in slippage.all_parts):
            parts = [slippage.of(name) for name in SLIPS]
            self.amounts = [one if one.is_asked else None for one in parts]
        self.fees = commission if commission.is_asked else None
        if self.amounts is None and self.fees is None:
            _without_models = (commission, slippage)
        return 0

    cdef double _ask_amount(
        self, int who, const OrderRecord* order, double price, bint is_stop
    ) except -1.0 with gil:
        model = self.amounts[who]
        if model is None:
            return 0.0
        fill = self._possible_fill(order, order.quantity, price, is_stop)
        amount = self._answer(model, "amount", fill)
        if not 0.0 <= amount <= PRICE.most:
            raise _no_cost(model, "amount", amount, f"an amount of slippage is between 0 and {PRICE.most:g}", fill)
        return amount

    cdef double _commission_by_more(
        self, const OrderRecord* order, double units, double price
    ) except -1e300 nogil:
        cdef double commission
        if self.n_tiers > 0:
            commission = self._commission_by_tiers(order, units, price)
        else:
            commission = self._commission_by_terms(order, units, price)
        if self.fees is not None:
            commission = commission + self._ask_fee(order, units, price)
        return commission

    cdef double _ask_fee(self, const OrderRecord* order, double units, double price) except -1e300 with gil:
        fill = self._possible_fill(order, side_of(order.quantity) * units, price, False)
        fee = self._answer(self.fees, "fee", fill)
        if not fabs(fee) <= MOST_FEE:
            raise _no_cost(self.fees, "fee", fee, f"a fee is finite, and at most {MOST_FEE:g}", fill)
        if fee < 0.0 and not self.fees.rebates:
            raise _no_cost(
                self.fees, "fee", fee, "a fee below zero is a rebate: rebates=True allows them", fill
            )
        return fee

    cdef double _answer(self, object model, str method, object fill) except -1e300:
        self.is_asking = True
        try:
            return _number_of(model, method, fill)
        finally:
            self.is_asking = False

    cdef object _possible_fill(
        self, const OrderRecord* order, double quantity, double price, bint is_stop
    ):
        cdef int64_t row = self._row_of(order.asset)
        cdef const TermsRecord* terms = terms_of(self.terms, order)
        cdef MarketData data = self.cursor.data
        return PossibleFill(
            pd.Timestamp(self.cursor.now, tz="UTC"),
            data.assets[order.asset],
            order.order_id,
            ORDER_TYPES[TYPE_MARKET if terms == NULL else terms.type],
            quantity,
            price,
            bool(is_stop),
            bool(order.maker),
            order.units,
            fabs(order.notional),
            _value_of(data.open_, row),
            _value_of(data.high_, row),
            _value_of(data.low_, row),
            _value_of(data.close_, row),
            _value_of(data.volume_, row),
            _value_of(data.bid_, row),
            _value_of(data.ask_, row),
        )

    # ---- commission by the volume of the month -----------------------------------------------

    cdef int _set_tiers(self, object commission) except -1:
        cdef size_t n = len(commission.tiers) + 1
        cdef Tier* tier
        cdef int i
        maker = commission.maker_percent
        self.tiers = <Tier*> calloc(n, sizeof(Tier))
        if self.tiers == NULL:
            raise MemoryError("no memory for the tiers of a commission")
        self.n_tiers = <int> n
        self.tiers_by_value = commission.tiers_by == "value"
        self.tiers[0].percent = commission.percent
        self.tiers[0].maker_percent = commission.percent if maker is None else maker
        self.tiers[0].per_unit = commission.per_unit
        for i, given in enumerate(commission.tiers, start=1):
            tier = &self.tiers[i]
            tier[0] = self.tiers[i - 1]
            tier.above = given.above
            maker = maker if given.maker_percent is None else given.maker_percent
            if given.percent is not None:
                tier.percent = given.percent
            if given.per_unit is not None:
                tier.per_unit = given.per_unit
            tier.maker_percent = tier.percent if maker is None else maker
        return 0

    # What the order pays by tiers is a sum over its fills, of which each has had its own volume before it.
    cdef double _commission_by_tiers(
        self, const OrderRecord* order, double units, double price
    ) except -1e300 nogil:
        cdef const CommissionTerms* terms = &self.settings.commission
        cdef double rates = self._rates_before(order)
        cdef double before = 0.0
        self._begin_month()
        if order.units > 0.0:
            before = within_bounds(terms, fabs(order.notional), rates)
        rates = rates + self._rates_of(order.maker, units, price)
        return within_bounds(terms, fabs(order.notional + units * price), rates) - before

    # Each part of the units pays the rates of the tier it lies in.
    # No division by zero: what has a value has a price.
    @cython.cdivision(True)
    cdef double _rates_of(self, bint maker, double units, double price) noexcept nogil:
        cdef double size = fabs(price)
        cdef double left = self._measure(units, price)
        cdef double volume = self.volume
        cdef double rates = 0.0
        cdef double part
        cdef double percent
        cdef int last = self.n_tiers - 1
        cdef int i = 0
        while i < last and volume >= self.tiers[i + 1].above:
            i += 1
        if left == 0.0:
            return units * self.tiers[i].per_unit
        while True:
            percent = self.tiers[i].maker_percent if maker else self.tiers[i].percent
            part = left
            if i < last and left > self.tiers[i + 1].above - volume:
                part = self.tiers[i + 1].above - volume
            if self.tiers_by_value:
                rates = rates + (part * percent + part / size * self.tiers[i].per_unit)
            else:
                rates = rates + (part * size * percent + part * self.tiers[i].per_unit)
            left = left - part
            if not left > 0.0:
                return rates
            i += 1
            volume = self.tiers[i].above

    cdef double _rates_before(self, const OrderRecord* order) noexcept nogil:
        if order.order_id == self.supposed_id:
            return self.supposed_rates
        if order.order_id > self.rates.count:
            return 0.0
        return (<double*> self.rates.at(order.order_id - 1))[0]

    cdef double _measure(self, double units, double price) noexcept nogil:
        return units * fabs(price) if self.tiers_by_value else units

    cdef int _count(self, const OrderRecord* order, double units, double price) except -1 nogil:
        self._begin_month()
        while self.rates.count < order.order_id:
            (<double*> self.rates.append())[0] = 0.0
        (<double*> self.rates.at(order.order_id - 1))[0] += self._rates_of(order.maker, units, price)
        self.filled = self.filled + self._measure(units, price)
        self.volume = self.filled
        return 0

    cdef int _suppose(self, const OrderRecord* order, double units, double price) except -1 nogil:
        cdef double before = self._rates_before(order)
        self._begin_month()
        self.supposed_rates = before + self._rates_of(order.maker, units, price)
        self.supposed_id = order.order_id
        self.volume = self.volume + self._measure(units, price)
        return 0

    cdef inline int _begin_month(self) except -1 nogil:
        if self.cursor.now > self.month_end:
            self._find_month_end()
            self.filled = 0.0
            self.volume = 0.0
        return 0

    # Months are those of the sessions' days; a midnight still belongs to the day that it closes.
    cdef int _find_month_end(self) except -1 with gil:
        now = self.cursor.now
        if self.cursor.sessions is not None:
            self.month_end = self.cursor.sessions.end_of_month(now)
            return 0
        zone = session_zone(self.cursor.data.info or {})
        ends = midnights(now, min(now + 32 * DAY, INT64_MAX), zone)
        ends = ends[ends >= now]
        last = np.flatnonzero(session_dates(ends, zone).is_month_end)
        self.month_end = ends[last[0]] if len(last) else INT64_MAX
        return 0


cdef double _value_of(const double* column, int64_t row) noexcept nogil:
    return NAN if column == NULL or row < 0 else column[row]


# The number that a model answers with.
def _number_of(model, str method, fill):
    try:
        answer = getattr(model, method)(fill)
    except Exception as error:
        raise CostModelError(
            f"{type(model).__name__}.{method} raised {type(error).__name__}: {error}{attribute_meant(error)} "
            f"({_whose(fill)})"
        ) from error
    why = "it must be a number"
    if not hasattr(type(answer), "__float__"):
        raise _no_cost(model, method, answer, why, fill)
    try:
        return float(answer)
    except Exception as error:
        raise _no_cost(model, method, answer, why, fill) from error


def _no_cost(model, str method, answer, str why, fill):
    return CostModelError(f"{type(model).__name__}.{method} returned {answer!r}: {why} ({_whose(fill)})")


def _whose(fill):
    return f"order {fill.order_id}, asset {fill.asset!r}, {fill.timestamp}"
