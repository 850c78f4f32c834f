"""A run file with several values in place of some: a study."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.risk import RiskRule
from ml4t.backtest.runfile.changes import changed
from ml4t.backtest.runfile.run_file import RunFile
from ml4t.backtest.runfile.text import read_file
from ml4t.backtest.setting_errors import Location, field_path
from ml4t.backtest.sweep.errors import SweepError
from ml4t.backtest.sweep.space import Grid, grid

RANGE = {"from", "to", "step"}
MOST_VALUES = 100_000
NOT_SWEPT = ("rule", "assets", "rules")
"""What of a rule is no parameter."""
DIGITS = 12


class StudyFile:
    """A run file in which lists and ranges stand in place of values.

    Parameters
    ----------
    path : path
        Swept are the parameters of the strategy and of rules, and the settings of ``execution`` and
        ``account``: a list of values, or ``{from: 0.01, to: 0.1, step: 0.01}``.

    Raises
    ------
    RunFileError
        With a sentence for everything that is wrong with one of its runs.
    SweepError
        If there is no list in it, or a range is none.
    """

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        read = read_file(path)
        values = {field_path(where): (where, given) for where, given in _swept(read.content)}
        if not values:
            raise SweepError(
                f"{path.name} has nothing to sweep: give a list of values, or {{from: , to: , step: }}, in place of one"
            )
        listed = {name: _listed(name, given) for name, (_, given) in values.items()}
        self.space: Grid = grid(listed)
        for name, (where, _) in values.items():
            _put(read.content, where, self.space.values[name][0])
        self.run = RunFile._checked(read.content, path.parent.resolve(), read.place)
        for name, several in self.space.values.items():
            for value in several:  # what is out of range is said before anything runs
                self.run.replace({name: value})

    def made(self) -> RunOfStudy:
        """Return what makes the arguments of a run of parameters."""
        return RunOfStudy(self.run, self.space.names)

    def data(self) -> MarketData | Any:
        """Read the data of all runs."""
        self.run.check_files()
        return self.run.market_data()


class RunOfStudy:
    """Makes the arguments of ``run_backtest`` of fields of a run file.

    Parameters
    ----------
    run : RunFile
    names : sequence of str
        The fields that are given another value for each run.
    fine : MarketData, optional
        The finer series of the file, where it has been read.
    """

    def __init__(
        self, run: RunFile, names: tuple[str, ...], fine: MarketData | None = None
    ) -> None:
        self._run = run
        self._names = names
        self._fine = fine

    def __call__(self, **fields: Any) -> dict[str, Any]:
        run = self._run.replace(fields)
        return {
            "strategy": run.make_strategy(),
            "risk_manager": run.make_risk_manager(),
            "config": run.config(),
            "fine": self._fine_data(run),
        }

    def _fine_data(self, run: RunFile) -> MarketData | None:
        """Return the finer series, read once."""
        if self._fine is None and run.data.fine is not None:
            self._fine = run.fine_data()
        return self._fine

    @property
    def made_of(self) -> list[Any]:
        """What tells one study from another: the file without what is swept, and the classes it names."""
        described = changed(self._run.description(), dict.fromkeys(self._names))
        parts = {name: described[name] for name in ("strategy", "risk", "execution", "account")}
        manager = self._run.make_risk_manager()
        kinds = [type(self._run.make_strategy()), *_kinds_of(manager.rules)]
        return [parts, kinds, self._fine_data(self._run)]

    def __reduce__(self) -> tuple[Any, ...]:
        return RunOfStudy, (self._run, self._names, self._fine_data(self._run))


def _kinds_of(rules: Iterable[RiskRule]) -> Iterator[type]:
    """Yield the classes of rules, and of the members that some are made of."""
    for rule in rules:
        yield type(rule)
        members = getattr(rule, "rules", ())
        if isinstance(members, list | tuple):
            yield from _kinds_of(one for one in members if isinstance(one, RiskRule))


def _swept(content: Mapping[str, Any]) -> Iterator[tuple[Location, Any]]:
    """Yield the lists and ranges that stand in place of a value, and where they stand."""
    strategy = content.get("strategy")
    if isinstance(strategy, dict):
        yield from _in_fields(strategy.get("parameters"), ("strategy", "parameters"))
    risk = content.get("risk")
    if isinstance(risk, dict):
        yield from _in_rules(risk.get("rules"), ("risk", "rules"))
    for section in ("execution", "account"):
        yield from _in_fields(content.get(section), (section,))


def _in_rules(rules: Any, where: Location) -> Iterator[tuple[Location, Any]]:
    for place, rule in enumerate(rules if isinstance(rules, list) else ()):
        if isinstance(rule, dict):
            own = {name: value for name, value in rule.items() if name not in NOT_SWEPT}
            yield from _in_fields(own, (*where, place))
            yield from _in_rules(rule.get("rules"), (*where, place, "rules"))


def _in_fields(fields: Any, where: Location) -> Iterator[tuple[Location, Any]]:
    if not isinstance(fields, dict):
        return
    for name, value in fields.items():
        if isinstance(value, list) or (isinstance(value, dict) and set(value) == RANGE):
            yield (*where, name), value
        else:
            yield from _in_fields(value, (*where, name))


def _listed(name: str, given: Any) -> list[Any]:
    if isinstance(given, list):
        return given
    first, last, step = (given[key] for key in ("from", "to", "step"))
    numbers = all(
        isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one)
        for one in (first, last, step)
    )
    if not numbers or step <= 0 or last < first:
        raise SweepError(
            f"{name} must go from a number up to another by a positive step, was {given}"
        )
    n = int((last - first) / step + 1e-9) + 1
    if n > MOST_VALUES:
        raise SweepError(f"{name} has {n:,} values; at most {MOST_VALUES:,} are swept")
    # 0.01 + 2 * 0.01 is meant as 0.03.
    values = [first + place * step for place in range(n)]
    return [round(value, DIGITS) if isinstance(value, float) else value for value in values]


def _put(content: Any, where: Location, value: Any) -> None:
    *above, last = where
    for step in above:
        content = content[step]
    content[last] = value
