"""Many runs: a space of parameters, workers of all kinds, a journal, and one table."""

from ml4t.backtest.sweep.errors import JournalError, SweepError
from ml4t.backtest.sweep.journal import read_returns
from ml4t.backtest.sweep.optuna_space import from_optuna
from ml4t.backtest.sweep.result import SweepResult
from ml4t.backtest.sweep.run_sweep import sweep
from ml4t.backtest.sweep.space import Space, between, grid, random
from ml4t.backtest.sweep.template import param

__all__ = [
    "JournalError",
    "Space",
    "SweepError",
    "SweepResult",
    "between",
    "from_optuna",
    "grid",
    "param",
    "random",
    "read_returns",
    "sweep",
]
