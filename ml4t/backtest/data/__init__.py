"""Tables in, MarketData out: reading, checking, point-in-time joins, indicators."""

from ml4t.backtest.data.assembly.from_tables import market_data
from ml4t.backtest.data.assembly.with_columns import with_columns as with_columns
from ml4t.backtest.data.errors import DataError, DataWarning, LookAheadError
from ml4t.backtest.data.features.indicators import (
    ATR,
    EWMA,
    RSI,
    SMA,
    Indicator,
    RealizedVolatility,
    RollingMax,
    RollingMin,
)
from ml4t.backtest.data.features.providers import (
    CallableFeatureProvider,
    FeatureProvider,
    PrecomputedFeatureProvider,
)
from ml4t.backtest.data.features.ta_lib import TALib
from ml4t.backtest.data.market_file import on_file as on_file
from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.data.stream.write_dataset import SavedTable, write_dataset
from ml4t.backtest.data.tables.options import Table
from ml4t.backtest.data.validation.findings import Finding, ValidationReport
from ml4t.backtest.data.validation.validate import validate
from ml4t.backtest.market.market_data import MarketData

__all__ = [
    "ATR",
    "EWMA",
    "RSI",
    "SMA",
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
    "TALib",
    "Table",
    "ValidationReport",
    "market_data",
    "validate",
    "write_dataset",
]
