import numpy as np
from numpy.typing import NDArray

def leverage_and_drawdown(
    gross: NDArray[np.float64], equity: NDArray[np.float64], initial_cash: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
def underwater(
    timestamps: NDArray[np.int64], equity: NDArray[np.float64], initial_cash: float
) -> tuple[float, int]: ...
