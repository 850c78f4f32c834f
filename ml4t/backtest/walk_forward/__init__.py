"""Walk-forward: parts to train on and to test on, and one run made of the tests."""

from ml4t.backtest.walk_forward.best_of import BestOf, best_of
from ml4t.backtest.walk_forward.combinatorial import CombinatorialPath, CombinatorialPurged
from ml4t.backtest.walk_forward.errors import WalkForwardError
from ml4t.backtest.walk_forward.fitted import Fitted
from ml4t.backtest.walk_forward.out_of_sample import predict_out_of_sample
from ml4t.backtest.walk_forward.result import CombinatorialResult, WalkForwardResult
from ml4t.backtest.walk_forward.splitter import WalkForward
from ml4t.backtest.walk_forward.train_and_test import Piece
from ml4t.backtest.walk_forward.walk import walk_forward

__all__ = [
    "BestOf",
    "CombinatorialPath",
    "CombinatorialPurged",
    "CombinatorialResult",
    "Fitted",
    "Piece",
    "WalkForward",
    "WalkForwardError",
    "WalkForwardResult",
    "best_of",
    "predict_out_of_sample",
    "walk_forward",
]
