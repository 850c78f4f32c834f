import numpy as np
from numpy.typing import NDArray

from ml4t.backtest.data.arrays import Float64s, Int32s, Int64s, Marks

def is_ordered(times: Int64s, assets: Int32s) -> bool: ...
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
def held_rows(
    offsets: Int64s,
    first_t: int,
    assets: Int32s,
    held: NDArray[np.uint8],
    change_t: Int64s,
    change_asset: Int32s,
    change_held: NDArray[np.uint8],
) -> Marks: ...
