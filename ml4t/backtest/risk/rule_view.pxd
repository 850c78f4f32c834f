# One moment of one position as rules see it, and what they answer.
#
# All fields of the two structs have eight bytes, so that other compilers lay them out alike.

from libc.stdint cimport int64_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.position cimport Position


# What a rule may look at, under the names of RiskContext. NaN: not known, or none.
cdef struct RuleView:
    int64_t timestamp_ns         # time of the moment, UTC
    int64_t opening              # 1: the position has just been opened or added to, only levels count
    int64_t entry_time_ns
    int64_t bars_held            # closes seen since the opening
    double open                  # the bar; at an opening all but the open is NaN
    double high
    double low
    double close
    double volume
    double bid
    double ask
    double position_quantity     # positive long, negative short
    double entry_price           # average, slippage included, commission not
    double level_price           # what level formulas start from
    double water_mark            # the best price trailing levels follow
    double best_price            # since the opening
    double worst_price
    double split_ratio           # product of the splits since the opening
    double dividend_average      # paid for a unit held since the opening, averaged over adds
    double dividend_sum          # paid for a unit since the opening, in the units of now
    double stop_loss_price       # in force
    double take_profit_price
    double equity                # at the marks of the moment
    double cash
    double gross                 # gross exposure
    double commission_per_unit   # of the entries, by the units entered
    double initial_risk          # from level_price to the first stop that was armed; NaN: none was yet


# What it wants. Comes filled with "nothing": zeros, NaN, and the rule's own priority.
cdef struct RuleAnswer:
    int64_t exit_type            # ExitKind: leave the whole position; 0: stay
    int64_t stop_type            # EXIT_TRAILING_STOP: the stop never moves against the position
    int64_t priority
    double update_stop_loss      # NaN: the rule's stop stays as it is
    double update_take_profit    # NaN: its target stays


cdef void look(
    RuleView* view, const Position* position, Cursor cursor, Account account,
    const Settings* settings, bint opening, bint sees_bar
) noexcept nogil
