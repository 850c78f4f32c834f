"""What arrays must be before C walks over them: looked at once, where they come in."""

from libc.stdint cimport INT64_MIN, int8_t, int32_t, int64_t

from ml4t.backtest.core.ranges cimport (
    LEAST_PRICE, MOST_PRICE, is_dividend, is_price, is_signed_price, is_split, is_split_product, is_volume,
)
from ml4t.backtest.core.types cimport ACTION_DIVIDEND, ACTION_SPLIT

from ml4t.backtest.core import ranges


# The rows of time t are offset[t]..offset[t + 1], and within them assets increase.
cdef int check_walk(
    const int64_t* time, const int64_t* offset, int64_t n_times, const int32_t* asset, int64_t n_rows,
    int64_t n_assets
) except -1:
    cdef int64_t t
    cdef int64_t row
    cdef int64_t before = INT64_MIN
    cdef int32_t last
    if offset[0] != 0 or offset[n_times] != n_rows:
        raise ValueError(
            f"offsets must begin at 0 and end at the number of rows, {n_rows}; they go from "
            f"{offset[0]} to {offset[n_times]}"
        )
    for t in range(n_times):
        if time[t] <= before:
            raise ValueError(
                f"timestamps must increase: {time[t]} at position {t} does not come after "
                + ("the earliest there is" if t == 0 else f"{before}")
            )
        before = time[t]
        if not offset[t] <= offset[t + 1] <= n_rows:
            raise ValueError(
                f"offsets must not fall nor pass the {n_rows} rows: {offset[t]} at position {t} is "
                f"followed by {offset[t + 1]}"
            )
        last = -1
        for row in range(offset[t], offset[t + 1]):
            if not last < asset[row] < n_assets:
                return _refuse_code(row, asset[row], last, n_assets)
            last = asset[row]
    return 0


cdef int _refuse_code(int64_t row, int32_t code, int32_t last, int64_t n_assets) except -1:
    if 0 <= code < n_assets:
        raise ValueError(
            f"asset_codes must increase within a timestamp: row {row} has {code} after {last}"
        )
    raise ValueError(
        f"asset_codes must be positions in assets, 0 to {n_assets - 1}: row {row} has {code}"
    )


cdef int check_bars(
    const double* open_, const double* high, const double* low, const double* close, int64_t n_rows,
    const int32_t* asset, const int8_t* is_signed
) except -1:
    cdef int64_t row
    for row in range(n_rows):
        if not (
            low[row] >= LEAST_PRICE and high[row] <= MOST_PRICE
            and low[row] <= open_[row] <= high[row] and low[row] <= close[row] <= high[row]
        ):
            _refuse_bar(row, open_[row], high[row], low[row], close[row], is_signed[asset[row]])
    return 0


# A bar of an asset whose prices may be negative comes here, too, and need not be wrong.
cdef int _refuse_bar(
    int64_t row, double open_, double high, double low, double close, bint signed
) except -1:
    for name, price in (("close", close), ("low", low), ("high", high), ("open", open_)):
        if not (is_signed_price(price) if signed else is_price(price)):
            either = "0 or, on either side of it, " if signed else ""
            raise ValueError(
                f"{name} must be {either}a price in {ranges.PRICE}, was {price} in row {row}"
            )
    for name, price in (("low", low), ("open", open_), ("close", close)):
        if not low <= price <= high:
            raise ValueError(
                f"{name} must lie between low and high: row {row} has {price}, low {low}, "
                f"high {high}"
            )
    return 0


cdef int check_volumes(const double* volume, int64_t n_rows) except -1:
    cdef int64_t row
    for row in range(n_rows):
        if not is_volume(volume[row]):
            raise ValueError(
                f"volume must be NaN or in {ranges.VOLUME}, was {volume[row]} in row {row}"
            )
    return 0


cdef int check_quotes(str name, const double* quote, int64_t n_rows) except -1:
    cdef int64_t row
    for row in range(n_rows):
        if not (is_price(quote[row]) or quote[row] != quote[row]):
            raise ValueError(
                f"{name} must be NaN or a price in {ranges.PRICE}, was {quote[row]} in row {row}"
            )
    return 0


# Bars carried into a chunk are those of its first timestamp or of earlier ones.
cdef int check_carried(const int64_t* carried, int64_t n_carried, int64_t now) except -1:
    cdef int64_t row
    for row in range(n_carried):
        if not INT64_MIN < carried[row] <= now:
            raise ValueError(
                f"carried_times must not be after the first timestamp, {now}: that of row {row} is "
                f"{carried[row]}"
            )
    return 0


def check_actions(actions, assets):
    """Refuse corporate actions that no run can apply.

    Parameters
    ----------
    actions : structured array of dtype ``ACTION``
    assets : tuple

    Raises
    ------
    ValueError
        If they are not in order of (time, kind, asset), name no asset or no kind, or if a split, all
        splits of an asset multiplied, or a dividend is out of its range.
    """
    before = None
    product = dict.fromkeys(assets, 1.0)
    for i, (time, asset, kind, value) in enumerate(actions.tolist()):
        if not 0 <= asset < len(assets):
            raise ValueError(
                f"actions: asset must be a position in assets, 0 to {len(assets) - 1}, was {asset} "
                f"in action {i}"
            )
        if before is not None and (time, kind, asset) < before:
            raise ValueError(
                f"actions must be in order of (time, kind, asset): action {i} belongs before the "
                "one ahead of it"
            )
        before = time, kind, asset
        if kind == ACTION_SPLIT:
            _check_split(product, assets[asset], value)
        elif kind == ACTION_DIVIDEND:
            _check_dividend(assets[asset], value)
        else:
            raise ValueError(
                f"actions: kind must be {<int> ACTION_SPLIT} (split) or {<int> ACTION_DIVIDEND} "
                f"(dividend), was {kind} in action {i}"
            )


cdef int _check_split(dict product, asset, double ratio) except -1:
    if not is_split(ratio):
        raise ValueError(f"actions: a split must be in {ranges.SPLIT}, was {ratio} of {asset!r}")
    product[asset] *= ratio
    if not is_split_product(product[asset]):
        raise ValueError(
            f"actions: the splits of {asset!r}, multiplied, must stay in {ranges.SPLIT_PRODUCT}, "
            f"were {product[asset]}"
        )
    return 0


cdef int _check_dividend(asset, double dividend) except -1:
    if not is_dividend(dividend):
        raise ValueError(
            f"actions: a dividend must be positive and at most {ranges.DIVIDEND.most:g}, was "
            f"{dividend} of {asset!r}"
        )
    return 0
