"""Tables in, MarketData out: reading, checking, point-in-time joins, indicators."""

from ml4t.backtest.data.dataset import SavedTable, write_dataset
from ml4t.backtest.data.errors import DataError, DataWarning, LookAheadError
from ml4t.backtest.data.feed import DataFeed
from ml4t.backtest.data.indicators import (
    ATR,
    EWMA,
    Indicator,
    RealizedVolatility,
    RollingMax,
    RollingMin,
)
from ml4t.backtest.data.market_data import MarketData
from ml4t.backtest.data.options import Table
from ml4t.backtest.data.providers import (
    CallableFeatureProvider,
    FeatureProvider,
    PrecomputedFeatureProvider,
)
from ml4t.backtest.data.report import Finding, ValidationReport
from ml4t.backtest.data.tables import market_data
from ml4t.backtest.data.validate import validate

__all__ = [
    "ATR",
    "EWMA",
    "CallableFeatureProvider",
    "DataError",
    "DataFeed",
    "DataWarning",
    "FeatureProvider",
    "Finding",
    "Indicator",
    "LookAheadError",
    "MarketData",
    "PrecomputedFeatureProvider",
    "RealizedVolatility",
    "RollingMax",
    "RollingMin",
    "SavedTable",
    "Table",
    "ValidationReport",
    "market_data",
    "validate",
    "write_dataset",
]
