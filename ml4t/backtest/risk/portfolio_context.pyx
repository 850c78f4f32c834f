"""PortfolioContext: all that a limit in Python may look at, of an order or at a mark."""

cimport cython
from libc.math cimport NAN, fabs
from libc.stdint cimport int32_t, int64_t

import pandas as pd

from ml4t.backtest.core.sealed cimport seal
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.positions cimport Positions
from ml4t.backtest.risk.contexts cimport Contexts
from ml4t.backtest.risk.projection cimport Projection

from ml4t.backtest.market.session_moments import (
    is_early_close, local_time, minutes_since_open, minutes_to_close, session_of,
)


@cython.final
cdef class PortfolioContext:
    """The portfolio at one moment, read-only, while its rule is asked.

    What is *projected* is what the portfolio may come to when all that waits has filled, and :attr:`order` too: of each
    asset the larger of what its orders may make of it on either side. At the mark it is what is held.
    """

    _made = "limits in Python are given one"

    @property
    def timestamp_ns(self):
        """Time of the moment (nanoseconds UTC)."""
        self._check()
        return self.cursor.now

    @property
    def timestamp(self):
        """Time of the moment, a ``pandas.Timestamp`` in UTC."""
        self._check()
        return pd.Timestamp(self.cursor.now, tz="UTC")

    @property
    def session(self):
        """Date of the session, a ``datetime.date``; without a calendar a day of the prices' zone."""
        self._check()
        return session_of(self.cursor.sessions, self.cursor.now, self.cursor.data)

    @property
    def minutes_since_open(self):
        """Minutes since the session opened, below 0 before; NaN without a calendar."""
        self._check()
        return minutes_since_open(self.cursor.sessions, self.cursor.now)

    @property
    def minutes_to_close(self):
        """Minutes until the session closes, below 0 after; NaN without a calendar."""
        self._check()
        return minutes_to_close(self.cursor.sessions, self.cursor.now)

    @property
    def is_early_close(self):
        """Whether the session closes early; False without a calendar."""
        self._check()
        return is_early_close(self.cursor.sessions, self.cursor.now)

    @property
    def local_time(self):
        """The time in the zone of the calendar, or of the prices, a ``pandas.Timestamp``."""
        self._check()
        return local_time(self.cursor.sessions, self.cursor.now, self.cursor.data)

    @property
    def equity(self):
        """Cash and positions at the mark (currency)."""
        self._check()
        return self.account.marked_equity

    @property
    def cash(self):
        """Cash owned (currency)."""
        self._check()
        return self.account.cash

    @property
    def drawdown(self):
        """Equity as a fraction of its peak, less 1: 0 at the peak, negative below."""
        self._check()
        return self.account.marked_equity / self.peak - 1.0 if self.peak > 0.0 else NAN

    @property
    def gross_exposure(self):
        """Sum of \\|quantity\\| x mark of what is held (currency)."""
        self._check()
        return self.account.gross()

    @property
    def net_exposure(self):
        """Sum of quantity x mark of what is held (currency)."""
        self._check()
        return self.account.net()

    @property
    def leverage(self):
        """Gross exposure in equities; NaN where equity is not above zero."""
        self._check()
        equity = self.account.marked_equity
        return self.account.gross() / equity if equity > 0.0 else NAN

    @property
    def positions(self):
        """Units held, by name of the asset: a new dict, in asset order."""
        self._check()
        self.held.settle()
        names = self.cursor.data.assets
        return {
            names[self.held.open_asset[i]]: self.held.at[self.held.open_asset[i]].quantity
            for i in range(self.held.n_open)
        }

    @property
    def n_positions(self):
        """Positions held."""
        self._check()
        return self.held.n_open

    @property
    def projected_gross(self):
        """Sum of \\|projected units\\| x mark (currency)."""
        cdef int32_t asset
        self._check()
        asset = self.asked_asset
        if asset < 0:
            return self.account.gross()
        return self.projection.gross + (
            fabs(self._projected(asset)) - self.projection.w(asset)
        ) * self.account.size_of(asset)

    @property
    def projected_positions(self):
        """Projected units by name of the asset, none of them zero: a new dict, in asset order."""
        cdef int32_t asset
        self._check()
        if self.asked_asset < 0:
            return self.positions
        names = self.cursor.data.assets
        codes = {self.projection.active[i] for i in range(self.projection.n_active)} | {self.asked_asset}
        units = {names[asset]: self._projected(asset) for asset in sorted(codes)}
        return {name: n for name, n in units.items() if n != 0.0}

    def mark(self, asset):
        """Return the price at which an asset is valued; NaN before its first bar.

        Raises
        ------
        KeyError
            If the asset is not in the market data.
        """
        return self.account.mark[self._code_of(asset)]

    def projected_units(self, asset):
        """Return what an asset may come to (units, negative when short).

        Raises
        ------
        KeyError
            If the asset is not in the market data.
        """
        return self._projected(self._code_of(asset))

    def projected_weight(self, asset):
        """Return the projected units at their mark as a part of equity; NaN where that is not above zero.

        Raises
        ------
        KeyError
            If the asset is not in the market data.
        """
        cdef int32_t code = self._code_of(asset)
        cdef double equity = self.account.marked_equity
        return self._projected(code) * self.account.mark[code] / equity if equity > 0.0 else NAN

    def features(self, asset):
        """Return the signals and indicators of an asset that are known, by name.

        Raises
        ------
        KeyError
            If the asset is not in the market data.
        """
        cdef int32_t code = self._code_of(asset)
        return self.contexts.new(&self.held.at[code], False, True).features

    @property
    def market_features(self):
        """Market-wide values that are known, by name."""
        self._check()
        return self.contexts.new(&self.held.at[0], False, True).market_features

    # ---- inside ------------------------------------------------------------------------------

    cdef double _projected(self, int32_t code) noexcept:
        cdef double up
        cdef double low
        if self.asked_asset < 0:
            return self.held.at[code].quantity
        up = self.projection.up[code]
        low = self.projection.low[code]
        if code == self.asked_asset and self.asked_units > 0.0:
            up += self.asked_units
        elif code == self.asked_asset:
            low += self.asked_units
        return up if up > -low else low

    cdef int32_t _code_of(self, object asset) except -1:
        self._check()
        return self.cursor.data.code(asset)

    cdef int _check(self) except -1:
        if self.is_over:
            raise RuntimeError(
                "a PortfolioContext is read while its rule is asked: keep the values that it gives, not itself"
            )
        return 0


cdef PortfolioContext new_portfolio_context():
    return PortfolioContext.__new__(PortfolioContext)


seal(PortfolioContext)
