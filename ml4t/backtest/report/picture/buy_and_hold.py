"""What the cash of a run would have become in one asset, bought at its first close and held."""

import numpy as np

from ml4t.backtest.report.picture.asset_bars import AssetBars

SPLIT = 0  # `kind` of an action


def buy_and_hold(bars: AssetBars, initial_cash: float, n_times: int) -> np.ndarray | None:
    """Return the equity of buying and holding at each timestamp of a run.

    All cash buys at the first close, fractions of a unit too, without costs. Splits change the units,
    dividends are kept as cash.

    Returns
    -------
    float64 array, shape (n_times,), or None
        None where the first close is no price to buy at, or there is none.
    """
    if len(bars) == 0 or bars.close[0] <= 0.0:
        return None
    units = np.full(len(bars), initial_cash / bars.close[0])
    paid = np.zeros(len(bars))
    # An action takes effect with the asset's next bar: until then old units have an old price.
    effective = np.searchsorted(bars.stamps, bars.actions["time"])
    for row, action in zip(effective, bars.actions, strict=True):
        if 0 < row < len(bars):
            if action["kind"] == SPLIT:
                units[row:] *= action["value"]
            else:
                paid[row:] += units[row] * action["value"]
    worth = np.concatenate([[initial_cash], units * bars.close + paid])
    return worth[np.searchsorted(bars.places, np.arange(n_times), "right")]
