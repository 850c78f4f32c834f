from typing import Any, final

from ml4t.backtest.market.market_data import MarketData

@final
class FineBars:
    def __new__(cls, data: MarketData, assets: tuple[Any, ...]) -> FineBars: ...
