from typing import Any

import numpy.typing as npt

HUGE_PAGE: int

class Recycler:
    def __init__(self, n_values: int = 0) -> None: ...
    @property
    def n_bytes(self) -> int: ...
    def empty(self, n: int, dtype: npt.DTypeLike = ...) -> npt.NDArray[Any]: ...
