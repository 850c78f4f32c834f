"""Walk-forward: parts to train on and to test on, and one run made of the tests."""

from ml4t.backtest.walk_forward.combinatorial import CombinatorialPath, CombinatorialPurged
from ml4t.backtest.walk_forward.errors import WalkForwardError
from ml4t.backtest.walk_forward.out_of_sample import predict_out_of_sample
from ml4t.backtest.walk_forward.splitter import WalkForward

__all__ = [
    "CombinatorialPath",
    "CombinatorialPurged",
    "WalkForward",
    "WalkForwardError",
    "predict_out_of_sample",
]
