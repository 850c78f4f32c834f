"""The runs over test parts as one run: tables one below the other, and one curve."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.market.fingerprint import fingerprint
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.records.columns import category_dtype
from ml4t.backtest.records.curve import leverage_and_drawdown
from ml4t.backtest.records.frames import TABLES
from ml4t.backtest.records.measured_frames import MeasuredFrames
from ml4t.backtest.result import BacktestResult

NUMBERED = {"order_id": "orders", "parent_id": "orders", "trade_id": "trades"}
"""Columns that count the rows of a table of their own run; 0 is none."""
NOT_OF_ONE_RUN = "a walk is several runs, which no run file holds"


def stitched(
    results: Sequence[BacktestResult],
    data: MarketData,
    config: BacktestConfig,
    name: str,
    n_gaps: int = 0,
) -> BacktestResult:
    """Return runs that follow one another, each beginning with what the one before ended with, as one result.

    Parameters
    ----------
    results : sequence of BacktestResult
    data : MarketData
        From the first test part to the last.
    config : BacktestConfig
        Of the first run: its initial cash is that of all.
    name : str
        Of the strategy.
    n_gaps : int
        How often time passes between two parts in which neither ran; a note tells of it.
    """
    first = results[0]
    rules = first.rules if all(str(one.rules) == str(first.rules) for one in results) else ()
    return BacktestResult(
        StitchedFrames(results, config.initial_cash),
        config=config,
        strategy_name=name,
        seconds=sum(one.seconds for one in results),
        partial=False,
        statistics=_summed([one.statistics for one in results]),
        counters=_summed([one.counters for one in results]),
        info={
            **first.info,
            "bars": sum(one.info["bars"] for one in results),
            **({"gaps": n_gaps} if n_gaps else {}),
        },
        rules=rules,
        not_reproducible=NOT_OF_ONE_RUN,
        fingerprint=partial(fingerprint, data),
        empty_columns=tuple(
            column
            for column in first.empty_columns
            if all(column in one.empty_columns for one in results)
        ),
        data=data,
    )


class StitchedFrames(MeasuredFrames):
    """The tables of runs that follow one another, each put together when it is first asked for.

    Parameters
    ----------
    results : sequence of BacktestResult
    initial_cash : float, currency
        Of the first.
    """

    def __init__(self, results: Sequence[BacktestResult], initial_cash: float) -> None:
        self._results = tuple(results)
        self._initial_cash = initial_cash
        self._made: dict[str, pd.DataFrame] = {}

    @cached_property
    def _frames(self) -> list[dict[str, pd.DataFrame]]:
        return [one.to_frames("UTC") for one in self._results]

    def frame(self, table: str) -> pd.DataFrame:
        """Return the frame of a table."""
        if table not in self._made:
            assert table in TABLES, table
            self._made[table] = self._equity() if table == "equity" else self._rows(table)
        return self._made[table]

    def column(self, table: str, name: str) -> np.ndarray:
        """Return one numeric column."""
        return self.frame(table)[name].to_numpy()

    def _equity(self) -> pd.DataFrame:
        whole = pd.concat([frames["equity"] for frames in self._frames])
        gross = np.ascontiguousarray(whole["gross_exposure"])
        equity = np.ascontiguousarray(whole["equity"])
        # The peak may lie in a part before.
        whole["leverage"], whole["drawdown"] = leverage_and_drawdown(
            gross, equity, self._initial_cash
        )
        return whole

    def _rows(self, table: str) -> pd.DataFrame:
        pieces, before = [], Counter[str]()
        for frames in self._frames:
            piece = frames[table]
            for column, counted in NUMBERED.items():
                if column in piece:
                    numbers = piece[column].to_numpy()
                    moved = np.where(numbers > 0, numbers + before[counted], numbers)
                    piece = piece.assign(**{column: moved})
            if table == "ledger":  # these are places, from 0 on
                fill = piece["fill"].to_numpy()
                piece = piece.assign(fill=np.where(fill < 0, fill, fill + before["fills"]))
            pieces.append(piece)
            for counted, column in (("orders", "order_id"), ("trades", "trade_id")):
                before[counted] += _most(frames, column)
            before["fills"] += len(frames["fills"])
        return _below_one_another(pieces)


def _most(frames: Mapping[str, pd.DataFrame], column: str) -> int:
    """Return the highest number of a run's orders or trades; open positions have those of trades to come."""
    held = [frame[column] for frame in frames.values() if column in frame and len(frame)]
    return max((int(one.max()) for one in held), default=0)


def _below_one_another(pieces: Sequence[pd.DataFrame]) -> pd.DataFrame:
    names = dict.fromkeys(name for piece in pieces for name in piece)
    return pd.DataFrame({name: _column(name, pieces) for name in names})


def _column(name: str, pieces: Sequence[pd.DataFrame]) -> Any:
    given = [piece[name] for piece in pieces if name in piece]
    if isinstance(given[0].dtype, pd.CategoricalDtype):
        return _of_names(given)
    if isinstance(given[0].dtype, pd.DatetimeTZDtype):
        stamps = [pd.DatetimeIndex(one).as_unit("ns").asi8 for one in given]
        return pd.DatetimeIndex(np.concatenate(stamps), tz="UTC")
    # One that a part does not record is missing there.
    columns = [
        piece[name].to_numpy() if name in piece else np.full(len(piece), np.nan) for piece in pieces
    ]
    return np.concatenate(columns)


def _of_names(given: Sequence[pd.Series]) -> pd.Categorical:
    names = list(dict.fromkeys(name for one in given for name in one.cat.categories))
    place = {name: number for number, name in enumerate(names)}
    codes = [
        np.array([*(place[name] for name in one.cat.categories), -1])[one.cat.codes.to_numpy()]
        for one in given
    ]
    return pd.Categorical.from_codes(np.concatenate(codes), dtype=category_dtype(names))


def _summed(given: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return counts of all runs, those inside of counts too."""
    summed: dict[str, Any] = {}
    for counts in given:
        for name, count in counts.items():
            if isinstance(count, Mapping):
                summed[name] = _summed([summed.get(name, {}), count])
            elif isinstance(count, int | float | np.number):
                summed[name] = summed.get(name, 0) + count
            else:
                summed.setdefault(name, count)
    return summed
