from ml4t.backtest.data.arrays import Float64s, Int32s, Int64s

def ordered_times(times: Int64s, assets: Int32s) -> int: ...
def check_rows(
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
def find_falls(
    assets: Int32s, closes: Float64s, part: float, last: Float64s
) -> tuple[int, int]: ...
