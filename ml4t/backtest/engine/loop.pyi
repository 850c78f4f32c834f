from collections.abc import Callable, Iterable
from typing import Any, final

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.engine.run_records import RunRecords
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.risk.manager import RiskManager
from ml4t.backtest.strategy.strategy import Strategy

@final
class EngineLoop:
    def __new__(
        cls,
        data: MarketData,
        strategy: Strategy,
        risk_manager: RiskManager,
        config: BacktestConfig,
        progress: Callable[[int, int], None] | None = None,
        n_times: int | None = None,
        n_rows: int | None = None,
        fine: MarketData | None = None,
    ) -> EngineLoop: ...
    @property
    def data(self) -> MarketData: ...
    @property
    def strategy(self) -> Strategy: ...
    @property
    def risk_manager(self) -> RiskManager: ...
    @property
    def n_chunks(self) -> int: ...
    def run(
        self,
        chunks: Iterable[MarketData] = (),
        on_chunk: Callable[[MarketData], object] | None = None,
    ) -> None: ...
    def tables(self) -> dict[str, Any]: ...
    def records(self) -> RunRecords: ...
    def where(self) -> str: ...
