"""A result with something in every table."""

import numpy as np
import pytest
from unit.made_up import busy_run

from ml4t.backtest import BacktestConfig, BacktestResult


@pytest.fixture(scope="session")
def busy():
    data, records = busy_run(3_000, 200)
    records["counters"] = {"ambiguous_bars": np.int64(2)}
    records["statistics"] = {"evaluations": np.int64(7), "exits_by_rule": {"StopLoss": 3}}
    return BacktestResult.from_run(
        records, data, BacktestConfig(), strategy_name="Busy", seconds=0.5
    )
