"""Portfolio: cash and positions, what we own and what it did."""

cimport cython
from libc.math cimport NAN, fabs, isnan
from libc.stdint cimport int8_t, int32_t, int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memmove

from ml4t.backtest.core.buffer cimport RecordBuffer
from ml4t.backtest.core.types cimport FillRecord, HoldingRecord, TradeRecord
from ml4t.backtest.portfolio.position cimport (
    Position, better, clear_levels, is_negligible, level_or_nan, side_of, worse,
)
from ml4t.backtest.portfolio.views cimport position_levels, position_state

import numpy as np

from ml4t.backtest.core.records import HOLDING, OPEN_POSITION, TRADE


@cython.final
cdef class Portfolio:
    """Cash, positions and marks of one run.

    Parameters
    ----------
    assets : tuple of str
        Names in asset order.
    initial_cash : float
        Currency.
    """

    def __cinit__(self, tuple assets not None, double initial_cash):
        cdef size_t size = <size_t> len(assets) + 1
        cdef size_t asset
        self.assets = assets
        self.cash = initial_cash
        self.initial_cash = initial_cash
        self.n_open = 0
        self.n_touched = 0
        self.next_position_id = 1
        self.trades = RecordBuffer(sizeof(TradeRecord))
        self.holdings = RecordBuffer(sizeof(HoldingRecord))
        self.position = <Position*> calloc(size, sizeof(Position))
        self.mark = <double*> calloc(size, sizeof(double))
        self.open_asset = <int32_t*> calloc(size, sizeof(int32_t))
        self.touched = <int32_t*> calloc(size, sizeof(int32_t))
        self.is_touched = <int8_t*> calloc(size, sizeof(int8_t))
        if (
            self.position == NULL or self.mark == NULL or self.open_asset == NULL
            or self.touched == NULL or self.is_touched == NULL
        ):
            raise MemoryError(f"no memory for {len(assets)} positions")
        for asset in range(size):
            self.mark[asset] = NAN
            self.position[asset].asset = <int32_t> asset
            clear_levels(&self.position[asset].levels, 1.0)

    def __dealloc__(self):
        free(self.position)
        free(self.mark)
        free(self.open_asset)
        free(self.touched)
        free(self.is_touched)

    @property
    def equity_value(self):
        """Cash and positions at the marks of the moment (currency)."""
        return self.equity()

    @property
    def gross_exposure(self):
        """Sum of \\|quantity\\| x mark (currency)."""
        return self.gross()

    @property
    def net_exposure(self):
        """Sum of quantity x mark (currency)."""
        return self.net()

    def state(self, asset):
        """Return the :class:`PositionTradeState` of an asset, flat or not.

        Raises
        ------
        KeyError
            If the asset is not in the universe.
        """
        return self.state_of(self._code(asset))

    def levels(self, asset):
        """Return the :class:`PositionLevels` of an asset; all NaN when it is flat."""
        return self.levels_of(self._code(asset))

    cdef object state_of(self, int32_t code):
        return position_state(&self.position[code], self.assets[code], self.mark[code])

    cdef object levels_of(self, int32_t code):
        return position_levels(&self.position[code])

    def open_states(self):
        """Return the states of the open positions, in asset order."""
        return [self.state_of(self.open_asset[i]) for i in range(self.n_open)]

    def _code(self, asset):
        try:
            return self.assets.index(asset)
        except ValueError:
            raise KeyError(f"asset {asset!r} is not in the market data") from None

    def records(self):
        """Return the trades, holdings and open positions so far as structured arrays, by name."""
        open_positions = np.zeros(self.n_open, OPEN_POSITION)
        cdef Position* position
        cdef double mark
        for i in range(self.n_open):
            position = &self.position[self.open_asset[i]]
            mark = self.mark[position.asset]
            open_positions[i] = (
                position.position_id, position.entry_time, position.entry_decision_time,
                position.entry_decision_row, position.bars_held, position.quantity,
                position.entry_price, mark, (mark - position.entry_price) * position.quantity,
                position.realised, position.commission, position.slippage_cost, position.dividends,
                level_or_nan(position.levels.stop), level_or_nan(position.levels.target),
                position.asset,
            )
        return {
            "trades": self.trades.to_array(TRADE),
            "holdings": self.holdings.to_array(HOLDING),
            "open_positions": open_positions,
        }

    cdef double net(self) noexcept nogil:
        cdef double net
        cdef double gross
        self.expose(&net, &gross)
        return net

    cdef double gross(self) noexcept nogil:
        cdef double net
        cdef double gross
        self.expose(&net, &gross)
        return gross

    cdef double equity(self) noexcept nogil:
        return self.cash + self.net()

    # What all trades have made, those of open positions at the marks of the moment.
    cdef double total_pnl(self) noexcept nogil:
        cdef double total = self.closed_pnl
        cdef const Position* position
        cdef int32_t i
        for i in range(self.n_open):
            position = &self.position[self.open_asset[i]]
            total += (
                position.realised - position.commission + position.dividends
                + (self.mark[position.asset] - position.entry_price) * position.quantity
            )
        return total

    # Book an entry fill: the opening of a position, or an add to it.
    cdef Position* enter(
        self, FillRecord* fill, int64_t t, int64_t decision_row, double decision_close
    ) noexcept nogil:
        cdef Position* position = &self.position[fill.asset]
        cdef double units = fabs(fill.quantity)
        cdef double held
        cdef double basis = fill.price if isnan(decision_close) else decision_close
        self.cash = self.cash - (fill.quantity * fill.price + fill.commission)
        if position.quantity == 0.0:
            self._open(position, fill, t, decision_row)
            position.basis = basis
        else:
            held = fabs(position.quantity)
            position.entry_price = (
                (position.entry_price * held + fill.price * units) / (held + units)
            )
            position.basis = (position.basis * held + basis * units) / (held + units)
            position.quantity = position.quantity + fill.quantity
            self._take_in(position, fill.price)
        position.entered += units
        position.entry_notional += fill.price * units
        position.commission += fill.commission
        position.slippage_cost += fill.slippage_cost
        fill.trade_id = position.position_id
        fill.position_after = position.quantity
        self.touch(fill.asset)
        return position

    # Book a fill against the position. At zero the position stays readable until end_trade.
    cdef Position* exit(self, FillRecord* fill) noexcept nogil:
        cdef Position* position = &self.position[fill.asset]
        cdef double units = fabs(fill.quantity)
        cdef double rest = position.quantity + fill.quantity
        self.cash = self.cash - (fill.quantity * fill.price + fill.commission)
        position.realised += (fill.price - position.entry_price) * -fill.quantity
        position.exited += units
        position.exit_notional += fill.price * units
        position.commission += fill.commission
        position.slippage_cost += fill.slippage_cost
        self._take_in(position, fill.price)
        position.quantity = 0.0 if is_negligible(rest, units) else rest
        fill.trade_id = position.position_id
        fill.position_after = position.quantity
        self.touch(fill.asset)
        return position

    # Close the books of a position that a fill has brought to zero.
    cdef int end_trade(
        self, Position* position, const FillRecord* fill, int64_t decision_row
    ) except -1 nogil:
        cdef double side = -side_of(fill.quantity)
        cdef double entry_price = position.entry_notional / position.entered
        cdef TradeRecord* trade = <TradeRecord*> self.trades.append()
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
        trade.exit_price = position.exit_notional / position.exited
        trade.commission = position.commission
        trade.slippage_cost = position.slippage_cost
        trade.dividends = position.dividends
        trade.gross_pnl = position.realised + position.slippage_cost
        trade.net_pnl = position.realised - position.commission + position.dividends
        trade.return_ = trade.net_pnl / (entry_price * position.entered)
        trade.mfe = (position.best - entry_price) * side
        trade.mae = (position.worst - entry_price) * side
        trade.rule = fill.rule
        trade.reason = fill.reason
        trade.level = fill.level
        trade.exit_kind = fill.exit_kind
        trade.intrabar = fill.intrabar
        trade.stop_at_entry = position.stop_at_entry
        trade.target_at_entry = position.target_at_entry
        trade.stop_at_exit = level_or_nan(position.levels.stop)
        trade.target_at_exit = level_or_nan(position.levels.target)
        self.closed_pnl += trade.net_pnl
        clear_levels(&position.levels, 1.0)
        self._remove(fill.asset)
        return 0

    # Section 2, step 1: multiply the units, divide every price kept.
    cdef void apply_split(self, int32_t asset, double ratio) noexcept nogil:
        cdef Position* position = &self.position[asset]
        self.mark[asset] = self.mark[asset] / ratio
        if position.quantity == 0.0:
            return
        position.quantity = position.quantity * ratio
        position.entered = position.entered * ratio
        position.exited = position.exited * ratio
        position.entry_price = position.entry_price / ratio
        position.basis = position.basis / ratio
        position.water = position.water / ratio
        position.best = position.best / ratio
        position.worst = position.worst / ratio
        position.stop_at_entry = position.stop_at_entry / ratio
        position.target_at_entry = position.target_at_entry / ratio
        position.levels.stop = position.levels.stop / ratio
        position.levels.target = position.levels.target / ratio
        position.levels.fixed_stop = position.levels.fixed_stop / ratio
        position.levels.trail_stop = position.levels.trail_stop / ratio
        position.levels.attention = 1
        position.split_ratio = position.split_ratio * ratio
        self.touch(asset)

    cdef void apply_dividend(self, int32_t asset, double amount) noexcept nogil:
        cdef Position* position = &self.position[asset]
        cdef double paid = position.quantity * amount
        self.cash = self.cash + paid
        position.dividends += paid

    # One row for each asset that moved at t.
    cdef int record_holdings(self, int64_t t) except -1 nogil:
        cdef HoldingRecord* holding
        cdef int32_t i
        cdef int32_t asset
        for i in range(self.n_touched):
            asset = self.touched[i]
            self.is_touched[asset] = 0
            holding = <HoldingRecord*> self.holdings.append()
            holding.time_index = t
            holding.asset = asset
            holding.quantity = self.position[asset].quantity
            holding.entry_price = (
                self.position[asset].entry_price if holding.quantity != 0.0 else NAN
            )
        self.n_touched = 0
        return 0

    cdef void touch(self, int32_t asset) noexcept nogil:
        if not self.is_touched[asset]:
            self.is_touched[asset] = 1
            self.touched[self.n_touched] = asset
            self.n_touched += 1

    cdef void _open(
        self, Position* position, const FillRecord* fill, int64_t t, int64_t decision_row
    ) noexcept nogil:
        cdef double side = side_of(fill.quantity)
        position.quantity = fill.quantity
        position.entry_price = fill.price
        position.water = fill.price
        position.best = fill.price
        position.worst = fill.price
        position.bars_held = 0
        position.position_id = self.next_position_id
        position.opened_t = t
        position.entry_time = fill.timestamp
        position.entry_decision_time = fill.decision_time
        position.entry_decision_row = decision_row
        position.entered = 0.0
        position.entry_notional = 0.0
        position.exited = 0.0
        position.exit_notional = 0.0
        position.realised = 0.0
        position.commission = 0.0
        position.slippage_cost = 0.0
        position.dividends = 0.0
        position.stop_at_entry = NAN
        position.target_at_entry = NAN
        position.split_ratio = 1.0
        position.waiting_exits = 0
        position.exit_is_decided = 0
        clear_levels(&position.levels, side)
        self.next_position_id += 1
        self._insert(fill.asset)

    cdef void _take_in(self, Position* position, double price) noexcept nogil:
        cdef double side = side_of(position.quantity)
        position.best = better(side, position.best, price)
        position.worst = worse(side, position.worst, price)

    cdef void _insert(self, int32_t asset) noexcept nogil:
        cdef int32_t i = self.n_open
        while i > 0 and self.open_asset[i - 1] > asset:
            self.open_asset[i] = self.open_asset[i - 1]
            i -= 1
        self.open_asset[i] = asset
        self.n_open += 1

    cdef void _remove(self, int32_t asset) noexcept nogil:
        cdef int32_t i = 0
        while self.open_asset[i] != asset:
            i += 1
        self.n_open -= 1
        memmove(
            &self.open_asset[i], &self.open_asset[i + 1],
            <size_t> (self.n_open - i) * sizeof(int32_t),
        )
