"""ManualRun: a run by hand, one timestamp at a time, for tests of rules and for a look inside."""

cimport cython
from libc.stdint cimport int32_t, int64_t

from ml4t.backtest.core.ranges cimport is_quantity
from ml4t.backtest.core.types cimport REASON_ORDER
from ml4t.backtest.market.cross_section cimport CrossSection
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.market_data cimport MarketData
from ml4t.backtest.execution.corporate_actions cimport apply_actions
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.execution.schedule cimport PHASE_CLOSE, PHASE_OPEN
from ml4t.backtest.execution.views cimport Fill, Order
from ml4t.backtest.portfolio.portfolio cimport Portfolio

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.core.ranges import QUANTITY


@cython.final
cdef class ManualRun:
    """ManualRun(data, config=None)\n--\n
    Market data, a broker and a portfolio, without an engine: the caller takes the steps.

    Parameters
    ----------
    data : MarketData
    config : BacktestConfig, optional

    Notes
    -----
    :meth:`step` does steps 1 and 2 of the semantics, ``RiskManager.check_position_exits`` 3 and 4,
    :meth:`close` the end of 4; then :meth:`submit` makes orders for the next timestamp.

    Examples
    --------
    >>> run = ManualRun(data)
    >>> manager = RiskManager([PriceBasedStopLoss(pct=0.05)])
    >>> manager.bind(run.broker)
    >>> run.step()
    >>> run.submit("ACME", 10)
    >>> for event in run.step():
    ...     manager.check_position_exits(event, run.broker, run.portfolio)
    """

    def __cinit__(self, MarketData data not None, config=None):
        config = BacktestConfig() if config is None else config
        self.cursor = Cursor(data)
        self.portfolio = Portfolio(data.assets, config.initial_cash)
        self.broker = Broker(self.cursor, self.portfolio, config)
        self.n_seen = 0

    def step(self):
        """Go to the next timestamp: corporate actions, then the fills of the open.

        Returns
        -------
        list of MarketEvent
            Its bars, in asset order.

        Raises
        ------
        IndexError
            After the last timestamp.
        """
        self.broker.check_not_asking("step")
        if self.cursor.t + 1 >= self.cursor.data.n_times:
            raise IndexError("the market data has no further timestamp")
        self.n_seen = self.broker.fills.buffer.count
        self.cursor.advance()
        apply_actions(self.broker)
        self.portfolio.account.mark_open(self.cursor)
        self.broker.matching.fill_market_orders(PHASE_OPEN)
        return list(CrossSection.new(self.cursor.data, self.cursor.t, self.cursor.sessions))

    def close(self):
        """Mark every asset at its close, and fill the orders that wait for it."""
        self.broker.check_not_asking("close")
        self.portfolio.account.mark_close(self.cursor)
        self.broker.matching.fill_market_orders(PHASE_CLOSE)

    def submit(self, asset, quantity, *, reduce_only=False):
        """Order units at the market, as a strategy would after the close.

        Parameters
        ----------
        asset : str
        quantity : float
            Units: positive buys, negative sells.
        reduce_only : bool
            Rejected at once without a position to reduce.

        Returns
        -------
        Order

        Raises
        ------
        KeyError
            If the asset is not in the market data.
        ValueError
            If the quantity is zero, not finite, or not of a size that an order can have.
        RuntimeError
            If a rule that is asked calls it.
        """
        self.broker.check_takes_orders()
        cdef int32_t code = self.cursor.data.code(asset)
        cdef double units = quantity
        if units == 0.0 or units - units != 0.0:
            raise ValueError(f"quantity must be finite and not zero, was {quantity!r}")
        if not is_quantity(units):
            raise ValueError(f"quantity must be in {QUANTITY}, was {quantity!r}")
        return Order.accepted(
            self.broker, self.broker.book.accept(code, units, REASON_ORDER, reduce_only)
        )

    @property
    def fills(self):
        """The fills since the last step, a list."""
        cdef int64_t i
        return [Fill.at(self.broker, i) for i in range(self.n_seen, self.broker.fills.buffer.count)]
