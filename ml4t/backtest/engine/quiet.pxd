# A quiet bar of a single asset: no order waits, no action is due, no level is touched, no rule has
# anything to decide, and equity is positive. Of the seven steps 1, 2 and 6 are empty then, and the others
# are what stands here. A bar that is not quiet is left, untouched, to the seven steps.

from libc.math cimport fabs
from libc.stdint cimport int64_t

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.engine.curve cimport CurveColumns, write_point
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.portfolio.position_bar cimport close_bar, has_to_decide, touches


# The columns of the one asset, and what is written of it.
cdef struct QuietBars:
    const double* high
    const double* low
    const double* close
    CurveColumns curve


# Take in the bar at t if it is quiet; returns whether it was.
cdef inline bint take_quiet_bar(
    const QuietBars* bars, Position* position, const Settings* settings, double cash, int64_t t,
    int64_t run_t
) noexcept nogil:
    cdef double close = bars.close[t]
    cdef double net = 0.0 + position.quantity * close  # a short at a price of 0 is no -0.0
    if not cash + net > 0.0:
        return False
    if position.quantity != 0.0:
        if has_to_decide(position) or touches(position, bars.high[t], bars.low[t]):
            return False
        close_bar(position, settings, run_t, bars.high[t], bars.low[t], close)
    write_point(&bars.curve, t, cash, net, fabs(net))
    return True
