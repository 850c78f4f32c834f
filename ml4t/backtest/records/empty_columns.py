"""Columns without a value: NaN at every bar of a run."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.records.recorded_columns import recorded_columns

FIRST_LOOK = 64


def empty_columns(data: MarketData, among: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the names of the signals, indicators and context values that are NaN from end to end.

    Parameters
    ----------
    data : MarketData
        A run's, or one chunk of it. Carry-over rows are not looked at: they belong to the chunk before.
    among : sequence of str, optional
        Names to look at, as a trade carries them; None for all.
    """
    columns = recorded_columns(data, among)
    first = {False: data.n_carried, True: data.first_t}
    return tuple(
        name
        for name, (is_context, values) in columns.items()
        if _is_empty(values[first[is_context] :])
    )


def _is_empty(values: npt.NDArray[np.float64]) -> bool:
    """Tell whether no value is there but NaN. Most columns tell at the first look."""
    begin, look = 0, FIRST_LOOK
    while begin < len(values):
        if not np.isnan(values[begin : begin + look]).all():
            return False
        begin, look = begin + look, 8 * look
    return True
