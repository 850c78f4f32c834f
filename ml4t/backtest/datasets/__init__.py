"""Real market data for examples and tests."""

from ml4t.backtest.datasets.loaders import (
    load_aapl,
    load_aapl_actions,
    load_es_minutes,
    load_predictions,
    load_us_stocks,
    load_vix,
)

__all__ = [
    "load_aapl",
    "load_aapl_actions",
    "load_es_minutes",
    "load_predictions",
    "load_us_stocks",
    "load_vix",
]
