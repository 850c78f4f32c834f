"""What a sweep returns: a table with a row for each trial, its best, its pictures, and any run again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from ml4t.backtest import html
from ml4t.backtest.result import DEEP, BacktestResult
from ml4t.backtest.setting_errors import nearest
from ml4t.backtest.sweep import pictures
from ml4t.backtest.sweep.alike import axis_of, is_alike, key_of
from ml4t.backtest.sweep.errors import SweepError
from ml4t.backtest.sweep.kept_returns import returns_frame
from ml4t.backtest.sweep.no_number import why_no_number
from ml4t.backtest.sweep.outcomes import Outcomes
from ml4t.backtest.sweep.space import Parameters, plain
from ml4t.backtest.sweep.trial import DONE, PRUNED, Runner

SHOWN = 5
OUTCOME = ("status", "error", "seconds")
"""The columns of a table beside parameters and measures."""


class SweepResult:
    """The trials of a sweep, in the order of their space.

    Attributes
    ----------
    parameters : list of dict
        Those of each trial.
    names : tuple of str
        Of the parameters.
    measures : tuple of str
    """

    def __init__(
        self,
        runner: Runner,
        names: Sequence[str],
        parameters: Sequence[Parameters],
        outcomes: Outcomes,
    ) -> None:
        self._runner = runner
        self._outcomes = outcomes
        self.parameters = list(parameters)
        self.names = tuple(names)
        self.measures = runner.measures.names

    def __len__(self) -> int:
        return len(self.parameters)

    @property
    def table(self) -> pd.DataFrame:
        """One row a trial: its parameters, its measures, ``status``, ``error`` and ``seconds``.

        ``status`` is done, failed, pruned or not run; what was not measured is NaN.
        """
        return self._table.copy(deep=DEEP)

    @cached_property
    def _table(self) -> pd.DataFrame:
        columns: dict[str, Any] = {
            name: [one.get(name) for one in self.parameters] for name in self.names
        }
        n = len(self)  # a sweep that was stopped may not know all of its trials
        for name in self.measures:
            columns[name] = _as_numbers(self._outcomes.values(name)[:n])
        columns["status"] = self._outcomes.status()[:n]
        columns["error"] = self._outcomes.errors()[:n]
        columns["seconds"] = self._outcomes.seconds()[:n]
        return pd.DataFrame(columns, index=pd.RangeIndex(len(self), name="trial"))

    @property
    def returns(self) -> pd.DataFrame:
        """Returns of the trials that were done: one row a session, one column a trial by its number.

        Raises
        ------
        SweepError
            If they were not kept (``keep_returns=True``), or no trial was done.
        """
        if not self._runner.keeps_returns:
            raise SweepError(
                "the returns of these trials were not kept: sweep with keep_returns=True; a journal then runs those again "
                "that lack them"
            )
        kept = self._outcomes.returns()
        if not kept:
            errors = [error for error in self._table["error"] if error]
            why = f"the first ended with {errors[0]}" if errors else "see the table"
            raise SweepError(f"no trial was done: {why}")
        return returns_frame(kept)

    def tried_returns(self) -> pd.DataFrame:
        """Return the :attr:`returns` with one column for equal parameters: a second run of them is no further trial."""
        returns = self.returns
        first: dict[Any, int] = {}
        for number in returns.columns:
            first.setdefault(key_of(self.parameters[number]), number)
        return returns[list(first.values())]

    @property
    def n_tried(self) -> int:
        """How many trials the best was chosen from: all that were done or pruned, those of equal parameters once."""
        tried = self._table["status"].isin([DONE, PRUNED])
        return len({key_of(self.parameters[number]) for number in self._table.index[tried]})

    def best(self, measure: str | None = None, *, lowest: bool = False) -> pd.Series:
        """Return the row of the highest value of a measure, the first of those that are equal.

        Parameters
        ----------
        measure : str, optional
            By default Sharpe ratio where it was measured, else the first.
        lowest : bool
            Take the lowest value instead.

        Raises
        ------
        SweepError
            If there is no such measure, or it has no value in any row.
        """
        name = self._measure(measure)
        values = pd.to_numeric(self._table[name], errors="coerce").to_numpy(float)
        if np.isnan(values).all():
            raise SweepError(self._said_without(name))
        place = np.nanargmin(values) if lowest else np.nanargmax(values)
        return self._table.iloc[int(place)].copy()

    def run(self, row: int | pd.Series) -> BacktestResult:
        """Run a trial again, for its whole result: the same to the last bit.

        Parameters
        ----------
        row : int or Series
            Its number, or its row of the table.

        Raises
        ------
        SweepError
            If there is no such row, or the trial of its number has other parameters.
        """
        number = row.name if isinstance(row, pd.Series) else row
        if not isinstance(number, int | np.integer) or not 0 <= number < len(self):
            raise SweepError(f"row must be a number from 0 to {len(self) - 1}, was {number!r}")
        parameters = self.parameters[int(number)]
        if isinstance(row, pd.Series):
            _check_is_of(row, parameters)
        return self._runner.result(parameters)

    def _said_without(self, measure: str) -> str:
        """Return what to say where no trial has a number for a measure, with the reason as far as it is known."""
        measured = self._runner.measures.of[measure]
        why = why_no_number(self._table, measure, measured, self.run)
        said = f"no trial has a number for {measure}"
        return f"{said}: {why or 'see it, and the column error, in the table'}"

    def heatmap(
        self,
        x: str,
        y: str,
        measure: str | None = None,
        path: Any = None,
        *,
        over: Literal["mean", "median", "max", "min"] = "mean",
        backend: Literal["matplotlib", "plotly"] | None = None,
    ) -> Any:
        """Draw a measure over two parameters.

        Parameters
        ----------
        x, y : str
            Parameters.
        measure : str, optional
            As for :meth:`best`.
        path : path, optional
            Where to write it.
        over : {"mean", "median", "max", "min"}
            What is shown of trials that differ in other parameters. The maximum shows what luck can do.
        backend : {"matplotlib", "plotly"}, optional
            By default matplotlib, and plotly for ``.html``.

        Raises
        ------
        SweepError
            If there is no such parameter or measure, or nothing to draw.
        ImportError
            If the library is not installed.
        """
        cells = self._cells(x, y, measure, over)
        return pictures.heatmap(cells, self._said(x, y, measure, over), path, backend)

    def surface(
        self,
        x: str,
        y: str,
        measure: str | None = None,
        path: Any = None,
        *,
        over: Literal["mean", "median", "max", "min"] = "mean",
    ) -> Any:
        """Draw a measure over two parameters as a surface, by plotly; arguments as for :meth:`heatmap`."""
        cells = self._cells(x, y, measure, over)
        return pictures.surface(cells, self._said(x, y, measure, over), path)

    def parallel_coordinates(self, measure: str | None = None, path: Any = None) -> Any:
        """Draw a line for each trial through all its parameters, coloured by a measure, by plotly.

        Parameters
        ----------
        measure, path : optional
            As for :meth:`heatmap`.
        """
        name = self._measure(measure)
        done = self._table[self._table["status"] == DONE]
        lines = done[[*self.names, name]]
        lines = lines.assign(**{one: self._axis(one, lines.index) for one in self.names})
        return pictures.parallel_coordinates(lines, name, path)

    def _axis(self, name: str, numbers: pd.Index) -> Any:
        return axis_of([self.parameters[number].get(name) for number in numbers])

    def _cells(self, x: str, y: str, measure: str | None, over: str) -> pd.DataFrame:
        for name in (x, y):
            if name not in self.names:
                raise SweepError(f"there is no parameter {name!r}; {nearest(name, self.names)}")
        if x == y:
            raise SweepError(f"x and y must be two parameters, were both {x!r}")
        if over not in ("mean", "median", "max", "min"):
            raise SweepError(f"over must be mean, median, max or min, was {over!r}")
        name = self._measure(measure)
        done = self._table[self._table["status"] == DONE]
        values = done.assign(**{name: pd.to_numeric(done[name], errors="coerce")})
        if values[name].isna().all():
            raise SweepError(f"no trial has a number for {name}: there is nothing to draw")
        values = values.assign(**{axis: self._axis(axis, values.index) for axis in (x, y)})
        return values.pivot_table(index=y, columns=x, values=name, aggfunc=over, observed=True)

    def _said(self, x: str, y: str, measure: str | None, over: str) -> str:
        others = [name for name in self.names if name not in (x, y)]
        return self._measure(measure) + (f" ({over} over {', '.join(others)})" if others else "")

    def _measure(self, measure: str | None) -> str:
        if measure is None:
            return "sharpe" if "sharpe" in self.measures else self.measures[0]
        if measure not in self.measures:
            raise SweepError(f"{measure!r} was not measured; {nearest(measure, self.measures)}")
        return measure

    def __repr__(self) -> str:
        counts = self._table["status"].value_counts()
        said = ", ".join(f"{count:,} {status}" for status, count in counts.items())
        return f"SweepResult({len(self):,} trials: {said})"

    def _repr_html_(self) -> str:
        shown = [*self.names, *self.measures, "status"]
        rows = [
            tuple(f"{value:.6g}" if isinstance(value, float) else str(value) for value in row)
            for row in self._table[shown].head(SHOWN).itertuples(index=False)
        ]
        more = "" if len(self) <= SHOWN else f"The first {SHOWN} of {len(self):,} trials."
        return html.page(html.heading(repr(self)), html.table(shown, rows), html.line(more))


def _check_is_of(row: pd.Series, parameters: Parameters) -> None:
    """Refuse a row of other parameters: it has lost its number, or is of another sweep."""
    for name, value in parameters.items():
        if name in row.index and not is_alike(row[name], value):
            raise SweepError(
                f"the row has {name} {plain(row[name])!r}, and trial {row.name} of this sweep has {value!r}: give a row of its own "
                "table with the number that it has there, or the number alone"
            )


def check_columns(names: Sequence[str], measures: Sequence[str]) -> None:
    """Refuse two columns of one name: the table would show one of them.

    Raises
    ------
    SweepError
    """
    for name in names:
        if name in (*measures, *OUTCOME):
            raise SweepError(
                f"the parameter {name} has the name of another column of the table: call it otherwise"
            )
    for name in measures:
        if name in OUTCOME:
            raise SweepError(
                f"the measure {name} has the name of another column of the table: call it otherwise"
            )


def _as_numbers(values: list[Any]) -> Any:
    """Return a column: numbers where all are, what is missing among them NaN."""
    if all(isinstance(one, int) and not isinstance(one, bool) for one in values):
        return values
    if all(one is None or (isinstance(one, int | float)) for one in values):
        return [float("nan") if one is None else float(one) for one in values]
    return values
