"""RiskContext: all a rule may look at, at one moment of one position."""

cimport cython
from libc.math cimport NAN, fabs
from libc.stdint cimport int32_t, int64_t

import pandas as pd

from ml4t.backtest.core.sealed cimport seal
from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.values cimport context_at, features_at
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.position cimport Position
from ml4t.backtest.risk.rule_view cimport look

from ml4t.backtest.market.column_names import BAR_COLUMNS, unknown_name
from ml4t.backtest.market.session_moments import (
    MINUTE, is_early_close, local_time, minutes_since_open, session_of,
)

@cython.final
@cython.freelist(16)
cdef class RiskContext:
    """One position at one moment, read-only; still true when kept.

    There are two moments: its opening (or an add to it), when rules are asked for levels, and each close
    of its asset. At an opening the bar's high, low, close, volume, bid and ask are NaN and features
    are those of the bar before.
    """

    _made = "rules are given one; RiskContext.from_state(...) is for their tests"

    @staticmethod
    def from_state(
        *, asset_id="ASSET", timestamp=None, opening=False, entry_time=None, bars_held=0,
        split_ratio=1.0, gross_exposure=None, features=None, market_features=None, frozen=None,
        open=NAN, high=NAN, low=NAN, close=NAN, volume=NAN, bid=NAN, ask=NAN,
        position_quantity=NAN, entry_price=NAN, level_price=None, water_mark=None,
        best_price=None, worst_price=None, stop_loss_price=NAN, take_profit_price=NAN, equity=NAN,
        cash=NAN, dividend_average=0.0, dividend_sum=0.0, live=None, commission_per_unit=0.0,
        initial_risk=NAN, session=None, minutes_since_open=NAN, minutes_to_close=NAN, is_early_close=False,
        bar_minutes=NAN, is_held_over=False, exits_at_close=False,
    ):
        """Build a context by hand, for tests of rules.

        Parameters
        ----------
        asset_id : str
        timestamp, entry_time : anything ``pandas.Timestamp`` takes, optional
        opening : bool
        bars_held : int
        split_ratio : float
        gross_exposure : float, optional
            For ``leverage``; \\|quantity\\| x current price by default.
        features, market_features, frozen, live : mapping of name to number, optional
        open, high, low, close, volume, bid, ask, position_quantity, entry_price, stop_loss_price, \
take_profit_price, equity, cash, initial_risk : float, default NaN
            The fields of these names.
        level_price, water_mark, best_price, worst_price : float, optional
            The entry price by default.
        dividend_average, dividend_sum, commission_per_unit : float, default 0
        session : datetime.date, optional
            The day of the timestamp by default.
        minutes_since_open, minutes_to_close, bar_minutes : float, default NaN
            ``bar_minutes`` is for ``bar_ns``.
        is_early_close, is_held_over, exits_at_close : bool, default False
        """
        cdef RiskContext self = RiskContext.__new__(RiskContext)
        self.asset_id = asset_id
        self.view.timestamp_ns = _nanoseconds(timestamp)
        self.view.entry_time_ns = _nanoseconds(entry_time)
        self.view.opening = bool(opening)
        self.view.bars_held = bars_held
        self.view.split_ratio = float(split_ratio)
        self.view.dividend_average = float(dividend_average)
        self.view.dividend_sum = float(dividend_sum)
        self.view.commission_per_unit = float(commission_per_unit)
        self.view.initial_risk = float(initial_risk)
        self.view.open = float(open)
        self.view.high = float(high)
        self.view.low = float(low)
        self.view.close = float(close)
        self.view.volume = float(volume)
        self.view.bid = float(bid)
        self.view.ask = float(ask)
        self.view.position_quantity = float(position_quantity)
        self.view.entry_price = float(entry_price)
        self.view.stop_loss_price = float(stop_loss_price)
        self.view.take_profit_price = float(take_profit_price)
        self.view.equity = float(equity)
        self.view.cash = float(cash)
        self.view.level_price = float(entry_price if level_price is None else level_price)
        self.view.water_mark = float(entry_price if water_mark is None else water_mark)
        self.view.best_price = float(entry_price if best_price is None else best_price)
        self.view.worst_price = float(entry_price if worst_price is None else worst_price)
        self.view.gross = (
            abs(self.view.position_quantity) * self.current_price
            if gross_exposure is None else float(gross_exposure)
        )
        self.exits_at_close = bool(exits_at_close)
        self.given_session = {
            "session": pd.Timestamp(self.timestamp_ns).date() if session is None else session,
            "since_open": float(minutes_since_open),
            "to_close": float(minutes_to_close),
            "bar": float(bar_minutes),
            "early": bool(is_early_close),
            "over": bool(is_held_over),
        }
        self.given_features = _numbers(features)
        self.given_market_features = _numbers(market_features)
        self.frozen_inputs = {name: (v, 1.0, 1.0, 0.0) for name, v in _numbers(frozen).items()}
        self.frozen_inputs |= {
            (name, "live"): (v, 1.0, self.split_ratio, 0.0) for name, v in _numbers(live).items()
        }
        return self

    @property
    def asset(self):
        """Name of the asset; ``asset_id`` is the same."""
        return self.asset_id

    @property
    def timestamp_ns(self):
        """Time of the moment (nanoseconds UTC)."""
        return self.view.timestamp_ns

    @property
    def opening(self):
        """True when the position has just been opened or added to: only levels are asked for."""
        return bool(self.view.opening)

    @property
    def open(self):
        """Open of the bar (currency per unit)."""
        return self.view.open

    @property
    def high(self):
        """High of the bar; NaN at an opening, which cannot know it."""
        return self.view.high

    @property
    def low(self):
        """Low of the bar; NaN at an opening."""
        return self.view.low

    @property
    def close(self):
        """Close of the bar; NaN at an opening."""
        return self.view.close

    @property
    def volume(self):
        """Volume of the bar (units); NaN at an opening, or when the table has none."""
        return self.view.volume

    @property
    def bid(self):
        """Best bid at the close; NaN at an opening, or when the table has none."""
        return self.view.bid

    @property
    def ask(self):
        """Best ask at the close; NaN at an opening, or when the table has none."""
        return self.view.ask

    @property
    def position_quantity(self):
        """Units held: positive long, negative short."""
        return self.view.position_quantity

    @property
    def entry_price(self):
        """Average entry price, slippage included, commission not (currency per unit)."""
        return self.view.entry_price

    @property
    def entry_time_ns(self):
        """Time of the opening (nanoseconds UTC)."""
        return self.view.entry_time_ns

    @property
    def bars_held(self):
        """Closes seen since the opening; 0 at the opening."""
        return self.view.bars_held

    @property
    def level_price(self):
        """What level formulas start from (E): the entry price, or the signal's close by setting."""
        return self.view.level_price

    @property
    def water_mark(self):
        """The best price trailing levels follow (H)."""
        return self.view.water_mark

    @property
    def best_price(self):
        """Best price since the opening, for MFE."""
        return self.view.best_price

    @property
    def worst_price(self):
        """Worst price since the opening, for MAE."""
        return self.view.worst_price

    @property
    def split_ratio(self):
        """Product of the splits since the opening."""
        return self.view.split_ratio

    @property
    def dividend_average(self):
        """Dividends a unit held was paid since the opening, averaged over adds (A; currency per unit).

        Levels below the market lie so much lower. 0 under ``dividend_adjusts="none"``; so is the sum.
        """
        return self.view.dividend_average

    @property
    def commission_per_unit(self):
        """Commission of the entries by the units entered, after splits (currency per unit)."""
        return self.view.commission_per_unit

    @property
    def initial_risk(self):
        """Distance from the level price to the first stop that was armed (currency per unit); NaN when none was yet.

        Not positive where that stop lay at the level price, or beyond.
        """
        return self.view.initial_risk

    @property
    def dividend_sum(self):
        """Dividends per unit since the opening, adds or not, in the units of now (G)."""
        return self.view.dividend_sum

    @property
    def stop_loss_price(self):
        """Stop in force (currency per unit); NaN when none."""
        return self.view.stop_loss_price

    @property
    def take_profit_price(self):
        """Target in force (currency per unit); NaN when none."""
        return self.view.take_profit_price

    @property
    def equity(self):
        """Cash and positions at the marks of the moment (currency)."""
        return self.view.equity

    @property
    def cash(self):
        """Cash (currency)."""
        return self.view.cash

    @property
    def timestamp(self):
        """Time of the moment, a UTC ``pandas.Timestamp``."""
        return pd.Timestamp(self.timestamp_ns, tz="UTC")

    @property
    def entry_time(self):
        """Time of the opening, a UTC ``pandas.Timestamp``."""
        return pd.Timestamp(self.entry_time_ns, tz="UTC")

    @property
    def session(self):
        """Date of the session, a ``datetime.date``; without a calendar a day of the prices' zone."""
        if self.given_session is not None:
            return self.given_session["session"]
        return session_of(self.sessions, self.timestamp_ns, self.data)

    @property
    def minutes_since_open(self):
        """Minutes since the session opened, below 0 before; NaN without a calendar."""
        if self.given_session is not None:
            return self.given_session["since_open"]
        return minutes_since_open(self.sessions, self.timestamp_ns)

    @property
    def minutes_to_close(self):
        """Minutes until the session closes, below 0 after; NaN without a calendar."""
        return self.ns_to_close / MINUTE

    @property
    def ns_to_close(self):
        """Nanoseconds until the session closes, a float; NaN without a calendar."""
        if self.given_session is not None:
            return self.given_session["to_close"] * MINUTE
        return NAN if self.sessions is None else self.sessions.ns_to_close(self.timestamp_ns)

    @property
    def bar_ns(self):
        """Nanoseconds since the timestamp before, or since the open, if that is later; NaN up to the open, and without a calendar."""
        if self.given_session is not None:
            return self.given_session["bar"] * MINUTE
        return NAN if self.sessions is None else self.sessions.bar_ns(self.timestamp_ns, self.time_before)

    @property
    def is_early_close(self):
        """Whether the session closes early; False without a calendar."""
        if self.given_session is not None:
            return self.given_session["early"]
        return is_early_close(self.sessions, self.timestamp_ns)

    @property
    def is_held_over(self):
        """Whether the position was opened in an earlier session; False without a calendar."""
        if self.given_session is not None:
            return self.given_session["over"]
        return self.sessions is not None and self.sessions.has_ended(self.entry_time_ns, self.timestamp_ns)

    @property
    def local_time(self):
        """Time of the moment in the zone of the calendar, or of the prices, a ``pandas.Timestamp``."""
        if self.given_session is not None:
            return self.timestamp
        return local_time(self.sessions, self.timestamp_ns, self.data)

    @property
    def side(self):
        """1 for a long position, -1 for a short one, 0 when flat."""
        return (self.position_quantity > 0.0) - (self.position_quantity < 0.0)

    @property
    def current_price(self):
        """Last price known: the close, at an opening the open (currency per unit)."""
        return self.open if self.opening and self.close != self.close else self.close

    @property
    def leverage(self):
        """Gross exposure / equity; NaN when equity is not positive."""
        return self.view.gross / self.equity if self.equity > 0.0 else NAN

    @property
    def unrealized_pnl(self):
        """(current price - entry price) x quantity (currency)."""
        return (self.current_price - self.entry_price) * self.position_quantity

    @property
    def unrealized_pnl_pct(self):
        """Move of the price in favour of the position, as a fraction of the entry price."""
        return self._pct((self.current_price - self.entry_price) * self.side)

    @property
    def max_favorable_excursion(self):
        """Best price less entry price, in favour of the position, so >= 0 (currency per unit)."""
        return max(0.0, self._excursion(self.best_price))

    @property
    def max_adverse_excursion(self):
        """Worst price less entry price, in favour of the position, so <= 0 (currency per unit)."""
        return min(0.0, self._excursion(self.worst_price))

    @property
    def max_favorable_excursion_pct(self):
        """Maximum favourable excursion as a fraction of the entry price."""
        return self._pct(self.max_favorable_excursion)

    @property
    def max_adverse_excursion_pct(self):
        """Maximum adverse excursion as a fraction of the entry price."""
        return self._pct(self.max_adverse_excursion)

    @property
    def features(self):
        """Signals and indicators of the asset that are known, by name."""
        if self.given_features is None:
            self.given_features = self._features()
        return self.given_features

    @property
    def market_features(self):
        """Market-wide values that are known, by name."""
        if self.given_market_features is None:
            self.given_market_features = self._market_features()
        return self.given_market_features

    def __getitem__(self, name):
        """The value of a column, or of a field of the bar: ``context["vix"]``."""
        if name in BAR_COLUMNS:
            return getattr(self, name)
        for values in (self.features, self.market_features):
            if name in values:
                return values[name]
        raise KeyError(unknown_name(name, [*self.features, *self.market_features]))

    def frozen(self, column):
        """Return a column's value as read when the position opened; NaN while it has none.

        Raises
        ------
        KeyError
            If the rule did not name the column in its ``frozen_columns``.
        """
        return self._frozen(column)[0]

    def price_parameter(self, price, below=False):
        """Return a rule's absolute price in the units of today.

        Parameters
        ----------
        price : float or str
            A number, in the units of the day the position opened; or a frozen column, in those of the row
            it was read from.
        below : bool
            Whether it lies below the market (a long's stop, a short's target), where dividends since
            then have lowered it.
        """
        if not isinstance(price, str):
            return self.in_todays_units(price) - (self.dividend_sum if below else 0.0)
        value, _, ratio, paid = self._frozen(price)
        level = self.in_todays_units(value, price)
        return level - (self.dividend_sum - paid / (self.split_ratio / ratio) if below else 0.0)

    def live(self, column):
        """Return a column's value as read at this close, at an opening as :meth:`frozen` reads it; NaN without one.

        Raises
        ------
        KeyError
            If the rule did not name the column in its ``live_columns``.
        """
        return self._live(column)[0]

    def in_todays_units(self, value, column=None, live=False):
        """Return a price or a distance divided by the splits since its day.

        Parameters
        ----------
        value : float
            Currency per unit.
        column : str, optional
            The column whose row it was read from; None for the day the position opened.
        live : bool
            Whether it is a live column, not a frozen one.
        """
        if column is None:
            splits_before, ratio = 1.0, 1.0
        else:
            splits_before, ratio = (self._live(column) if live else self._frozen(column))[1:3]
        return value / (splits_before * (self.split_ratio / ratio))

    cdef object _frozen(self, object column):
        try:
            return self.frozen_inputs[column]
        except (KeyError, TypeError):
            raise KeyError(
                f"column {column!r} is not frozen: name it in the rule's frozen_columns"
            ) from None

    cdef object _live(self, object column):
        try:
            return self.frozen_inputs[column, "live"]
        except (KeyError, TypeError):
            raise KeyError(f"column {column!r} is not live: name it in the rule's live_columns") from None

    # Best and worst price have fallen with the dividends: so does what they are measured from.
    cdef object _excursion(self, double price):
        return (price - (self.entry_price - self.dividend_average)) * self.side

    cdef object _pct(self, double move):
        return NAN if self.entry_price == 0.0 else move / fabs(self.entry_price)

    cdef object _features(self):
        if self.provider is not None and self.feature_row >= 0:
            return self.provider.get_features(self.asset_id, self._known_time(self.feature_row))
        return features_at(self.data, self.feature_row)

    cdef object _market_features(self):
        if self.provider is not None and self.context_t >= 0:
            return self.provider.get_market_features(
                pd.Timestamp(self.data.time[self.context_t], tz="UTC")
            )
        return context_at(self.data, self.context_t)

    cdef object _known_time(self, int64_t row):
        t = self.data.offsets.searchsorted(row, side="right") - 1
        return pd.Timestamp(self.data.timestamps[t], tz="UTC")

    def __repr__(self):
        moment = "opening" if self.opening else "close"
        return (
            f"RiskContext({self.asset_id!r}, {moment} of {self.timestamp}, "
            f"quantity={self.position_quantity}, entry_price={self.entry_price})"
        )


seal(RiskContext)


# Everything a rule may look at now. At an opening the bar is not known yet, unless sees_bar. Who builds
# it adds the provider and the frozen inputs.
cdef RiskContext context_of(
    const Position* position, Cursor cursor, Account account, const Settings* settings,
    bint opening, bint sees_bar
):
    cdef RiskContext context = RiskContext.__new__(RiskContext)
    cdef int32_t asset = position.asset
    look(&context.view, position, cursor, account, settings, opening, sees_bar)
    context.data = cursor.data
    context.asset_id = cursor.data.assets[asset]
    context.feature_row = cursor.row[asset] if sees_bar else cursor.row_before(asset)
    context.context_t = cursor.t if sees_bar else cursor.t - 1
    context.exits_at_close = settings.exit_at_close
    context.sessions = cursor.sessions
    context.time_before = cursor.time_before()
    return context


cdef int64_t _nanoseconds(time) except? -1:
    if time is None:
        return 0
    stamp = pd.Timestamp(time)
    return (stamp.tz_localize("UTC") if stamp.tz is None else stamp).as_unit("ns").value


def _numbers(mapping):
    return {name: float(value) for name, value in (mapping or {}).items()}
