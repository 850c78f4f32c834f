"""What a picture is made of, whatever draws it: panels one below the other on one axis of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd

Times: TypeAlias = pd.DatetimeIndex  # without a zone: the clock on which the prices are written
Symbol = Literal["up", "down", "cross", "dash"]
Numbers = Literal["money", "percent", "price", "count", "ratio"]


@dataclass(frozen=True)
class Line:
    """A curve; NaN where it is broken off."""

    name: str
    time: Times
    values: np.ndarray
    color: str
    width: float = 1.2
    is_dashed: bool = False
    is_filled: bool = False  # down to zero


@dataclass(frozen=True)
class Candles:
    """A bar each: a line from low to high, a body from open to close."""

    name: str
    time: Times
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray


@dataclass(frozen=True)
class Columns:
    """A column each, from zero up."""

    name: str
    time: Times
    values: np.ndarray
    color: str


@dataclass(frozen=True)
class Marks:
    """Single points; ``texts`` are what is said of each where one can be pointed at."""

    name: str
    time: Times
    values: np.ndarray
    symbol: Symbol
    color: str
    texts: Sequence[str]


Shape = Line | Candles | Columns | Marks


@dataclass(frozen=True)
class Panel:
    """Shapes on one axis of values, in the order they are drawn."""

    label: str
    shapes: Sequence[Shape]
    numbers: Numbers
    height: float = 1.0


@dataclass(frozen=True)
class Picture:
    """Panels from top to bottom; ``zone`` is that of the clock, empty for dates and times without one."""

    title: str
    panels: Sequence[Panel]
    zone: str = ""
