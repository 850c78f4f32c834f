"""The fields of a run file: which arguments of a run they hold, and which settings."""

from ml4t.backtest.config import BacktestConfig

ACCOUNT = {"initial_cash": "initial_cash", "account": "kind", "max_leverage": "max_leverage"}
"""Settings of ``BacktestConfig`` that stand under ``account``, and what they are called there."""
OUTPUT = ("record_columns", "ledger")
"""Settings of ``BacktestConfig`` that stand under ``output``: what is kept of a run."""
EXECUTION = [name for name in BacktestConfig.model_fields if name not in {*ACCOUNT, *OUTPUT}]
"""Settings of ``BacktestConfig`` that stand under ``execution``."""

JOINED = ("signals", "features", "context")
"""Tables that are joined to the prices as of time."""
FEED_OPTIONS = ("chunk", "start", "end", "values", "prefetch")
"""Options of tables that only a feed has."""
TIME_OPTIONS = ("bar_time", "timezone", "stamps", "bar_length", "time_unit")
"""Options that say what times mean."""
ROW_OPTIONS = (
    "sort",
    "on_violation",
    "on_unknown_assets",
    "on_repeated_rows",
    "allow_negative_prices",
)
"""Options that say which rows are taken."""
OPTIONS = ("assets", "columns", *TIME_OPTIONS, *ROW_OPTIONS, *FEED_OPTIONS)
"""Options of the price table, which stand beside it under ``data``."""
TABLES = (*JOINED, "actions", *OPTIONS)
