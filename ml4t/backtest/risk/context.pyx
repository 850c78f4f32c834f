"""RiskContext: all a rule may look at, at one moment of one position."""

cimport cython
from libc.math cimport NAN
from libc.stdint cimport int32_t, int64_t

import pandas as pd

from ml4t.backtest.core.sealed cimport seal
from ml4t.backtest.core.settings cimport Settings
from ml4t.backtest.market.cursor cimport Cursor
from ml4t.backtest.market.values cimport context_at, features_at
from ml4t.backtest.portfolio.account cimport Account
from ml4t.backtest.portfolio.armed_levels cimport level_or_nan
from ml4t.backtest.portfolio.position cimport Position

_NUMBERS = (
    "open", "high", "low", "close", "volume", "bid", "ask", "position_quantity", "entry_price",
    "level_price", "water_mark", "best_price", "worst_price", "stop_loss_price",
    "take_profit_price", "equity", "cash",
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
        **numbers,
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
        features, market_features, frozen : mapping of name to number, optional
        **numbers
            Any other field by name; NaN where not given, ``level_price`` and the water marks the entry
            price.

        Raises
        ------
        TypeError
            If a name is not a field.
        """
        cdef RiskContext self = RiskContext.__new__(RiskContext)
        unknown = set(numbers) - set(_NUMBERS)
        if unknown:
            raise TypeError(f"RiskContext has no field {sorted(unknown)[0]!r}; it has {_NUMBERS}")
        value = {name: float(numbers.get(name, NAN)) for name in _NUMBERS}
        for name in ("level_price", "water_mark", "best_price", "worst_price"):
            if name not in numbers:
                value[name] = value["entry_price"]
        self.asset_id = asset_id
        self.timestamp_ns = _nanoseconds(timestamp)
        self.entry_time_ns = _nanoseconds(entry_time)
        self.opening = opening
        self.bars_held = bars_held
        self.split_ratio = float(split_ratio)
        self.open = value["open"]
        self.high = value["high"]
        self.low = value["low"]
        self.close = value["close"]
        self.volume = value["volume"]
        self.bid = value["bid"]
        self.ask = value["ask"]
        self.position_quantity = value["position_quantity"]
        self.entry_price = value["entry_price"]
        self.level_price = value["level_price"]
        self.water_mark = value["water_mark"]
        self.best_price = value["best_price"]
        self.worst_price = value["worst_price"]
        self.stop_loss_price = value["stop_loss_price"]
        self.take_profit_price = value["take_profit_price"]
        self.equity = value["equity"]
        self.cash = value["cash"]
        self.gross = (
            abs(self.position_quantity) * self.current_price
            if gross_exposure is None else float(gross_exposure)
        )
        self.given_features = _numbers(features)
        self.given_market_features = _numbers(market_features)
        self.frozen_inputs = {name: (v, 1.0) for name, v in _numbers(frozen).items()}
        return self

    @property
    def timestamp(self):
        """Time of the moment, a UTC ``pandas.Timestamp``."""
        return pd.Timestamp(self.timestamp_ns, tz="UTC")

    @property
    def entry_time(self):
        """Time of the opening, a UTC ``pandas.Timestamp``."""
        return pd.Timestamp(self.entry_time_ns, tz="UTC")

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
        return self.gross / self.equity if self.equity > 0.0 else NAN

    @property
    def unrealized_pnl(self):
        """(current price - entry price) x quantity (currency)."""
        return (self.current_price - self.entry_price) * self.position_quantity

    @property
    def unrealized_pnl_pct(self):
        """Move of the price in favour of the position, as a fraction of the entry price."""
        return self._pct(self.current_price)

    @property
    def max_favorable_excursion(self):
        """Best price less entry price, in favour of the position (currency per unit)."""
        return (self.best_price - self.entry_price) * self.side

    @property
    def max_adverse_excursion(self):
        """Worst price less entry price, in favour of the position, so <= 0 (currency per unit)."""
        return (self.worst_price - self.entry_price) * self.side

    @property
    def max_favorable_excursion_pct(self):
        """Maximum favourable excursion as a fraction of the entry price."""
        return self._pct(self.best_price)

    @property
    def max_adverse_excursion_pct(self):
        """Maximum adverse excursion as a fraction of the entry price."""
        return self._pct(self.worst_price)

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

    def frozen(self, column):
        """Return a column's value as read when the position opened; NaN while it has none.

        Raises
        ------
        KeyError
            If the rule did not name the column in its ``frozen_columns``.
        """
        return self._frozen(column)[0]

    def price_parameter(self, price):
        """Return a rule's absolute price in the units of today.

        Parameters
        ----------
        price : float or str
            A number, in the units of the day the position opened; or a frozen column.
        """
        if not isinstance(price, str):
            return price / self.split_ratio
        value, ratio = self._frozen(price)
        return value / (self.split_ratio / ratio)

    cdef object _frozen(self, object column):
        try:
            return self.frozen_inputs[column]
        except (KeyError, TypeError):
            raise KeyError(
                f"column {column!r} is not frozen: name it in the rule's frozen_columns"
            ) from None

    cdef object _pct(self, double price):
        return (price - self.entry_price) * self.side / self.entry_price

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
    cdef int64_t row = cursor.row[asset]
    context.data = cursor.data
    context.asset_id = cursor.data.assets[asset]
    context.timestamp_ns = cursor.now
    context.opening = opening
    context.open = cursor.data.open_[row]
    context.high = context.low = context.close = NAN
    context.volume = context.bid = context.ask = NAN
    context.feature_row = cursor.row_before(asset)
    context.context_t = cursor.t - 1
    if sees_bar:
        context.high = cursor.data.high_[row]
        context.low = cursor.data.low_[row]
        context.close = cursor.data.close_[row]
        if cursor.data.volume_ != NULL:
            context.volume = cursor.data.volume_[row]
        if cursor.data.bid_ != NULL:
            context.bid = cursor.data.bid_[row]
        if cursor.data.ask_ != NULL:
            context.ask = cursor.data.ask_[row]
        context.feature_row = row
        context.context_t = cursor.t
    context.position_quantity = position.quantity
    context.entry_price = position.entry_price
    context.entry_time_ns = position.entry_time
    context.bars_held = position.bars_held
    context.level_price = (
        position.basis if settings.level_basis_signal_close
        else position.entry_price
    )
    context.water_mark = position.water
    context.best_price = position.best
    context.worst_price = position.worst
    context.split_ratio = position.split_ratio
    context.stop_loss_price = level_or_nan(position.levels.stop)
    context.take_profit_price = level_or_nan(position.levels.target)
    context.cash = account.cash
    context.equity = account.equity()
    context.gross = account.gross()
    return context


cdef int64_t _nanoseconds(time) except? -1:
    if time is None:
        return 0
    stamp = pd.Timestamp(time)
    return (stamp.tz_localize("UTC") if stamp.tz is None else stamp).as_unit("ns").value


def _numbers(mapping):
    return {name: float(value) for name, value in (mapping or {}).items()}
