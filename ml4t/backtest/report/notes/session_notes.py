"""Notes on the sessions of a calendar."""

from collections.abc import Iterator

import pandas as pd

from ml4t.backtest.market.session_times import described
from ml4t.backtest.report.reported_run import ReportedRun
from ml4t.backtest.report.wording import plural


def outside_sessions(run: ReportedRun) -> Iterator[str]:
    """Timestamps at which the calendar has no session open."""
    count = run.counters.get("outside_sessions", 0)
    if count and run.config.calendar is not None:
        yield (
            f"{plural(count, 'timestamp')} outside the sessions of {described(run.config.calendar)}: those of a day with a "
            "session count to it, others to the next."
        )


def held_over_sessions(run: ReportedRun) -> Iterator[str]:
    """Positions that an exit before the close has not ended in their session."""
    trades, calendar = run.trades, run.config.calendar
    own = trades[(trades["reason"] == "session_exit").to_numpy()]
    if calendar is None or not len(own):
        return
    times, days = run.equity.index, run._session_days
    opened, ended = (
        days[times.searchsorted(pd.DatetimeIndex(own[name]))]
        for name in ("entry_time", "exit_time")
    )
    count = int((opened != ended).sum())
    if count:
        yield (
            f"{plural(count, 'position')} held beyond the session that a SessionExit was to end them in: opened too late, or "
            "no bar of the asset was left to fill in."
        )
