"""What a walk returns: one run made of its tests, and a table of its parts; or a distribution of paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from ml4t.backtest import html
from ml4t.backtest.report.wording import percent
from ml4t.backtest.result import DEEP, BacktestResult
from ml4t.backtest.walk_forward.fitted import Fitted

SHOWN = 20


@dataclass(frozen=True, repr=False)
class WalkForwardResult:
    """The tests of a walk, one after the other.

    Attributes
    ----------
    result : BacktestResult
        All of them as one run: equity goes on from one part to the next.
    results : tuple of BacktestResult
        The runs of which it is made: one for each part, a single one where positions were carried.
    fitted : tuple of Fitted
        What each train part led to.
    measure : str
        What ``in_sample`` and ``out_of_sample`` of the parts are.
    positions : {"flat", "carried"}
    """

    result: BacktestResult
    results: tuple[BacktestResult, ...]
    fitted: tuple[Fitted, ...]
    measure: str
    positions: str
    _parts: pd.DataFrame = field()

    @property
    def parts(self) -> pd.DataFrame:
        """One row a part: first and last timestamp of train and test part, parameters, the measure in both.

        Columns are ``train_start``, ``train_end``, ``test_start``, ``test_end``, those of the parameters, ``in_sample``
        and ``out_of_sample``: NaN where it cannot be measured. Times are written as those of the prices.
        """
        return self._parts.copy(deep=DEEP)

    def __repr__(self) -> str:
        inside, outside = self._parts["in_sample"].mean(), self._parts["out_of_sample"].mean()
        return (
            f"WalkForwardResult({len(self._parts)} parts, {self.positions}: return "
            f"{percent(self.result.metrics['total_return'])}; mean {self.measure} {inside:.2f} in sample, {outside:.2f} "
            "out of sample)"
        )

    def _repr_html_(self) -> str:
        return html.page(html.heading(repr(self)), _html_table(self._parts))


@dataclass(frozen=True, repr=False)
class CombinatorialResult:
    """The paths of a walk over combinations of groups.

    Attributes
    ----------
    fitted : tuple of Fitted
        What each train part led to.
    measure : str
        What ``in_sample`` and ``out_of_sample`` of the parts are.
    """

    fitted: tuple[Fitted, ...]
    measure: str
    _returns: pd.DataFrame = field()
    _paths: pd.DataFrame = field()
    _parts: pd.DataFrame = field()

    @property
    def returns(self) -> pd.DataFrame:
        """Returns of each path: one row a session, one column a path."""
        return self._returns.copy(deep=DEEP)

    @property
    def paths(self) -> pd.DataFrame:
        """One row a path: ``total_return``, ``cagr``, ``volatility``, ``sharpe`` and ``max_drawdown`` of its returns."""
        return self._paths.copy(deep=DEEP)

    @property
    def parts(self) -> pd.DataFrame:
        """One row for each group that a split tests: ``split``, ``group``, ``path``, then as those of a walk."""
        return self._parts.copy(deep=DEEP)

    def __repr__(self) -> str:
        sharpe = self._paths["sharpe"]
        return (
            f"CombinatorialResult({len(self._paths)} paths: Sharpe ratio {sharpe.min():.2f} to {sharpe.max():.2f}, in the "
            f"middle {sharpe.median():.2f})"
        )

    def _repr_html_(self) -> str:
        return html.page(html.heading(repr(self)), _html_table(self._paths.reset_index()))


def _html_table(table: pd.DataFrame) -> str:
    rows = [
        tuple(f"{one:.6g}" if isinstance(one, float) else str(one) for one in row)
        for row in table.head(SHOWN).itertuples(index=False)
    ]
    return html.table(_texts(table.columns), rows)


def _texts(names: Sequence[object]) -> list[str]:
    return [str(name) for name in names]
