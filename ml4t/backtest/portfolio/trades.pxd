cimport cython
from libc.math cimport NAN, fabs
from libc.stdint cimport int8_t, int64_t

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.types cimport FillRecord, TradeRecord
from ml4t.backtest.portfolio.armed_levels cimport level_or_nan
from ml4t.backtest.portfolio.position cimport Position, side_of


@cython.final
cdef class Trades:
    cdef RecordBuffer buffer
    cdef double net_pnl              # of all trades that have ended

    # The trade of a position that this fill has brought to zero. No division by zero: the units that were
    # entered are positive.
    @cython.cdivision(True)
    cdef inline int append(
        self, const Position* position, const FillRecord* fill, int64_t decision_row
    ) except -1 nogil:
        cdef double side = -side_of(fill.quantity)
        cdef double entry_price = position.entry_average
        cdef double without_dividends = entry_price - position.entry_dividend
        cdef TradeRecord* trade = <TradeRecord*> self.buffer.append_to_fill(sizeof(TradeRecord))
        trade.trade_id = position.position_id
        trade.asset = fill.asset
        trade.side = <int8_t> side
        trade.entry_time = position.entry_time
        trade.exit_time = fill.timestamp
        trade.entry_decision_time = position.entry_decision_time
        trade.exit_decision_time = fill.decision_time
        trade.entry_decision_row = position.entry_decision_row
        trade.exit_decision_row = decision_row
        trade.bars_held = position.bars_held
        trade.quantity = position.entered
        trade.entry_price = entry_price
        trade.exit_price = position.exit_average
        trade.commission = position.commission
        trade.slippage_cost = position.slippage_cost
        trade.dividends = position.dividends
        trade.gross_pnl = position.realised + position.slippage_cost
        trade.net_pnl = position.realised - position.commission + position.dividends
        trade.return_ = (
            trade.net_pnl / (fabs(entry_price) * position.entered) if entry_price != 0.0 else NAN
        )
        trade.mfe = max(0.0, (position.best - without_dividends) * side)
        trade.mae = min(0.0, (position.worst - without_dividends) * side)
        trade.rule = fill.rule
        trade.reason = fill.reason
        trade.level = fill.level
        trade.exit_kind = fill.exit_kind
        trade.intrabar = fill.intrabar
        trade.stop_at_entry = position.stop_at_entry
        trade.target_at_entry = position.target_at_entry
        trade.stop_at_exit = level_or_nan(position.levels.stop)
        trade.target_at_exit = level_or_nan(position.levels.target)
        self.net_pnl += trade.net_pnl
        return 0
