"""What an order is asked with: its size, the prices it waits for and how long, checked before it is made."""

from libc.math cimport NAN, isfinite, isnan
from libc.stdint cimport int32_t, int64_t

import pandas as pd

from ml4t.backtest.core.ranges cimport is_quantity
from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport (
    TYPE_LIMIT, TYPE_MARKET, TYPE_MARKET_ON_CLOSE, TYPE_MARKET_ON_OPEN, TYPE_STOP, TYPE_STOP_LIMIT, TYPE_TRAILING_STOP,
    VALID_GTC, VALID_GTD, TermsRecord,
)
from ml4t.backtest.execution.order_terms cimport no_terms

from ml4t.backtest.core.ranges import PRICE, QUANTITY
from ml4t.backtest.core.records import TIMES_IN_FORCE
from ml4t.backtest.core.times import nanoseconds_utc

FILL_AT = {"next_open": TYPE_MARKET_ON_OPEN, "next_close": TYPE_MARKET_ON_CLOSE}
"""When a market order can be told to fill, and of which type it is then."""

SIZES = ("quantity", "value", "percent", "risk")
"""What an order can be sized by."""

VALID = ("gtc", "day", "ioc", "fok")
"""How long an order can be told to wait without a time."""


# ---- size --------------------------------------------------------------------------------------


cdef double _number(str name, object value) except? -1.0:
    if isinstance(value, float):
        return value
    try:
        return value
    except TypeError:
        raise TypeError(f"{name} must be a number, was {value!r}") from None


cdef double quantity_of(object quantity) except -1.0:
    cdef double units = _number("quantity", quantity)
    if not (units > 0.0 and isfinite(units)):
        raise ValueError(f"quantity must be positive and finite, was {quantity!r}")
    if not is_quantity(units):
        raise ValueError(f"quantity must be in {QUANTITY}, was {quantity!r}")
    return units


cdef double finite_of(str name, object value) except? -1.0:
    cdef double number = _number(name, value)
    if not isfinite(number):
        raise ValueError(f"{name} must be finite, was {value!r}")
    return number


# A value or a percent, whose side the call says.
cdef double amount_of(str name, object value) except -1.0:
    cdef double number = finite_of(name, value)
    if number < 0.0:
        raise ValueError(f"{name} must not be negative, was {value!r}; the other side is the other call")
    return number


def is_at_fill(size_at, quantity, prices=()):
    """Tell whether an order is to find its units at its fill.

    Parameters
    ----------
    size_at : str
    quantity : float or None
    prices : tuple
        What else the order waits for: its limit, its stop, how far it trails.

    Raises
    ------
    ValueError
        If ``size_at`` is neither "close" nor "fill", or the order has its units or the price of them already.
    """
    if size_at not in ("close", "fill"):
        raise ValueError(f"size_at must be 'close' or 'fill', was {size_at!r}")
    if size_at == "close":
        return False
    if quantity is not None:
        raise ValueError("size_at='fill' is for value and percent: a quantity is of units already")
    if any(price is not None for price in prices):
        raise ValueError("size_at='fill' is for market orders: a limit or a stop is the price that an order is sized at")
    return True


# What is lost at the stop, as a part of equity.
cdef double risk_of(object risk, bint at_fill) except -1.0:
    cdef double part = finite_of("risk", risk)
    if at_fill:
        raise ValueError("size_at='fill' is for value and percent: a risk is measured at the price of now")
    if not 0.0 < part < 1.0:
        raise ValueError(f"risk must be above 0 and below 1 (a part of equity: 0.01 is 1%), was {risk!r}")
    return part


def one_of(direction, asset, given):
    """Return by which of quantity, value, percent and risk an order was sized.

    Raises
    ------
    ValueError
        Saying what to write, if it is none of them or more than one.
    """
    said = [name for name, amount in zip(SIZES, given) if amount is not None]
    if len(said) == 1:
        return said[0]
    call = f"self.{'buy' if direction > 0.0 else 'sell'}"
    was = f"was given {' and '.join(said)}" if said else "was given none of them"
    raise ValueError(
        f"{call}({asset!r}) needs one of quantity, value, percent and risk, and {was}; write {call}({asset!r}, 10) for "
        f"units, {call}({asset!r}, value=1000) for currency, {call}({asset!r}, percent=0.5) for half of equity, or "
        f"{call}({asset!r}, risk=0.01) to lose 1% of it at the stop"
    )


# ---- prices and time ---------------------------------------------------------------------------


# None: no price, a NaN.
cdef double price_of(str name, object price, bint is_signed) except? -1.0:
    cdef double number
    if price is None:
        return NAN
    number = _number(name, price)
    if can_be_price(number, is_signed):
        return number
    raise ValueError(f"{name} must be a price in {PRICE}, was {price!r}")


# What an order waits for, and how long; ``now`` is that of the call.
cdef int read_terms(
    TermsRecord* terms, object limit, object stop, object fill_at, object valid, object valid_until,
    bint is_signed, int64_t now
) except -1:
    terms[0] = no_terms()
    if limit is None and stop is None and fill_at is None and valid_until is None and valid == "gtc":
        return 0
    terms.limit = price_of("limit", limit, is_signed)
    terms.stop = price_of("stop", stop, is_signed)
    if limit is not None:
        terms.type = TYPE_LIMIT if stop is None else TYPE_STOP_LIMIT
    elif stop is not None:
        terms.type = TYPE_STOP
    if fill_at is not None:
        _fill_at(terms, fill_at)
    if valid not in VALID:
        raise ValueError(f"valid must be one of {', '.join(map(repr, VALID))}, was {valid!r}")
    terms.time_in_force = TIMES_IN_FORCE.index(valid)
    if valid_until is not None:
        return _wait_until(terms, valid, valid_until, now)
    return 0


# How far its stop is to follow the market, and where it is now, behind the mark.
cdef int read_trail(
    TermsRecord* terms, double direction, object trail, object trail_percent, double mark, bint is_signed
) except -1:
    if terms.type != TYPE_MARKET:
        raise ValueError("an order that trails has its stop from the market; leave limit, stop and fill_at out")
    if trail is not None and trail_percent is not None:
        raise ValueError("an order trails by an amount or by a fraction: give trail or trail_percent")
    if trail is not None:
        terms.trail = price_of("trail", trail, False)
    else:
        terms.trail_percent = _part_of_a_price(trail_percent, is_signed)
    begin_trail(terms, direction, mark, is_signed)
    return 0


cdef double _part_of_a_price(object trail_percent, bint is_signed) except -1.0:
    cdef double part = finite_of("trail_percent", trail_percent)
    if is_signed:
        raise ValueError("trail_percent is a fraction of a price, and this asset may have negative prices; give trail")
    if not 0.0 < part < 1.0:
        raise ValueError(f"trail_percent must be between 0 and 1 (0.05 is 5%), was {trail_percent!r}")
    return part


# Where what the order enters is to leave again: on either side of the price it waits for, where it has one.
cdef int read_bracket(
    TermsRecord* terms, double direction, object stop_loss, object take_profit, bint is_signed, const Settings* settings
) except -1:
    if terms.type == TYPE_TRAILING_STOP:
        raise ValueError("an order that trails has no bracket: its own price is not known beforehand")
    terms.stop_loss = price_of("stop_loss", stop_loss, is_signed)
    terms.take_profit = price_of("take_profit", take_profit, is_signed)
    return _check_bracket(terms, direction, settings)


# A waiting order that gets another limit or stop (NaN: as it is) stays between the ends of its bracket.
cdef int check_moved(
    const TermsRecord* terms, double direction, double limit, double stop, const Settings* settings
) except -1:
    cdef TermsRecord moved = terms[0]
    moved.limit = moved.limit if isnan(limit) else limit
    moved.stop = moved.stop if isnan(stop) else stop
    return _check_bracket(&moved, direction, settings)


cdef int _check_bracket(const TermsRecord* terms, double direction, const Settings* settings) except -1:
    cdef double entry = own_price(terms, direction, settings)
    if not is_crossed(terms, direction, settings):
        return 0
    prices = [("stop_loss", terms.stop_loss), ("the order's own price", entry), ("take_profit", terms.take_profit)]
    known = [(name, price) for name, price in prices if not isnan(price)]
    for (below, low), (above, high) in zip(known, known[1:]):
        if not direction * low < direction * high:
            side = "below" if direction > 0.0 else "above"
            raise ValueError(f"{below} must be {side} {above} of an order that {'buys' if direction > 0.0 else 'sells'}, was {low:g} beside {high:g}")
    return 0


# An open or a close of its own, instead of that of all market orders.
cdef int _fill_at(TermsRecord* terms, object fill_at) except -1:
    if not isinstance(fill_at, str) or fill_at not in FILL_AT:
        raise ValueError(
            f"fill_at of an order must be one of {', '.join(map(repr, FILL_AT))}, was {fill_at!r}; in the settings of the "
            "run it is said for all market orders"
        )
    if terms.type != TYPE_MARKET:
        raise ValueError(f"fill_at={fill_at!r} is for market orders: a limit or a stop waits for its price")
    terms.type = FILL_AT[fill_at]
    return 0


cdef int _wait_until(TermsRecord* terms, object valid, object valid_until, int64_t now) except -1:
    if terms.time_in_force != VALID_GTC:
        raise ValueError(f"valid={valid!r} says how long the order waits; leave valid_until out, or valid")
    terms.time_in_force = VALID_GTD
    terms.valid_until = nanoseconds_utc("valid_until", valid_until)
    if terms.valid_until <= now:
        raise ValueError(
            f"valid_until must be later than now, {pd.Timestamp(now, tz='UTC')}, was {valid_until!r}"
        )
    return 0


# ---- what is refused, by orders without a call of Python too --------------------------------------


cdef int refuse_size(tuple assets, int32_t asset) except -1 with gil:
    raise ValueError(
        f"{assets[asset]!r} may have negative prices, and cannot be ordered by value, percent or weight; give a "
        "quantity"
    )


cdef int64_t too_many(double units) except -1 with gil:
    raise ValueError(f"an order must be of a size in {QUANTITY} units, this one is of {abs(units):g}")


cdef int too_heavy(double weight, double most) except -1 with gil:
    raise ValueError(
        f"a weight or percent is a fraction of equity (0.5 is 50%) and at most {most:g} here, twice the "
        f'leverage of the account, was {weight:g}; if it is meant: account="margin" and max_leverage'
    )
