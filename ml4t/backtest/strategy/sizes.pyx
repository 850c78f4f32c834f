"""Sizes of orders; by the risk, as many units as lose so much money where they leave at their stop (semantics 3)."""

from libc.math cimport NAN, fabs, isnan
from libc.stdint cimport int32_t

from ml4t.backtest.core.types cimport TermsRecord
from ml4t.backtest.portfolio.armed_levels cimport level_or_nan
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.risk.manager cimport RiskManager
from ml4t.backtest.risk.opening_stop cimport opening_stop

from ml4t.backtest.risk.stop_needed import is_stopped

# A stop so many times the price away is none.
cdef double MOST_DISTANT = 1e6


# NaN: nothing stops them at that price. Of an asset for which no rule can arm a stop it is an error.
cdef double units_at_risk(
    RiskManager risk, int32_t asset, double side, double money, const TermsRecord* terms
) except? -1.0:
    cdef double price = own_price(risk.portfolio.account, asset, terms)
    cdef double distance = side * (price - _stop_of(risk, asset, side, price, terms))
    if 0.0 < distance <= MOST_DISTANT * fabs(price):
        return money / distance
    if isnan(terms.stop_loss):
        _check_is_stopped(risk, asset, side)
    return NAN


# Where they are to leave again: by their bracket, by the stop of the position that they add to, by what rules would arm.
cdef double _stop_of(
    RiskManager risk, int32_t asset, double side, double price, const TermsRecord* terms
) except? -1.0:
    cdef const Position* position = &risk.positions.at[asset]
    if not isnan(terms.stop_loss):
        return terms.stop_loss
    if position.quantity * side > 0.0:
        return level_or_nan(position.levels.stop)
    return opening_stop(risk, asset, side, price)


cdef int _check_is_stopped(RiskManager risk, int32_t asset, double side) except -1:
    name = risk.cursor.data.assets[asset]
    if not is_stopped(risk._rules.copies(), name):
        call = f"self.{'buy' if side > 0.0 else 'sell'}({name!r}, risk=...)"
        raise ValueError(
            f"{call} is sized by the stop of the position, and no rule arms one for {name!r}; add a stop to the rules, or "
            "give the order a stop_loss"
        )
    return 0
