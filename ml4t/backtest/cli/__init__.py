"""The command line ``ml4t-backtest``."""

from ml4t.backtest.cli.commands import app, main

__all__ = ["app", "main"]
