import datetime as dt
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, SupportsFloat

import pandas as pd
from numpy.typing import ArrayLike
from typing_extensions import disjoint_base

from ml4t.backtest.execution.broker import Broker
from ml4t.backtest.execution.views import Fill, Order
from ml4t.backtest.market.cross_section import CrossSection
from ml4t.backtest.market.event import MarketEvent
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.portfolio.portfolio import Portfolio
from ml4t.backtest.portfolio.views import PositionLevels, PositionTradeState
from ml4t.backtest.risk.manager import RiskManager

@disjoint_base
class Strategy:
    # None outside of a run, where a strategy has no business with them.
    @property
    def data(self) -> MarketData: ...
    @property
    def broker(self) -> Broker: ...
    @property
    def portfolio(self) -> Portfolio: ...
    @property
    def risk(self) -> RiskManager: ...
    def on_start(self) -> None: ...
    def on_end(self) -> None: ...
    def on_fill(self, fill: Fill) -> None: ...
    def on_order(self, order: Order) -> None: ...
    def on_market_data(self, event: MarketEvent) -> None: ...
    def on_timestamp_batch(
        self, timestamp: pd.Timestamp, events: CrossSection, context: Mapping[str, float]
    ) -> None: ...
    @property
    def equity(self) -> float: ...
    @property
    def cash(self) -> float: ...
    @property
    def session(self) -> dt.date: ...
    @property
    def minutes_since_open(self) -> float: ...
    @property
    def minutes_to_close(self) -> float: ...
    @property
    def is_early_close(self) -> bool: ...
    @property
    def local_time(self) -> pd.Timestamp: ...
    def quantity(self, asset: Any) -> float: ...
    def quantity_after_orders(self, asset: Any) -> float: ...
    def pending(self, asset: Any) -> float: ...
    def position(self, asset: Any) -> PositionTradeState: ...
    def levels(self, asset: Any) -> PositionLevels: ...
    def positions(self) -> list[PositionTradeState]: ...
    def open_orders(self, asset: Any = None) -> list[Order]: ...
    def buy(
        self,
        asset: Any,
        quantity: SupportsFloat | None = None,
        *,
        value: SupportsFloat | None = None,
        percent: SupportsFloat | None = None,
        risk: SupportsFloat | None = None,
        size_at: Literal["close", "fill"] = "close",
        limit: SupportsFloat | None = None,
        stop: SupportsFloat | None = None,
        trail: SupportsFloat | None = None,
        trail_percent: SupportsFloat | None = None,
        fill_at: Literal["next_open", "next_close"] | None = None,
        valid: Literal["gtc", "day", "ioc", "fok"] = "gtc",
        valid_until: datetime | str | None = None,
        stop_loss: SupportsFloat | None = None,
        take_profit: SupportsFloat | None = None,
        oco: Order | None = None,
    ) -> Order: ...
    def sell(
        self,
        asset: Any,
        quantity: SupportsFloat | None = None,
        *,
        value: SupportsFloat | None = None,
        percent: SupportsFloat | None = None,
        risk: SupportsFloat | None = None,
        size_at: Literal["close", "fill"] = "close",
        limit: SupportsFloat | None = None,
        stop: SupportsFloat | None = None,
        trail: SupportsFloat | None = None,
        trail_percent: SupportsFloat | None = None,
        fill_at: Literal["next_open", "next_close"] | None = None,
        valid: Literal["gtc", "day", "ioc", "fok"] = "gtc",
        valid_until: datetime | str | None = None,
        stop_loss: SupportsFloat | None = None,
        take_profit: SupportsFloat | None = None,
        oco: Order | None = None,
    ) -> Order: ...
    def close(
        self, asset: Any, *, fill_at: Literal["next_open", "next_close"] | None = None
    ) -> Order | None: ...
    def order_target_percent(self, asset: Any, percent: SupportsFloat) -> Order | None: ...
    def order_target_value(self, asset: Any, value: SupportsFloat) -> Order | None: ...
    def order_target_quantity(self, asset: Any, quantity: SupportsFloat) -> Order | None: ...
    def order_target_weights(
        self,
        weights: Mapping[Any, SupportsFloat] | pd.Series | ArrayLike,
        *,
        keep_others: bool = False,
    ) -> int: ...
    def modify(
        self,
        order: Order,
        *,
        quantity: SupportsFloat | None = None,
        limit: SupportsFloat | None = None,
        stop: SupportsFloat | None = None,
    ) -> None: ...
    def cancel(self, order: Order) -> None: ...

class CompiledStrategy(Strategy): ...
