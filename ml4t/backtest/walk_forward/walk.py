"""walk_forward: fit on each train part, run on its test part, and put the tests together."""

from __future__ import annotations

from typing import Any, Literal, overload

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.walk_forward.combinatorial import CombinatorialPurged
from ml4t.backtest.walk_forward.errors import WalkForwardError
from ml4t.backtest.walk_forward.fitted import Fit
from ml4t.backtest.walk_forward.forward import forward
from ml4t.backtest.walk_forward.measured import check_measure
from ml4t.backtest.walk_forward.over_combinations import over_combinations
from ml4t.backtest.walk_forward.result import CombinatorialResult, WalkForwardResult
from ml4t.backtest.walk_forward.splitter import WalkForward
from ml4t.backtest.walk_forward.table_rows import TableRows
from ml4t.backtest.walk_forward.walking import Walk

Positions = Literal["flat", "carried"]


@overload
def walk_forward(
    fit: Fit,
    data: Any,
    splits: WalkForward,
    *,
    table: Any = ...,
    positions: Positions = ...,
    config: BacktestConfig | None = ...,
    measure: str = ...,
) -> WalkForwardResult: ...


@overload
def walk_forward(
    fit: Fit,
    data: Any,
    splits: CombinatorialPurged,
    *,
    table: Any = ...,
    positions: Positions = ...,
    config: BacktestConfig | None = ...,
    measure: str = ...,
) -> CombinatorialResult: ...


def walk_forward(
    fit: Fit,
    data: Any,
    splits: WalkForward | CombinatorialPurged,
    *,
    table: Any = None,
    positions: Positions = "flat",
    config: BacktestConfig | None = None,
    measure: str = "sharpe",
) -> WalkForwardResult | CombinatorialResult:
    """Fit on each train part, run what came of it on the test part, and put the tests together.

    Parameters
    ----------
    fit : callable
        ``fit(train)`` is handed a :class:`Piece` with the bars of the train part alone, and returns a strategy, or a
        mapping or :class:`Fitted` with ``strategy``, ``rules``, ``signals`` and what else it takes.
        :func:`best_of` makes one of a sweep.
    data : MarketData or table
        All of it. A table is read once.
    splits : WalkForward or CombinatorialPurged
        Its sessions and times are those of the data.
    table : DataFrame, optional
        Rows to train on and to predict, with ``times`` and ``label_ends`` as the splits name them: ``train.rows`` are
        those of the train part whose labels end before it is over, and a function for ``signals`` gets those of the
        test part, from the bar before it on.
        Dates, and times without a zone, are read as those of the data were: by their ``bar_time`` and ``timezone``.
    positions : {"flat", "carried"}
        Flat: each part is a run of its own, begins with the equity of the one before, and closes all at its last
        close, costs included. Carried: one run over all test parts; a part takes over positions and orders from the
        one before, and its strategy is told of their fills from its first timestamp on.
    config : BacktestConfig, optional
        Of all runs where ``fit`` gives none, the sweeps of :func:`best_of` among them.
    measure : str
        What the parts are measured by, of ``BacktestResult.metrics``.

    Returns
    -------
    WalkForwardResult, or CombinatorialResult of a :class:`CombinatorialPurged`

    Raises
    ------
    WalkForwardError
        If the parts overlap or a part is empty; if positions are to be carried and cannot be: between parts that leave
        a gap, other rules or settings, or other strategies that are compiled; if nobody said what dates or times
        without a zone of the table are beside those of the data.
    Exception
        What ``fit`` raises, with a note that says in which part.

    Notes
    -----
    A strategy decides at the first close of its test part at the earliest, and so trades at the second bar. Signals and
    features join as of time: indicators that ``fit`` gives begin before the part and see nothing behind it.
    ``in_sample`` is another run over the train part, where what was fitted can be run there.
    """
    data = _checked(fit, data, splits, positions, config, measure)
    rows = TableRows(table, splits, data)
    walk = Walk(fit, data, splits, rows, config or BacktestConfig(), measure)
    if isinstance(splits, CombinatorialPurged):
        if positions != "flat":
            raise WalkForwardError(
                "groups of combinations are tested on their own: positions cannot be carried"
            )
        return over_combinations(walk, splits)
    return forward(walk, positions)


def _checked(
    fit: Any, data: Any, splits: Any, positions: Any, config: Any, measure: Any
) -> MarketData:
    if not callable(fit):
        raise WalkForwardError(
            f"fit must be a function of a train part, was {type(fit).__name__}; best_of(...) makes one of a sweep"
        )
    if not isinstance(splits, WalkForward | CombinatorialPurged):
        raise WalkForwardError(
            f"splits must be WalkForward or CombinatorialPurged, was {type(splits).__name__}"
        )
    if positions not in ("flat", "carried"):
        raise WalkForwardError(f'positions must be "flat" or "carried", was {positions!r}')
    if config is not None and not isinstance(config, BacktestConfig):
        raise WalkForwardError(f"config must be a BacktestConfig, was {type(config).__name__}")
    check_measure(measure)
    if isinstance(data, DataFeed):
        raise WalkForwardError(
            "a walk goes over its data more than once, and a feed is not held in memory: give MarketData"
        )
    if not isinstance(data, MarketData):
        return MarketData.from_tables(data)
    if data.first_t:
        raise WalkForwardError("these are a chunk of a run: a walk takes market data as a whole")
    return data
