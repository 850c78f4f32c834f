import numpy as np
from numpy.typing import NDArray

def profit_sums(net_pnl: NDArray[np.float64]) -> tuple[int, float, int, float, float]: ...
def counted_exits(
    rule: NDArray[np.int32], reason: NDArray[np.int32], n_rules: int, n_reasons: int
) -> list[int]: ...
