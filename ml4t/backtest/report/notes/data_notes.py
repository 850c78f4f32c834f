"""Notes on what the data can and cannot tell."""

from collections.abc import Iterator

from ml4t.backtest.report.reported_run import ReportedRun
from ml4t.backtest.report.wording import duration, listed


def closes_only(run: ReportedRun) -> Iterator[str]:
    """Prices without open, high and low."""
    if run.info.get("closes_only"):
        yield (
            "The prices are closes only (open = high = low = close): stops and targets were seen at closes, "
            "and every fill is at a close."
        )


def columns_without_values(run: ReportedRun) -> Iterator[str]:
    """Signals, features and context values that are NaN at every bar."""
    names = [repr(name) for name in run.empty_columns]
    if names:
        yield (
            f"No bar has a value in {listed(names)}: NaN throughout, as where the times or assets of a table "
            "match none of the prices."
        )


def under_a_month(run: ReportedRun) -> Iterator[str]:
    """Runs too short for measures of a year."""
    metrics, times = run.metrics, run.equity.index
    if metrics["timestamps"] and metrics["periods_per_year"] is None:
        yield (
            f"The run spans {duration(times[-1] - times[0])}, less than a month: nothing is "
            "annualised."
        )
