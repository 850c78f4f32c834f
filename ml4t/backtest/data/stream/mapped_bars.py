"""The bars of a feed in files that are mapped: memory holds what is looked at, wherever it stands."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.market.market_data import MarketData

KINDS = {
    "timestamps": np.int64,
    "offsets": np.int64,
    "asset_codes": np.int32,
    "open": np.float64,
    "high": np.float64,
    "low": np.float64,
    "close": np.float64,
}
"""What is written of each bar; the prices alone, no column beside them."""


def mapped_bars(feed: DataFeed) -> MarketData:
    """Read a feed once, and return its bars as market data that stand on disk.

    Parameters
    ----------
    feed : DataFeed

    Returns
    -------
    MarketData
        Times, assets and prices; the files go with it.

    Raises
    ------
    DataError
        If a chunk is not what it should be, or there is no room for the files.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="ml4t-bars-"))
    except OSError as error:
        raise DataError(
            f"the bars of a feed cannot be kept in a temporary folder: {error}"
        ) from error
    try:
        last = _write(feed, folder)
        data = _mapped(folder, last)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise DataError(f"the bars of a feed cannot be kept in {folder}: {error}") from error
        raise
    weakref.finalize(data, shutil.rmtree, folder, ignore_errors=True)
    return data


def _write(feed: DataFeed, folder: Path) -> MarketData:
    """Write all chunks, and return the last one without its rows."""
    n_rows, last = 0, None
    with ExitStack() as stack:
        files = {name: stack.enter_context((folder / name).open("wb")) for name in KINDS}
        np.zeros(1, np.int64).tofile(files["offsets"])
        for chunk in feed:
            for name, values in _own_rows(chunk, n_rows):
                values.astype(KINDS[name], copy=False).tofile(files[name])
            n_rows += chunk.n_rows - chunk.n_carried
            last = chunk
    if last is None or n_rows == 0:
        raise DataError("the feed has no bar")
    return last


def _own_rows(chunk: MarketData, n_before: int) -> Iterator[tuple[str, Any]]:
    """What a chunk has beyond what it carries over; offsets count the rows of all chunks."""
    first_t, first = chunk.first_t, chunk.n_carried
    yield "timestamps", chunk.timestamps[first_t:]
    yield "offsets", chunk.offsets[first_t + 1 :] - first + n_before
    yield "asset_codes", chunk.asset_codes[first:]
    for name in ("open", "high", "low", "close"):
        yield name, getattr(chunk, name)[first:]


def _mapped(folder: Path, like: MarketData) -> MarketData:
    columns = {
        name: np.asarray(np.memmap(folder / name, kind, mode="r")) for name, kind in KINDS.items()
    }
    return MarketData._wrap(
        like.assets,
        *columns.values(),
        info=dict(like.info),
        negative_prices=like.negative_prices,
    )
