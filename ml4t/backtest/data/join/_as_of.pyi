from ml4t.backtest.data.arrays import Float64s, Int32s, Int64s, Marks

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
