from typing import Any, final

import numpy as np

@final
class RecordBuffer:
    count: int
    itemsize: int
    def __new__(cls, itemsize: int) -> RecordBuffer: ...
    def __len__(self) -> int: ...
    def to_array(self, dtype: Any) -> np.ndarray: ...
