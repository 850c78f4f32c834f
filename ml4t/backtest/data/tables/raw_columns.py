"""Columns that were copied to memory of our own, read as Arrow's are.

Arrow looks at each array that it makes of memory, and releases the GIL meanwhile: beside
a strategy in Python, every column of every chunk would wait long to get it back.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


@dataclass(frozen=True, eq=False)
class RawColumn:
    """Values of eight bytes each, none of them null, of an Arrow type."""

    type: pa.DataType
    values: npt.NDArray[np.int64]

    def to_arrow(self) -> pa.Array:
        """Return the same as Arrow has it, without copying."""
        return pa.Array.from_buffers(self.type, len(self.values), [None, pa.py_buffer(self.values)])


@dataclass(frozen=True, eq=False)
class RawTable:
    """Columns by name, Arrow's or raw: what is asked of a ``pyarrow.Table`` of them."""

    column_names: list[str]
    columns: list[Any]
    num_rows: int

    def __getitem__(self, name: str) -> Any:
        return self.columns[self._positions[name]]

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.column_names)}
