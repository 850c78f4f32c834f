"""A run twice: once with the worse side of every bar first, once with the better one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest import html
from ml4t.backtest.backtest.backtest_engine import Progress
from ml4t.backtest.backtest.fine_data import FINE_SIDES
from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.report.wording import moment, money, percent, period
from ml4t.backtest.result import BacktestResult

SIDES = ("adverse_first", "favourable_first")


@dataclass(frozen=True, repr=False)
class BoundsResult:
    """What ``run_backtest(..., bounds=True)`` returns: the results under both readings of a bar.

    Attributes
    ----------
    adverse, favourable : BacktestResult
        Under ``intrabar="adverse_first"`` and ``"favourable_first"``; with fine bars ``"fine"`` and
        ``"fine_favourable"``.
    """

    adverse: BacktestResult
    favourable: BacktestResult

    @property
    def ambiguous_bars(self) -> tuple[int, int]:
        """How many bars may have gone either way, in the adverse run and in the favourable one.

        From the first one on the runs hold different positions, and so they meet different bars.
        """
        adverse, favourable = (
            result.counters["ambiguous_bars"] for result in (self.adverse, self.favourable)
        )
        return adverse, favourable

    @cached_property
    def equity(self) -> pd.DataFrame:
        """Equity of both runs and how far it lies apart, favourable less adverse, by timestamp."""
        curves = {
            "adverse": self.adverse.equity["equity"],
            "favourable": self.favourable.equity["equity"],
        }
        frame = pd.DataFrame(curves)
        return frame.assign(apart=frame["favourable"] - frame["adverse"])

    @property
    def most_apart(self) -> tuple[pd.Timestamp, float]:
        """When the curves lie farthest apart, and by how much there: favourable less adverse, currency."""
        apart = self.equity["apart"]
        at = int(np.abs(apart.to_numpy()).argmax())
        return apart.index[at], float(apart.iloc[at])

    def _rows(self) -> list[tuple[str, str, str]]:
        forms = {
            "Final equity": ("final_equity", money),
            "Total return": ("total_return", percent),
            "Max drawdown": ("max_drawdown", percent),
            "Trades": ("trades", "{:,}".format),
        }
        both = self.adverse.metrics, self.favourable.metrics
        rows = [
            (label, form(both[0][name]), form(both[1][name]))
            for label, (name, form) in forms.items()
        ]
        adverse, favourable = self.ambiguous_bars
        return [*rows, ("Ambiguous bars", f"{adverse:,}", f"{favourable:,}")]

    def _sides(self) -> tuple[str, str]:
        return self.adverse.config.intrabar, self.favourable.config.intrabar

    def _headline(self) -> str:
        times = self.equity.index
        name = self.adverse.strategy_name or "unnamed strategy"
        return f"Bounds: {name}, {period(times[0], times[-1])}"

    def _verdict(self) -> str:
        time, apart = self.most_apart
        if apart == 0.0:
            return "The curves are the same."
        there = self.equity["adverse"].loc[time]
        part = f" ({percent(apart / there)} of the adverse)" if there > 0.0 else ""
        return (
            f"The curves lie at most {money(abs(apart))} apart{part}, at {moment(time)}, and "
            f"{money(abs(self.equity['apart'].iloc[-1]))} at the end."
        )

    def __str__(self) -> str:
        rows = [("", *self._sides()), *self._rows()]
        lines = [f"  {label:<20}{one:>18}{other:>18}" for label, one, other in rows]
        return "\n".join([self._headline(), "", *lines, "", self._verdict()])

    def _repr_html_(self) -> str:
        return html.page(
            html.heading(self._headline()),
            html.table(("", *self._sides()), self._rows()),
            html.line(self._verdict()),
        )

    def __repr__(self) -> str:
        adverse, favourable = (
            money(result.metrics["final_equity"]) for result in (self.adverse, self.favourable)
        )
        return f"BoundsResult(final equity {adverse} to {favourable})"


def run_bounds(
    run: Callable[[Mapping[str, Any], Progress | None], BacktestResult],
    own: Mapping[str, Any],
    progress: Progress | None,
) -> BoundsResult:
    """Run under both sides, each with copies of all that a run may change.

    Parameters
    ----------
    run : callable
        ``run(own, progress)`` runs once.
    own : mapping
        Strategy, rules, risk manager, config and fine bars of a run.
    progress : callable, optional
        Sees both runs as one of twice the length.

    Raises
    ------
    ValueError
        If the config asks for a third reading of bars.
    TypeError
        If strategy or rules cannot be copied.
    Exception
        What a run raises, with a note that says which of the two it was.
    """
    config = own["config"] or BacktestConfig()
    sides = SIDES if own["fine"] is None else FINE_SIDES
    if config.intrabar not in (*sides, "adverse_first"):
        raise ValueError(
            f"bounds=True runs under intrabar {' and '.join(sides)}: leave intrabar out of the config, was "
            f"{config.intrabar!r}"
        )
    runs = [{**own, **_copied(own), "config": config.replace(intrabar=side)} for side in sides]
    results = []
    for number, (side, its) in enumerate(zip(sides, runs, strict=True)):
        try:
            results.append(run(its, None if progress is None else _part(progress, number)))
        except (Exception, KeyboardInterrupt) as error:
            error.add_note(f"in the run under intrabar={side!r}, of the two of bounds=True")
            raise
    return BoundsResult(*results)


def _copied(own: Mapping[str, Any]) -> dict[str, Any]:
    # Together: a rule may be a method of the strategy.
    try:
        return copy.deepcopy({name: own[name] for name in ("strategy", "rules", "risk_manager")})
    except Exception as error:
        raise TypeError(
            f"bounds=True runs copies of strategy and rules, so that no run starts with what the other left: {error}"
        ) from error


def _part(progress: Progress, number: int) -> Progress:
    return lambda done, total: progress(number * total + done, len(SIDES) * total)
