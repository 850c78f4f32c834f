"""Tables in, MarketData out: reading, checking and point-in-time joins."""

from ml4t.backtest.data.errors import DataError, DataWarning, LookAheadError
from ml4t.backtest.data.market_data import MarketData
from ml4t.backtest.data.options import Table
from ml4t.backtest.data.report import Finding, ValidationReport
from ml4t.backtest.data.tables import market_data
from ml4t.backtest.data.validate import validate

__all__ = [
    "DataError",
    "DataWarning",
    "Finding",
    "LookAheadError",
    "MarketData",
    "Table",
    "ValidationReport",
    "market_data",
    "validate",
]
