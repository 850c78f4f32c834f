"""What the loop calls that is not the strategy, watched: whatever it raises is known to be its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ml4t.backtest.data.features.computed_columns import ComputedColumns
from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.market.market_data import MarketData


class Watched:
    """Something the loop calls that is not the strategy; remembers what it raised.

    Parameters
    ----------
    name : str
        What it is, for messages.
    function : callable
    """

    def __init__(self, name: str, function: Callable[..., object]) -> None:
        self.name = name
        self.raised: Exception | None = None
        self._function = function

    def __call__(self, *arguments: Any) -> None:
        try:
            self._function(*arguments)
        except Exception as error:
            self.raised = error
            raise


class Chunks:
    """The chunks of a run, one after the other; remembers what asking for one raised.

    It holds no chunk itself: the memory of one that is done is for those to come.

    Parameters
    ----------
    data : MarketData or iterable of MarketData
    """

    def __init__(self, data: MarketData | Iterable[MarketData]) -> None:
        self.n_asked = 0
        self.raised: Exception | None = None
        self._data: Iterable[Any] = (data,) if isinstance(data, MarketData) else data
        self._iterator: Iterator[Any] | None = None
        self._columns: ComputedColumns | None = None

    def compute(self, columns: ComputedColumns) -> None:
        """Add columns to the chunks that are asked for from now on."""
        self._columns = columns

    @property
    def name(self) -> str:
        """What it is, for messages, and which chunk it was asked for last."""
        kind = "feed" if isinstance(self._data, DataFeed) else "iterable of chunks"
        return f"the {kind}, asked for chunk {self.n_asked}"

    def __iter__(self) -> Chunks:
        return self

    def __next__(self) -> MarketData:
        self.n_asked += 1
        try:
            if self._iterator is None:
                self._iterator = iter(self._data)
            chunk = _market_data(next(self._iterator), self.n_asked)
            return chunk if self._columns is None else self._columns.joined(chunk)
        except StopIteration:
            self.n_asked -= 1
            raise
        except Exception as error:
            self.raised = error
            raise

    def close(self) -> None:
        """Let go of a feed that was not read to its end."""
        close = getattr(self._iterator, "close", None)
        if close is not None:
            close()


def _market_data(chunk: Any, number: int) -> MarketData:
    if not isinstance(chunk, MarketData):
        raise TypeError(f"chunk {number} must be MarketData, was {type(chunk).__name__}")
    return chunk
