from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ml4t.backtest.data.arrays import Float64s, Int32s, Int64s, Marks

def ordered_times(times: Int64s, assets: Int32s) -> int: ...
def runs_backwards(times: Int64s, assets: Int32s, n_assets: int) -> Marks: ...
def previous_rows(assets: Int32s, n_assets: int) -> Int64s: ...
def sort_by_rank(ranks: Int64s, order: Int64s, n_ranks: int) -> Int64s: ...
def as_of_rows(
    times: Int64s,
    offsets: Int64s,
    assets: Int32s,
    published: Int64s,
    own_times: Int64s,
    value_assets: Int32s,
    n_assets: int,
) -> Int64s: ...
def repeats(published: Int64s, own_times: Int64s, assets: Int32s, n_assets: int) -> Marks: ...
def take_known(values: Float64s, rows: Int64s) -> Float64s: ...
def last_rows(assets: Int32s, n_assets: int) -> Int64s: ...
def count_times(times: Int64s) -> int: ...
def place_times(times: Int64s, timestamps: Int64s, offsets: Int64s) -> None: ...
def look_at(
    times: Int64s,
    assets: Int32s,
    opens: Float64s,
    highs: Float64s,
    lows: Float64s,
    closes: Float64s,
    volumes: Float64s,
    bids: Float64s,
    asks: Float64s,
) -> tuple[int, bool]: ...
def copy_arrays(sources: Sequence[Int64s] = ..., targets: Sequence[Int64s] = ...) -> None: ...
def mark_held(
    offsets: Int64s,
    first_t: int,
    assets: Int32s,
    held: NDArray[np.uint8],
    change_t: Int64s,
    change_asset: Int32s,
    change_held: NDArray[np.uint8],
    marks: NDArray[np.uint8],
) -> None: ...
def marked_rows(marks: NDArray[np.uint8], offsets: Int64s) -> tuple[Int64s, Int64s]: ...
