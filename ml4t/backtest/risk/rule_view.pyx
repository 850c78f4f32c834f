"""RuleView: one moment of one position as rules see it, in C and in Python."""

from libc.math cimport NAN
from libc.stdint cimport int64_t

import numpy as np

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.armed_levels cimport level_or_nan
from ml4t.backtest.portfolio.position cimport Position, commission_per_unit


# At an opening the bar is not known yet, unless it is one at a close (sees_bar); an asset without a row
# so far has no bar at all.
cdef void look(
    RuleView* view, const Position* position, Cursor cursor, Account account,
    const Settings* settings, bint opening, bint sees_bar
) noexcept nogil:
    cdef int64_t row = cursor.row[position.asset]
    cdef bint is_complete = sees_bar and row >= 0
    view.timestamp_ns = cursor.now
    view.opening = opening
    view.entry_time_ns = position.entry_time
    view.bars_held = position.bars_held
    view.open = _value(cursor.data.open_, row, row >= 0)
    view.high = _value(cursor.data.high_, row, is_complete)
    view.low = _value(cursor.data.low_, row, is_complete)
    view.close = _value(cursor.data.close_, row, is_complete)
    view.volume = _value(cursor.data.volume_, row, is_complete)
    view.bid = _value(cursor.data.bid_, row, is_complete)
    view.ask = _value(cursor.data.ask_, row, is_complete)
    view.position_quantity = position.quantity
    view.entry_price = position.entry_price
    view.level_price = (
        position.basis if settings.level_basis_signal_close else position.entry_price
    )
    view.water_mark = position.water
    view.best_price = position.best
    view.worst_price = position.worst
    view.split_ratio = position.split_ratio
    view.dividend_average = position.dividend_average
    view.dividend_sum = position.dividend_sum
    view.stop_loss_price = level_or_nan(position.levels.stop)
    view.take_profit_price = level_or_nan(position.levels.target)
    view.equity = account.equity()
    view.cash = account.cash
    view.gross = account.gross()
    view.initial_risk = position.initial_risk
    view.commission_per_unit = commission_per_unit(position) if position.quantity != 0.0 else 0.0


cdef inline double _value(const double* column, int64_t row, bint is_known) noexcept nogil:
    return column[row] if is_known and column != NULL else NAN


def view_dtype():
    """Return the layout of ``RuleView`` as a NumPy dtype: what a rule may look at, by name."""
    cdef RuleView view
    return np.asarray(<RuleView[:1]> &view).dtype


def answer_dtype():
    """Return the layout of ``RuleAnswer`` as a NumPy dtype."""
    cdef RuleAnswer answer
    return np.asarray(<RuleAnswer[:1]> &answer).dtype
