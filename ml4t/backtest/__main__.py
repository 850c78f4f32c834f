"""``python -m ml4t.backtest`` is the command ``ml4t-backtest``."""

from ml4t.backtest.cli import main

main()
