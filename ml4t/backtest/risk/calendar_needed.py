"""Rules that ask for the end of the session need a calendar, and bars within sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml4t.backtest.risk.rule import InvalidRuleError

if TYPE_CHECKING:
    from ml4t.backtest.market.market_data import MarketData
    from ml4t.backtest.market.run_sessions import RunSessions


def check_calendar(name: str, sessions: RunSessions | None, data: MarketData) -> None:
    """Refuse a rule that no session of a run could tell anything.

    Parameters
    ----------
    name : str
        Of the rule, for the message.
    sessions : RunSessions, optional
    data : MarketData
        Of chunks, the first.

    Raises
    ------
    InvalidRuleError
        If there is no calendar, or each session has one timestamp alone.
    """
    if sessions is None:
        raise InvalidRuleError(
            f"{name} asks when sessions close, and the run has no calendar: set BacktestConfig(calendar=...), to the name of "
            "one or to Sessions(open=..., close=..., tz=...)"
        )
    if sessions.has_one_bar_each(data):
        raise InvalidRuleError(
            f"{name} leaves a position within its session, and each session of the prices has one bar alone: give bars of "
            "minutes or hours"
        )
