"""Notes on what the data can and cannot tell."""

from collections.abc import Iterator

import pandas as pd

from ml4t.backtest.records.shown_times import ShownTimes
from ml4t.backtest.report.reported_run import ReportedRun
from ml4t.backtest.report.wording import duration, listed, moment, plural


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


def columns_left_out(run: ReportedRun) -> Iterator[str]:
    """Columns of the prices that hold no numbers."""
    names = run.info.get("left_out")
    if names:
        yield f"Columns of the prices that are no numbers were left out: {listed(list(names))}."


def bars_stretched(run: ReportedRun) -> Iterator[str]:
    """Prices a last bit outside of their bar."""
    count = run.info.get("stretched_bars")
    if count:
        yield (
            f"High and low of {plural(count, 'bar')} missed open or close by rounding, and were stretched "
            "to them."
        )


def falls_without_actions(run: ReportedRun) -> Iterator[str]:
    """Closes that fall as those of raw prices do at a split, where no actions were given."""
    falls = run.info.get("falls")
    if falls:
        times = ShownTimes.of_prices(run.info)
        (first,) = times.shown(pd.DatetimeIndex([falls["time"]], tz="UTC"))
        yield (
            f"{plural(falls['count'], 'close is', 'closes are')} about half of the one before, or less (the first "
            f"at {moment(first)}, {falls['asset']}), and no actions were given: where that is a split, give "
            "actions= or adjusted prices."
        )


def rows_dropped(run: ReportedRun) -> Iterator[str]:
    """Rows that the user has asked to drop."""
    count = run.info.get("repeated_rows")
    if count:
        yield f"{plural(count, 'row')} of prices stood there already, and were dropped."
    for table, n_rows in run.info.get("unknown_rows", {}).items():
        yield f"{plural(n_rows, 'row')} of {table} of assets without prices were dropped."


def gaps_of_a_walk(run: ReportedRun) -> Iterator[str]:
    """Time between the test parts of a walk, in which nothing ran."""
    count = run.info.get("gaps", 0)
    if count:
        yield (
            f"{plural(count, 'gap')} between the parts of the walk, in which nothing ran: they count as time out of the "
            "market, so that cagr, volatility, Sharpe ratio and turnover are nearer to zero than those of the time that was "
            "run, and a benchmark's return over a gap falls into the session behind it. measure(periods_per_year=252), say, "
            "and a benchmark with the dates of result.returns alone leave the gaps out of all but cagr and turnover."
        )


def under_a_month(run: ReportedRun) -> Iterator[str]:
    """Runs too short for measures of a year."""
    metrics, times = run.metrics, run.equity.index
    if metrics["timestamps"] and metrics["periods_per_year"] is None:
        yield (
            f"The run spans {duration(times[-1] - times[0])}, less than a month: nothing is "
            "annualised."
        )
