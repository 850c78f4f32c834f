"""What is measured of each trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ml4t.backtest.analytics.metrics import MEASURES
from ml4t.backtest.result import BacktestResult
from ml4t.backtest.setting_errors import nearest
from ml4t.backtest.sweep.errors import SweepError
from ml4t.backtest.sweep.space import plain

Measure = Callable[[BacktestResult], Any]
USUAL = ("total_return", "sharpe", "max_drawdown", "trades")
NO_NUMBERS = ("start", "end", "max_drawdown_duration", "exits_by_rule")


class Measures:
    """The measures of a sweep.

    Parameters
    ----------
    given : sequence of str, or mapping of name to function, optional
        Names of ``BacktestResult.metrics``; a mapping's values are names, too, or functions of a result.
    """

    def __init__(self, given: Sequence[str] | Mapping[str, str | Measure] | None = None) -> None:
        if isinstance(given, str):
            given = (given,)
        if not isinstance(given, Mapping | list | tuple | None):
            raise SweepError(
                f"measures must be names, or a mapping of names to functions, were {given!r}"
            )
        of: Mapping[str, Any] = (
            given if isinstance(given, Mapping) else {name: name for name in given or USUAL}
        )
        if not of:
            raise SweepError("measures is empty: name at least one")
        self.of = dict(of)
        self.names = tuple(self.of)
        for name, measure in self.of.items():
            if not isinstance(name, str):
                raise SweepError(
                    f"the name of a measure must be text, was {name!r}: give functions in a mapping"
                )
            if not callable(measure):
                _check_name(measure)
        self._asked = tuple(one for one in self.of.values() if isinstance(one, str))
        self.are_named = len(self._asked) == len(self.of)
        """Whether each is one that a result has, and no function looks at the rest."""

    def __call__(self, result: BacktestResult) -> tuple[Any, ...]:
        """Return what was measured, in order."""
        known = result.measure(only=self._asked) if self._asked else {}
        if self.are_named:
            return tuple([known[one] for one in self._asked])
        return tuple(
            known[one] if isinstance(one, str) else _number(name, one(result))
            for name, one in self.of.items()
        )


def _check_name(measure: Any) -> None:
    if not isinstance(measure, str) or measure not in MEASURES:
        raise SweepError(f"there is no measure {measure!r}; {nearest(measure, MEASURES)}")


def _number(name: str, value: Any) -> Any:
    value = plain(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"measure {name} must be a number or text, was {type(value).__name__}")
