# A position: what is owned of one asset, its levels, and the running sums of its trade.

cimport cython
from libc.math cimport fabs
from libc.stdint cimport int8_t, int32_t, int64_t

from ml4t.backtest.portfolio.armed_levels cimport Levels


# What of the bar of an opening inside it comes before the opening, or need not come after it.
cdef enum Unseen:
    HIGH_UNSEEN = 1
    LOW_UNSEEN = 2


cdef struct Position:
    # What a bar reads and writes comes first: two lines of the cache for each position, whose size is six.
    double quantity              # units, signed; 0: flat
    double water                 # H: the best price that trailing levels follow
    double best                  # best and worst price since the opening, for MFE and MAE
    double worst
    int64_t bars_held
    int64_t opened_t             # position of the opening's timestamp in the run
    Levels levels
    double entry_price           # E: average, slippage included, commission not
    double basis                 # what level formulas start from: E, or B under level_basis=signal_close
    int64_t position_id          # also the id of its trade; 0: never opened
    int64_t entry_time
    int64_t entry_decision_time
    int64_t entry_decision_row
    double dividend_average      # A: paid for a unit since the opening, averaged over adds as E is
    double dividend_sum          # G: paid since the opening, in the units of now
    double entered               # sums and averages over the fills of the trade, in time order
    double entry_average
    double entry_dividend        # A, averaged as entry_average is
    double exited
    double exit_average
    double realised
    double commission
    double entry_commission      # of it, that of the entries
    double slippage_cost
    double dividends
    double stop_at_entry
    double target_at_entry
    double initial_risk          # from E to the first stop that rules armed; NaN: none was armed yet
    double largest               # quantity so far, unsigned
    double split_ratio           # product of the splits since the opening: absolute prices are divided by it
    int32_t asset
    int8_t exit_is_decided       # exits by rules wait for it, by their source, a bit each: no second is made
    int8_t unseen                # of the bar it opened in: Unseen


# What the entries have cost a unit. No division by zero: who holds a position has entered units.
@cython.cdivision(True)
cdef inline double commission_per_unit(const Position* position) noexcept nogil:
    return position.entry_commission / position.entered


cdef inline double side_of(double quantity) noexcept nogil:
    return 1.0 if quantity > 0.0 else -1.0


# Semantics section 5: what a fill leaves of at most this share of itself is nothing.
cdef inline bint is_negligible(double rest, double units) noexcept nogil:
    return fabs(rest) <= 1e-12 * units


# Semantics section 5: so many units at an average and more at a price; of one price it is that price.
# No division by zero: units are not negative, and more is positive.
@cython.cdivision(True)
cdef inline double averaged(
    double average, double units, double price, double more
) noexcept nogil:
    if units == 0.0 or price == average:
        return price
    return (average * units + price * more) / (units + more)


# The better of two prices for a position of that side: the higher for a long, the lower for a short.
cdef inline double better(double side, double a, double b) noexcept nogil:
    if side > 0.0:
        return a if a > b else b
    return a if a < b else b


cdef inline double worse(double side, double a, double b) noexcept nogil:
    return better(-side, a, b)
