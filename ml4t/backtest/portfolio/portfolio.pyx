"""Portfolio: one fill booked everywhere it belongs: account, position, trade and holdings."""

cimport cython
from libc.stdint cimport int32_t

from ml4t.backtest.core.run_thread cimport RunThread
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.armed_levels cimport level_or_nan
from ml4t.backtest.portfolio.holdings cimport Holdings
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.portfolio.positions cimport Positions
from ml4t.backtest.portfolio.trades cimport Trades
from ml4t.backtest.portfolio.views cimport position_levels, position_state

from functools import partial

import numpy as np

from ml4t.backtest.core.records import HOLDING, OPEN_POSITION, TRADE


cdef object _NONE_OPEN = np.zeros(0, OPEN_POSITION)


@cython.final
cdef class Portfolio:
    """Cash, positions and trades of one run.

    Parameters
    ----------
    assets : tuple of str
        Names in asset order.
    initial_cash : float
        Currency.
    """

    def __cinit__(self, tuple assets not None, double initial_cash):
        cdef int32_t n_assets = <int32_t> len(assets)
        self.assets = assets
        self._code = {name: code for code, name in enumerate(assets)}
        self.positions = Positions(n_assets)
        self.account = Account(self.positions, initial_cash)
        self.trades = Trades()
        self.holdings = Holdings(n_assets)
        self.thread = RunThread()

    @property
    def cash(self):
        """Cash owned (currency); negative is borrowed, in a margin account only."""
        return self.account.cash

    @property
    def initial_cash(self):
        """Cash at the start (currency)."""
        return self.account.initial_cash

    @property
    def n_open(self):
        """Positions held."""
        return self.positions.n_open

    @property
    def equity_value(self):
        """Cash and positions at the marks of the moment (currency)."""
        self.thread.check()
        return self.account.equity()

    @property
    def gross_exposure(self):
        """Sum of \\|quantity\\| x mark (currency)."""
        self.thread.check()
        return self.account.gross()

    @property
    def net_exposure(self):
        """Sum of quantity x mark (currency)."""
        self.thread.check()
        return self.account.net()

    def state(self, asset):
        """Return the :class:`PositionTradeState` of an asset, flat or not.

        Raises
        ------
        KeyError
            If the asset is not in the universe.
        """
        return self.state_of(self._code_of(asset))

    def levels(self, asset):
        """Return the :class:`PositionLevels` of an asset; all NaN when it is flat."""
        return self.levels_of(self._code_of(asset))

    cdef object state_of(self, int32_t code):
        return position_state(&self.positions.at[code], self.assets[code], self.account.mark[code])

    cdef object levels_of(self, int32_t code):
        return position_levels(&self.positions.at[code])

    def open_states(self):
        """Return the states of the positions held, in asset order."""
        self.thread.check()
        self.positions.settle()
        return [self.state_of(self.positions.open_asset[i]) for i in range(self.positions.n_open)]

    cdef int32_t _code_of(self, object asset) except -1:
        self.thread.check()
        try:
            return self._code[asset]
        except (KeyError, TypeError):
            raise KeyError(f"asset {asset!r} is not in the market data") from None

    def makers(self):
        """Return functions that make the trades and holdings so far, structured arrays, by name.

        They keep what they make them of, and nothing else of the run.
        """
        self.thread.check()
        return {
            "trades": partial(self.trades.buffer.to_array, TRADE),
            "holdings": partial(self.holdings.buffer.to_array, HOLDING),
        }

    def records(self):
        """Return what :meth:`makers` make, and the open positions."""
        made = {name: make() for name, make in self.makers().items()}
        return made | {"open_positions": self.open_positions()}

    def open_positions(self):
        """Return the open positions as they stand, a structured array in asset order."""
        cdef const Position* position
        cdef double mark
        self.thread.check()
        if self.positions.n_open == 0:  # as in most runs that a rule, or a signal, has ended
            return _NONE_OPEN
        self.positions.settle()
        rows = np.zeros(self.positions.n_open, OPEN_POSITION)
        for i in range(self.positions.n_open):
            position = &self.positions.at[self.positions.open_asset[i]]
            mark = self.account.mark[position.asset]
            rows[i] = (
                position.position_id, position.entry_time, position.entry_decision_time,
                position.entry_decision_row, position.bars_held, position.quantity,
                position.entry_price, mark, (mark - position.entry_price) * position.quantity,
                position.realised, position.commission, position.slippage_cost, position.dividends,
                level_or_nan(position.levels.stop), level_or_nan(position.levels.target),
                position.asset,
            )
        return rows

    # Section 2, step 1: the mark and, where the asset is held, the position.
    cdef void split(self, int32_t asset, double ratio, Cursor cursor) noexcept nogil:
        self.account.split(asset, ratio, cursor)
        if self.positions.at[asset].quantity != 0.0:
            self.positions.split(asset, ratio)
            self.holdings.note(asset)

    cdef void pay_dividend(self, Position* position, double amount) noexcept nogil:
        cdef double received = position.quantity * amount
        self.account.pay(-received)
        position.dividends += received

    # What all trades have made, those of positions held at the marks of the moment.
    cdef double total_pnl(self) noexcept nogil:
        return self.trades.net_pnl + self.account.unrealised_pnl()
