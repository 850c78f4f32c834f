"""A run as a file: YAML or JSON in, a checked description, a result out."""

from ml4t.backtest.runfile.errors import ReproductionError, RunFileError
from ml4t.backtest.runfile.reproduce import reproduce
from ml4t.backtest.runfile.run_file import RunFile

__all__ = ["ReproductionError", "RunFile", "RunFileError", "reproduce"]
