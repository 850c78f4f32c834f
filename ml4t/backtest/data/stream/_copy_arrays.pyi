from collections.abc import Sequence

from ml4t.backtest.data.arrays import Int64s

def copy_arrays(sources: Sequence[Int64s] = ..., targets: Sequence[Int64s] = ...) -> None: ...
