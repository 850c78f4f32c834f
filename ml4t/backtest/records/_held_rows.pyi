import numpy as np
from numpy.typing import NDArray

def mark_held(
    offsets: NDArray[np.int64],
    first_t: int,
    assets: NDArray[np.int32],
    held: NDArray[np.uint8],
    change_t: NDArray[np.int64],
    change_asset: NDArray[np.int32],
    change_held: NDArray[np.uint8],
    marks: NDArray[np.uint8],
) -> None: ...
def marked_rows(
    marks: NDArray[np.uint8], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
