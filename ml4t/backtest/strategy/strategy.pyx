"""Strategy: a user's callbacks, and the orders they can make."""

cimport cython
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject, PyTypeObject
from cpython.type cimport PyType_Modified
from libc.math cimport NAN, fabs, isnan
from libc.stdint cimport INT64_MIN, int32_t, int64_t

from collections.abc import Mapping
import numpy as np

from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.core.types cimport (
    ORDER_OPEN, REASON_CANCEL, REASON_EXIT_PENDING, REASON_NONE, REASON_NO_EQUITY, REASON_NO_PRICE,
    REASON_NO_STOP, REASON_ORDER, REASON_RULE, REASON_ZERO_QUANTITY, SOURCE_STRATEGY, TYPE_TRAILING_STOP,
    OrderRecord, TermsRecord,
)
from ml4t.backtest.core.ranges cimport MOST_UNITS, is_quantity
from ml4t.backtest.execution.basket cimport IN_BASKET
from ml4t.backtest.execution.broker cimport Broker
from ml4t.backtest.execution.costs cimport whole_units
from ml4t.backtest.execution.cut_orders cimport take_back_targets
from ml4t.backtest.execution.queues cimport OrderQueues
from ml4t.backtest.execution.targets cimport floored_target, is_met
from ml4t.backtest.execution.views cimport Order
from ml4t.backtest.portfolio.position cimport Position, side_of
from ml4t.backtest.risk.manager cimport RiskManager
from ml4t.backtest.strategy.order_arguments cimport (
    amount_of, check_moved, finite_of, has_no_stop, price_of, quantity_of, read_bracket, read_terms, read_trail,
    refuse_size, risk_of, too_heavy, too_many,
)
from ml4t.backtest.strategy.placing cimport place
from ml4t.backtest.strategy.read_only cimport make_read_only
from ml4t.backtest.strategy.sizes cimport own_price, units_at_risk
from ml4t.backtest.strategy.within_limits cimport change_within

from ml4t.backtest.core.copies import check_not_running, made_anew, reduced
from ml4t.backtest.core.kept_state import KeptState, has_attributes
from ml4t.backtest.core.ranges import QUANTITY
from ml4t.backtest.strategy.errors import warn_of_kept_state
from ml4t.backtest.strategy.order_arguments import is_at_fill, one_of
from ml4t.backtest.strategy.names import check_attributes, check_names, refuse_callbacks, refuse_to_set
from ml4t.backtest.strategy import session_properties as standing
from ml4t.backtest.strategy.weights import mapping_of, weight_in, weights_in


cdef class Strategy:
    """Strategy()\n--\n
    Subclass it and define ``on_market_data`` (per bar), ``on_timestamp_batch``, or both.

    At each timestamp ``on_fill`` is called for every fill and ``on_order`` for every order that was rejected, scaled or
    cancelled, then ``on_market_data`` for every bar in asset order, then ``on_timestamp_batch``. What is called sees
    complete bars; its orders fill at the next bar of their asset at the earliest.

    Orders are made in these callbacks, ``on_start`` and ``on_end`` included, in the thread of the run:
    elsewhere they raise a ``RuntimeError``. Outside of a run a strategy holds nothing of it.
    """

    def on_start(self):
        """Called once before the first timestamp; ``self.data`` is there.

        No asset has a price yet: orders of units wait for its first bar, amounts of money are rejected.
        """

    def on_end(self):
        """Called once after the last timestamp."""

    def on_fill(self, fill):
        """Called for each fill, before the bars of the timestamp; for the last ones before ``on_end``.

        Parameters
        ----------
        fill : Fill
        """

    def on_order(self, order):
        """Called for each rejection, scaling and cancel of an order, exits of rules included.

        Parameters
        ----------
        order : Order
            Its ``event`` is ``rejected``, ``scaled`` or ``cancelled``, its ``reason`` says why.
        """

    def on_market_data(self, event):
        """Called for each bar.

        Parameters
        ----------
        event : MarketEvent
        """

    def on_timestamp_batch(self, timestamp, events, context):
        """Called once per timestamp.

        Parameters
        ----------
        timestamp : pandas.Timestamp
            UTC.
        events : CrossSection
            All bars of the timestamp; its columns are NumPy views.
        context : mapping
            Market-wide values by name.
        """

    # ---- what is owned -----------------------------------------------------------------------

    @property
    def equity(self):
        """Cash and positions at the closes of this timestamp (currency)."""
        self._check_running()
        return self.account.equity()

    @property
    def cash(self):
        """Cash (currency)."""
        self._check_running()
        return self.account.cash

    session = standing.session
    minutes_since_open = standing.minutes_since_open
    minutes_to_close = standing.minutes_to_close
    is_early_close = standing.is_early_close
    local_time = standing.local_time

    def quantity(self, asset):
        """Return the units held: positive long, negative short, 0 flat."""
        return self.portfolio.positions.at[self.code_of(asset)].quantity

    def quantity_after_orders(self, asset):
        """Return the units held once all that waits for the asset has filled, exits by rules too.

        Orders that can only reduce count for what is left for them: two that close one position take it
        once. What cannot be paid at the fill is not foreseen.
        """
        return self.book.queues.units_after(self.code_of(asset))

    def pending(self, asset):
        """Return the units that waiting orders would add: ``quantity_after_orders`` less ``quantity``."""
        cdef int32_t code = self.code_of(asset)
        return self.book.queues.units_after(code) - self.portfolio.positions.at[code].quantity

    def position(self, asset):
        """Return the :class:`PositionTradeState` of an asset; false when it is flat."""
        cdef int32_t code = self.code_of(asset)
        return self.portfolio.state_of(code)

    def levels(self, asset):
        """Return the :class:`PositionLevels` in force for the asset's next bar."""
        cdef int32_t code = self.code_of(asset)
        return self.portfolio.levels_of(code)

    def positions(self):
        """Return the states of all open positions, in asset order."""
        self._check_running()
        return self.portfolio.open_states()

    def open_orders(self, asset=None):
        """Return the orders that wait, of one asset or of all, in the order of submission.

        Exits that rules decided are among them.

        Returns
        -------
        list of Order
        """
        self._check_running()
        cdef OrderQueues queues = self.book.queues
        ids = queues.ids() if asset is None else queues.ids_of(self.code_of(asset))
        return [Order.accepted(self.broker, order_id) for order_id in ids]

    # ---- orders ------------------------------------------------------------------------------

    def buy(
        self, asset, quantity=None, *, value=None, percent=None, risk=None, size_at="close", limit=None, stop=None,
        trail=None, trail_percent=None, fill_at=None, valid="gtc", valid_until=None, stop_loss=None, take_profit=None,
        oco=None,
    ):
        """Buy: at the market, or once the price has come to a limit or a stop.

        A market order fills at the next open, unless the settings or ``fill_at`` say otherwise. One with a price waits for
        it, inside the bars to come: a limit fills there or better, a stop becomes a market order there, and with
        both the stop makes it a limit order.

        Parameters
        ----------
        asset : str
        quantity : float, optional
            Units. Give one of quantity, value, percent and risk.
        value : float, optional
            Currency, turned into units at the limit, else at the stop, else at the asset's last close.
        percent : float, optional
            Fraction of equity, turned into units likewise.
        risk : float, optional
            Fraction of equity that is lost at the stop, before costs and gaps: at ``stop_loss`` where it is given, else at the
            stop that the rules arm for the position. Where they arm none, the order is rejected (``no_stop``).
        size_at : {"close", "fill"}
            When value or percent of a market order become units: at the close that decides, or at the fill, by
            its price, the equity of then and the costs, so that ``percent=1`` is all of it after a gap too.
        limit : float, optional
            The worst price (currency per unit).
        stop : float, optional
            The price that sets it off (currency per unit): above the market to buy.
        trail, trail_percent : float, optional
            A stop that follows the market, so far behind its best price since the order was made (currency per unit,
            or a fraction of that price): the high of every bar to sell, the low to buy, once the bar is over.
        fill_at : {"next_open", "next_close"}, optional
            Of a market order: market-on-open or market-on-close, whatever the settings say of all market orders.
        valid : {"gtc", "day", "ioc", "fok"}
            Until it is cancelled; through the session of the next timestamp, to its close under a calendar; or, the last
            two, at its first turn to fill alone, the next open of an order with a price: ``ioc`` fills there what can
            be filled, ``fok`` all of it or nothing.
        valid_until : datetime, optional
            The last time at which it waits; UTC where it has no zone.
        stop_loss, take_profit : float, optional
            A bracket: where the units that it enters leave again (currency per unit), at a stop and a limit that
            wait from that fill on, in its bar too; one cancels the other.
        oco : Order, optional
            One-cancels-other: an order made before, of any asset, and with it all that have named it or that it has
            named. The first fill of one of them cancels the others; if that one has filled already, this one is
            rejected.

        Returns
        -------
        Order

        Raises
        ------
        KeyError
            If the asset is not in the universe.
        ValueError
            If the amount is not finite, not positive, or more or fewer units than an order can have; if the percent is
            above twice the account's leverage (0.5 is 50%); if no rule can arm a stop for a risk; if a quantity, or what
            waits for a price, is to be sized at the fill; if a price is none, or on the wrong side of another; if the
            order would have expired already; if ``oco`` is of another run, a rule or a bracket.
        RuntimeError
            Outside of the strategy's callbacks: by a rule, a progress callback or another thread.
        """
        return self._order(
            asset, 1.0, quantity, value, percent, risk, size_at, limit, stop, trail, trail_percent, fill_at,
            valid, valid_until, stop_loss, take_profit, oco,
        )

    def sell(
        self, asset, quantity=None, *, value=None, percent=None, risk=None, size_at="close", limit=None, stop=None,
        trail=None, trail_percent=None, fill_at=None, valid="gtc", valid_until=None, stop_loss=None, take_profit=None,
        oco=None,
    ):
        """Sell; through zero it opens a short. Parameters as in :meth:`buy`; a stop lies below the market."""
        return self._order(
            asset, -1.0, quantity, value, percent, risk, size_at, limit, stop, trail, trail_percent, fill_at,
            valid, valid_until, stop_loss, take_profit, oco,
        )

    def close(self, asset, *, fill_at=None):
        """Close the asset's position at the market.

        Parameters
        ----------
        asset : str
        fill_at : {"next_open", "next_close"}, optional
            Market-on-open or market-on-close, as in :meth:`buy`.

        Returns
        -------
        Order or None
            None when it is flat.
        """
        self.check_may_order()
        cdef int32_t code = self.code_of(asset)
        cdef TermsRecord terms
        read_terms(&terms, None, None, fill_at, "gtc", None, False, self.cursor.now)
        return self._made(self.order_close(code, &terms))

    def order_target_percent(self, asset, percent):
        """Order what brings the position to a fraction of equity; negative is short.

        Waiting orders of the asset count as filled (:meth:`quantity_after_orders`); the order never takes
        the position past its target. A target of zero with nothing waiting is a :meth:`close`. While an
        exit by a rule waits, a target on the position's own side is rejected (``exit_pending``).

        Returns
        -------
        Order or None
            None when nothing has to change, or less than the smallest trade of the settings.

        Raises
        ------
        ValueError
            If the fraction is not finite, or above twice the account's leverage (0.5 is 50%).
        """
        self.check_may_order()
        return self._made(self.target_weight(self.code_of(asset), finite_of("percent", percent)))

    def order_target_value(self, asset, value):
        """Order what brings the position to a value (currency); negative is short."""
        self.check_may_order()
        return self._made(self.target_value(self.code_of(asset), finite_of("value", value)))

    def order_target_quantity(self, asset, quantity):
        """Order what brings the position to so many units; negative is short.

        Raises
        ------
        ValueError
            If the units are neither 0 nor of a size that an order can have.
        """
        self.check_may_order()
        cdef double units = finite_of("quantity", quantity)
        if units != 0.0 and not is_quantity(units):
            raise ValueError(f"quantity must be 0 or in {QUANTITY}, was {quantity!r}")
        return self._made(self.target_units(self.code_of(asset), units))

    def order_target_weights(self, weights, *, keep_others=False):
        """Order what brings the portfolio to these fractions of equity, in asset order.

        All targets of one timestamp are one basket: where they cannot be paid together, all are scaled
        by one factor.

        Parameters
        ----------
        weights : mapping of asset to float, pandas Series, or float64 array of shape (n_assets,)
            An array holds a weight per asset of ``self.data.assets``. NaN leaves an asset alone.
        keep_others : bool, default False
            Leave assets that a mapping does not name as they are. Otherwise they are closed.

        Returns
        -------
        int
            Orders made, rejected ones included.

        Raises
        ------
        KeyError
            If an asset is not in the universe.
        ValueError
            If a weight is infinite, or above twice the account's leverage (0.5 is 50%), or an array has
            another length.
        """
        self.check_may_order()
        cdef const double[::1] target = self._weight_array(weights, keep_others)
        cdef int64_t before = self.book.orders.count
        with nogil:
            self.target_weights(&target[0])
        return self.book.orders.count - before

    def modify(self, Order order not None, *, quantity=None, limit=None, stop=None):
        """Change an order that still waits, at once; its place among the others stays.

        Parameters
        ----------
        order : Order
            One of the strategy.
        quantity : float, optional
            Units still to fill, on its side.
        limit, stop : float, optional
            Prices in place of those that it has (currency per unit).

        Raises
        ------
        ValueError
            If the order is not one of this run, waits no more or is the exit of a rule; if nothing is to be
            changed, or a price that it does not have, or one beyond an end of its bracket.
        RuntimeError
            As in :meth:`buy`.
        """
        self.check_may_order()
        if order.broker is not self.broker:
            raise ValueError(f"{order!r} was not accepted in this run")
        cdef const OrderRecord* record = self.book.order(order.order_id)
        cdef const TermsRecord* terms = self.book.terms_of(record)
        cdef double units = NAN
        if record.status != ORDER_OPEN or record.source != SOURCE_STRATEGY:
            raise ValueError(f"{order!r} is {order.status}: only an order of the strategy that waits can be changed")
        if quantity is None and limit is None and stop is None:
            raise ValueError("modify changes quantity, limit or stop; give one of them")
        for name, price, is_there in (
            ("limit", limit, terms != NULL and not isnan(terms.limit)),
            ("stop", stop, terms != NULL and not isnan(terms.stop) and not (
                terms.is_triggered or terms.type == TYPE_TRAILING_STOP
            )),
        ):
            if price is not None and not is_there:
                raise ValueError(f"{order!r} waits for no {name}; cancel it and make another")
        if quantity is not None:
            units = side_of(record.quantity) * quantity_of(quantity)
            if self.broker.settings.whole_units:
                units = side_of(units) * whole_units(fabs(units))
                if units == 0.0:
                    raise ValueError(f"quantity must be at least a unit, was {quantity!r}")
        cdef double new_limit = price_of("limit", limit, self.data.is_signed[record.asset])
        cdef double new_stop = price_of("stop", stop, self.data.is_signed[record.asset])
        if limit is not None or stop is not None:
            check_moved(terms, side_of(record.quantity), new_limit, new_stop, &self.broker.settings)
        change_within(self.broker, self.risk.limits, order.order_id, units, new_limit, new_stop)

    def cancel(self, Order order not None):
        """Cancel an order that still waits; others are left as they are.

        It counts at once, while orders fill too: this one fills no more, and no other fills earlier or
        later for it.

        Raises
        ------
        ValueError
            If the order is not one of this run.
        RuntimeError
            Outside of a run, or from another thread.
        """
        self._check_running()
        if order.broker is not self.broker:
            raise ValueError(f"{order!r} was not accepted in this run")
        self.broker.check_no_costs_asked()
        if self.book.order(order.order_id).status == ORDER_OPEN:
            self.book.cancel(order.order_id, REASON_CANCEL)

    def __reduce__(self):
        """Outside of a run a strategy is its class and its attributes."""
        check_not_running(self.broker is not None, "a strategy")
        return reduced(self, (Strategy, CompiledStrategy), made_anew)

    # ---- for the engine and for compiled strategies ------------------------------------------

    cdef int enter_run(self, Broker broker, RiskManager risk) except -1:
        if self.broker is not None:
            raise RuntimeError("this strategy is in a run already: make one per run")
        check_attributes(self, Strategy)
        self.broker = broker
        self.portfolio = broker.portfolio
        self.cursor = broker.cursor
        self.data = broker.cursor.data
        self.risk = risk
        self.book = broker.book
        self.account = broker.portfolio.account
        self.codes = {name: code for code, name in enumerate(self.data.assets)}
        return 0

    # on_start has been called, and the first timestamp is next.
    cdef int begin(self) except -1:
        if has_attributes(type(self)):
            check_attributes(self, Strategy)
            self.kept = self.kept or KeptState()
            warn_of_kept_state(self, self.kept.begin(self))
        return 0

    # Outside of a run a strategy holds nothing of it.
    cdef int leave_run(self) except -1:
        self.broker = None
        self.portfolio = None
        self.cursor = None
        self.data = None
        self.risk = None
        self.book = None
        self.account = None
        self.codes = None
        if self.kept is not None:
            self.kept.end(self)
        return 0

    cdef int32_t code_of(self, object asset) except -1:
        self._check_running()
        return self._code(asset)

    cdef int32_t _code(self, object asset) except -1:
        cdef PyObject* known
        if type(asset) is str:
            known = PyDict_GetItemWithError(self.codes, asset)
            return self.data.code(asset) if known == NULL else <object> known
        try:
            code = self.codes.get(asset)
        except TypeError:
            code = None
        if code is None:
            return self.data.code(asset)
        return code

    cdef int _check_running(self) except -1:
        self._check_in_run()
        return self.broker.thread.check()

    cdef inline int _check_in_run(self) except -1:
        if self.broker is None:
            raise RuntimeError("the strategy is not in a run: orders and positions exist only there")
        return 0

    # In the thread of the run, as the broker sees to.
    cdef int check_may_order(self) except -1:
        self._check_in_run()
        return self.broker.check_takes_orders()

    # An order of so many units. Where an exit is taking them already, an event says so.
    cdef int64_t order_units(
        self, int32_t asset, double units, int32_t reason, bint reduce_only, const TermsRecord* terms
    ) except -1 nogil:
        cdef double after
        cdef int64_t order_id
        if reduce_only or self.book.queues.n_exits_of(asset) == 0:
            return place(self.broker, self.risk, asset, units, reason, reduce_only, terms)
        after = self.book.queues.units_after(asset)
        order_id = place(self.broker, self.risk, asset, units, reason, False, terms)
        self.book.tell_duplicate(order_id, after)
        return order_id

    # What brings position and waiting orders to so many units; 0 when nothing has to change.
    cdef int64_t target_units(self, int32_t asset, double units) except -1 nogil:
        cdef int64_t order_id
        if fabs(units) > MOST_UNITS:
            return too_many(units)
        if self.broker.settings.is_capped:
            take_back_targets(self.book, asset, self._target_of(units))
        if units != 0.0 or self.book.queues.n_waiting_of(asset) > 0:
            return self._change_to(asset, units)
        if self.portfolio.positions.at[asset].quantity == 0.0:
            return 0
        order_id = self.order_close(asset, NULL)
        self.book.order(order_id).part = IN_BASKET
        return order_id

    cdef int64_t _change_to(self, int32_t asset, double units) except -1 nogil:
        cdef const Position* position = &self.portfolio.positions.at[asset]
        cdef double target = self._target_of(units)
        cdef double after = self.book.queues.units_after(asset)
        cdef double change
        if is_met(target, after, self.book.queues.most_counted(asset)):
            return 0
        change = target - after
        if self.broker.settings.whole_units and whole_units(fabs(change)) == 0.0:
            return 0
        if position.exit_is_decided and target * position.quantity > 0.0:
            return self.book.refuse(asset, change, REASON_EXIT_PENDING)
        if target != 0.0 and self._is_left_alone(asset, target, change):
            self.book.n_left_alone += 1
            return 0
        return self._target(asset, target, change)

    cdef inline double _target_of(self, double units) noexcept nogil:
        return floored_target(units) if self.broker.settings.whole_units else units + 0.0  # no -0.0

    # The change that a target asks for becomes an order, which is held to it.
    cdef int64_t _target(self, int32_t asset, double target, double change) except -1 nogil:
        cdef int64_t order_id = place(self.broker, self.risk, asset, change, REASON_ORDER, False, NULL)
        cdef OrderRecord* order = self.book.order(order_id)
        order.target_units = target
        order.part = IN_BASKET
        return order_id

    # Whether the settings hold a change for too small to be traded. Without a mark it has no value.
    cdef bint _is_left_alone(self, int32_t asset, double target, double change) noexcept nogil:
        cdef const Settings* settings = &self.broker.settings
        cdef double units = fabs(change)
        cdef double value = units * fabs(self.account.mark[asset])
        return (
            units < settings.min_trade_units or value < settings.min_trade_value
            or value < settings.min_trade_percent * self.account.marked_equity
            or units <= settings.drift_band * fabs(target)
        )

    cdef int64_t target_weight(self, int32_t asset, double weight) except -1 nogil:
        self.check_weight_of(asset, weight)
        return self.target_checked_weight(asset, weight)

    cdef int64_t target_checked_weight(self, int32_t asset, double weight) except -1 nogil:
        cdef int32_t problem
        if weight == 0.0:
            return self.target_units(asset, 0.0)
        problem = self.cannot_size(asset, True)
        if problem != REASON_NONE:
            return self.book.refuse(asset, 0.0, problem)
        return self.target_units(asset, self.units_of_weight(asset, weight))

    # A weight for each asset; NaN leaves it alone. All are checked before an order is made.
    cdef int target_weights(self, const double* weight) except -1 nogil:
        cdef int32_t asset
        for asset in range(<int32_t> self.data.n_assets):
            # Zero, most often, is a weight of every asset.
            if not isnan(weight[asset]) and weight[asset] != 0.0:
                self.check_weight_of(asset, weight[asset])
        for asset in range(<int32_t> self.data.n_assets):
            if not isnan(weight[asset]):
                self.target_checked_weight(asset, weight[asset])
        return 0

    cdef int64_t target_value(self, int32_t asset, double value) except -1 nogil:
        cdef int32_t problem
        if value == 0.0:
            return self.target_units(asset, 0.0)
        self.check_may_size(asset, value)
        problem = self.cannot_size(asset, True)
        if problem != REASON_NONE:
            return self.book.refuse(asset, 0.0, problem)
        return self.target_units(asset, value / self.account.mark[asset])

    # An amount of money is no number of units where prices may be negative; nothing is none.
    cdef int check_may_size(self, int32_t asset, double amount) except -1 nogil:
        if amount != 0.0 and self.data.is_signed[asset]:
            return refuse_size(self.data.assets, asset)
        return 0

    # No division by zero: prices are positive, check_may_size() and cannot_size() are asked before.
    @cython.cdivision(True)
    cdef double units_of_weight(self, int32_t asset, double weight) noexcept nogil:
        return (weight * self.account.marked_equity) / self.account.mark[asset]

    cdef int check_weight_of(self, int32_t asset, double weight) except -1 nogil:
        self.check_weight(weight)
        return self.check_may_size(asset, weight)

    # 50 where 50% is meant is refused; so is what no account of this leverage can hold or turn around.
    cdef int check_weight(self, double weight) except -1 nogil:
        if fabs(weight) > self.broker.settings.most_weight:
            return too_heavy(weight, self.broker.settings.most_weight)
        return 0

    # Why an amount of money cannot become units now; REASON_NONE when it can.
    cdef int32_t cannot_size(self, int32_t asset, bint needs_equity) noexcept nogil:
        if isnan(self.account.mark[asset]):
            return REASON_NO_PRICE
        if needs_equity and not self.account.marked_equity > 0.0:
            return REASON_NO_EQUITY
        return REASON_NONE

    cdef object _order(
        self, object asset, double direction, object quantity, object value, object percent, object risk,
        object size_at, object limit, object stop, object trail, object trail_percent, object fill_at, object valid,
        object valid_until, object stop_loss, object take_profit, object oco
    ):
        self.check_may_order()
        cdef int32_t code = self._code(asset)
        cdef bint at_fill = size_at != "close" and is_at_fill(size_at, quantity, (limit, stop, trail, trail_percent))
        cdef TermsRecord terms
        read_terms(
            &terms, limit, stop, fill_at, valid, valid_until, self.data.is_signed[code],
            self.cursor.now if self.cursor.t >= 0 else INT64_MIN,
        )
        if trail is not None or trail_percent is not None:
            read_trail(&terms, direction, trail, trail_percent, self.account.mark[code], self.data.is_signed[code])
        if stop_loss is not None or take_profit is not None:
            read_bracket(&terms, direction, stop_loss, take_profit, self.data.is_signed[code], &self.broker.settings)
        if oco is not None:
            terms.sibling = self._named(oco)
        if quantity is None or not (value is None and percent is None and risk is None):
            if one_of(direction, asset, (quantity, value, percent, risk)) == "risk":
                return self._made(self._order_risk(code, direction, risk_of(risk, at_fill), &terms))
            return self._made(self._order_money(code, direction, value, percent, at_fill, &terms))
        cdef double units = direction * quantity_of(quantity)
        if has_no_stop(&terms):
            return self._made(self.book.refuse_with(code, 0.0, REASON_NO_PRICE, &terms))
        return self._made(self.order_units(code, units, REASON_ORDER, False, &terms))

    # Another order of the strategy, of which one is to cancel the other; 0: it has ended without a fill.
    cdef int64_t _named(self, object oco) except -1:
        cdef const OrderRecord* other
        if not isinstance(oco, Order):
            raise TypeError(f"oco must be an Order, which buy and sell return, was {oco!r}")
        if (<Order> oco).broker is not self.broker:
            raise ValueError(f"{oco!r} was not accepted in this run")
        other = self.book.order((<Order> oco).order_id)
        if other.source != SOURCE_STRATEGY or other.is_child:
            raise ValueError(f"oco must be an order that the strategy made itself, {oco!r} comes of a rule or a bracket")
        return other.order_id if other.status == ORDER_OPEN or other.filled_quantity != 0.0 else 0

    # An amount of money becomes units at the price the order waits for, else at the mark; and again at the fill.
    cdef int64_t _order_money(
        self, int32_t asset, double direction, object value, object percent, bint at_fill, TermsRecord* terms
    ) except -1:
        cdef bint is_weight = value is None
        cdef double amount
        cdef double price = own_price(self.account, asset, terms)
        cdef int32_t problem
        self.check_may_size(asset, 1.0)
        problem = REASON_NO_PRICE if has_no_stop(terms) else self.cannot_size(asset, is_weight)
        amount = amount_of("percent", percent) if is_weight else amount_of("value", value)
        if is_weight:
            self.check_weight(amount)
        if problem != REASON_NONE:
            return self.book.refuse_with(asset, 0.0, problem, terms)
        if at_fill:
            terms.amount = amount
            terms.is_weight = is_weight
        if is_weight:
            amount = amount * self.account.marked_equity
        return self.order_units(asset, direction * (amount / price), REASON_ORDER, False, terms)

    # As many units as lose so much of equity at their stop.
    cdef int64_t _order_risk(self, int32_t asset, double direction, double risk, TermsRecord* terms) except -1:
        cdef int32_t problem = REASON_NO_PRICE if has_no_stop(terms) else self.cannot_size(asset, True)
        cdef double units = NAN
        if problem == REASON_NONE:
            units = units_at_risk(self.risk, asset, direction, risk * self.account.marked_equity, terms)
        if isnan(units):
            return self.book.refuse_with(asset, 0.0, problem or REASON_NO_STOP, terms)
        return self.order_units(asset, direction * units, REASON_ORDER, False, terms)

    cdef object _made(self, int64_t order_id):
        return Order.accepted(self.broker, order_id) if order_id > 0 else None

    cdef object _weight_array(self, object weights, bint keep_others):
        cdef int32_t code
        if hasattr(weights, "to_dict"):
            weights = mapping_of(weights)
        if not isinstance(weights, Mapping):
            return weights_in(weights, self.data.n_assets)
        target = np.full(self.data.n_assets, np.nan)
        cdef double[::1] view = target
        if not keep_others:
            for code in range(<int32_t> self.data.n_assets):
                if self.portfolio.positions.at[code].quantity != 0.0 or self.book.queues.n_waiting_of(code) > 0:
                    view[code] = 0.0
        for asset, weight in weights.items():
            view[self.code_of(asset)] = weight_in(asset, weight)
        return target


cdef class CompiledStrategy(Strategy):
    """CompiledStrategy()\n--\n
    A strategy without Python in the loop; its ``on_timestamp`` is C.

    It is told nothing else: a subclass that defines ``on_fill``, ``on_order``, ``on_market_data`` or
    ``on_timestamp_batch`` is refused with a ``TypeError``. ``on_start`` and ``on_end`` are called.
    """

    def __cinit__(self, *arguments, **options):
        refuse_callbacks(type(self), Strategy)

    cdef int prepare(self) except -1:
        return 0

    cdef int on_timestamp(self) except -1 nogil:
        return 0

    # Of a single asset: the first row from this one on, and before ``end``, at which on_timestamp may do
    # something, as long as nothing fills in between; ``end`` if none. The row itself is always right.
    cdef int64_t next_row(self, int64_t row, int64_t end) noexcept nogil:
        return row

    # A guess at the one after that, for memory to be asked for in time.
    cdef int64_t row_after(self, int64_t row, int64_t end) noexcept nogil:
        return row


# A class in Python that derives from Strategy is checked when it is made: `class` looks for this name,
# which Cython has no statement for.
@classmethod
def _check_class(cls, **options):
    super(Strategy, cls).__init_subclass__(**options)
    check_names(cls, Strategy)
    if issubclass(cls, CompiledStrategy):
        refuse_callbacks(cls, Strategy)


(<dict> (<PyTypeObject*> Strategy).tp_dict)["__init_subclass__"] = _check_class
PyType_Modified(Strategy)


def _refuse_to_set(strategy, name):
    refuse_to_set(name, Strategy)


make_read_only(Strategy, _refuse_to_set)
