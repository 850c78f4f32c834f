"""Sessions of a walk are those of its configuration's calendar: in its parts and in what is measured of them."""

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest import BacktestConfig, MarketData, Sessions, Strategy
from ml4t.backtest.walk_forward import WalkForward, walk_forward


class Hold(Strategy):
    def on_market_data(self, event):
        if not self.position("A"):
            self.buy("A", percent=0.9)


@pytest.fixture(scope="module")
def data():
    """Every six hours, on weekends too."""
    times = pd.date_range("2024-01-01", periods=800, freq="6h", tz="UTC")
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(5).normal(0.0, 0.01, len(times))))
    frame = pd.DataFrame({"timestamp": times, "asset": "A"})
    return MarketData.from_tables(
        frame.assign(**dict.fromkeys(("open", "high", "low", "close"), close))
    )


@pytest.mark.parametrize("calendar", [None, "XNYS"])
def test_a_part_is_measured_as_its_run_is(data, calendar):
    config = BacktestConfig(calendar=calendar)
    walked = walk_forward(
        lambda train: {"strategy": Hold()}, data, WalkForward(30, 40), config=config
    )
    assert len(walked.results) > 1
    for part, run in zip(walked.parts.itertuples(), walked.results, strict=True):
        assert part.out_of_sample == pytest.approx(
            run.metrics["sharpe"] or np.nan, nan_ok=True, rel=0
        )
        assert len(run.returns) == 40 or run is walked.results[-1]
    weekend = any(run.returns.index.day_of_week.max() > 4 for run in walked.results)
    assert weekend == (calendar is None)


def test_a_calendar_that_ends_before_the_data_is_told_before_the_walk(data):
    days = pd.bdate_range("2023-12-29", "2024-03-29").strftime("%Y-%m-%d")
    table = [(day, f"{day}T09:00Z", f"{day}T17:00Z") for day in days]
    with pytest.raises(ValueError, match="ends with the session 2024-03-29"):
        walk_forward(
            lambda train: pytest.fail("a part was trained"),
            data,
            WalkForward(30, 40),
            config=BacktestConfig(calendar=Sessions(table=table)),
        )
