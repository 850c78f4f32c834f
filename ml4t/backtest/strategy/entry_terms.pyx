"""EntryTerms: the prices that an entry of a compiled strategy waits for and leaves at, by number or by column."""

cimport cython
from libc.math cimport NAN, isnan
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport (
    REASON_CROSSED_PRICES, REASON_NONE, REASON_NO_PRICE, TYPE_LIMIT, TYPE_STOP, TYPE_STOP_LIMIT, TermsRecord,
)
from ml4t.backtest.execution.order_terms cimport no_terms
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.strategy.order_arguments cimport begin_trail, can_be_price, finite_of, is_crossed

from ml4t.backtest.core.records import TIMES_IN_FORCE
from ml4t.backtest.market.column_names import unknown_name
from ml4t.backtest.strategy.order_arguments import VALID

ASKED = ("limit", "stop", "trail", "trail_percent", "stop_loss", "take_profit")
"""What can be asked of an entry beside its size, as :meth:`Strategy.buy` names it."""


@cython.final
cdef class EntryTerms:
    """The terms of the entries of one strategy.

    Parameters
    ----------
    valid : {"gtc", "day", "ioc", "fok"}
        How long they wait.
    **asked : str or float or None
        For each name of :data:`ASKED` a column, a number, or None.

    Raises
    ------
    ValueError
        If a number can be none of its kind, or two of what is asked contradict each other.
    """

    def __init__(self, str valid="gtc", **asked):
        self.given = {name: _column_or_number(name, asked[name]) for name in ASKED if asked.get(name) is not None}
        if valid not in VALID:
            raise ValueError(f"valid must be one of {', '.join(map(repr, VALID))}, was {valid!r}")
        _check_alone(self.given)
        self.time_in_force = TIMES_IN_FORCE.index(valid)
        for i, name in enumerate(ASKED):
            number = self.given.get(name, NAN)
            self.number[<int> i] = NAN if isinstance(number, str) else number
        if valid != "gtc":
            self.given["valid"] = valid
        self.are_some = len(self.given) > 0

    # The columns of these rows; ``owner`` is the class of the strategy, for messages.
    cdef int enter(self, MarketData data, str owner) except -1:
        known = list(data.features)
        for i, name in enumerate(ASKED):
            column = self.given.get(name)
            self.column[<int> i] = NULL
            if isinstance(column, str):
                if column not in data.features:
                    raise ValueError(f"{owner} reads {unknown_name(column, known)}")
                self.column[<int> i] = data.feature[<int> known.index(column)]
        if "trail_percent" in self.given and data.negative_prices:
            raise ValueError(
                f"trail_percent is a fraction of a price, and {data.negative_prices[0]!r} may have negative prices; "
                "give trail"
            )
        return 0

    # Those of an entry decided in this row, on this side. Returns why they cannot be; REASON_NONE when they can.
    cdef int32_t read(
        self, TermsRecord* terms, int64_t row, double direction, double mark, bint is_signed,
        const Settings* settings
    ) noexcept nogil:
        cdef double prices[6]
        cdef int i
        terms[0] = no_terms()
        for i in range(N_ASKED):
            prices[i] = self._asked(i, row)
            if not isnan(prices[i]) and not _can_be(i, prices[i], is_signed):
                return REASON_NO_PRICE
        terms.time_in_force = self.time_in_force
        terms.limit = prices[LIMIT]
        terms.stop = prices[STOP]
        terms.trail = prices[TRAIL]
        terms.trail_percent = prices[TRAIL_PERCENT]
        terms.stop_loss = prices[STOP_LOSS]
        terms.take_profit = prices[TAKE_PROFIT]
        if not isnan(terms.limit):
            terms.type = TYPE_LIMIT if isnan(terms.stop) else TYPE_STOP_LIMIT
        elif not isnan(terms.stop):
            terms.type = TYPE_STOP
        elif not (isnan(terms.trail) and isnan(terms.trail_percent)):
            begin_trail(terms, direction, mark, is_signed)
        return REASON_CROSSED_PRICES if is_crossed(terms, direction, settings) else REASON_NONE

    cdef double _asked(self, int what, int64_t row) noexcept nogil:
        return self.number[what] if self.column[what] == NULL else self.column[what][row]


# A distance is a price too, but never of a negative one.
cdef bint _can_be(int what, double number, bint is_signed) noexcept nogil:
    if what == TRAIL_PERCENT:
        return 0.0 < number < 1.0
    return can_be_price(number, is_signed and what != TRAIL)


def _column_or_number(name, given):
    if isinstance(given, str):
        return given
    number = finite_of(name, given)
    if not _can_be(ASKED.index(name), number, True):
        raise ValueError(f"{name} must be a column or {'a fraction' if name == 'trail_percent' else 'a price'}, was {given!r}")
    return number


def _check_alone(given):
    trails = [name for name in ("trail", "trail_percent") if name in given]
    if len(trails) > 1:
        raise ValueError("an entry trails by an amount or by a fraction: give trail or trail_percent")
    others = [name for name in given if name not in trails]
    if trails and others:
        raise ValueError(
            f"an entry that trails has its stop from the market and no bracket: leave {others[0]} or {trails[0]} out"
        )
