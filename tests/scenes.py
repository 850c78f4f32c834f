"""Small scenes for tests: a few bars, a few acts, the rules, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ml4t.backtest import BacktestConfig, BacktestResult, MarketData, Strategy, run_backtest
from ml4t.backtest.market.market_data import ACTION

Bar = tuple[float, float, float, float]

FLAT: Bar = (100.0, 100.0, 100.0, 100.0)
DAY = 86_400_000_000_000
START = 1_700_000_000_000_000_000


def day(t: int) -> int:
    """The time of bar `t` (nanoseconds UTC)."""
    return START + t * DAY


def market(
    bars: Mapping[str, Sequence[Bar | None]],
    features: Mapping[str, Mapping[str, Sequence[float]]] | None = None,
    context: Mapping[str, Sequence[float]] | None = None,
    actions: Sequence[tuple[int, int, int, float]] = (),
) -> MarketData:
    """Market data of a few daily bars by asset; None is a missing row.

    `features` are columns by name, then values by asset, one for each bar of it, missing or not.
    """
    names = list(bars)
    n_times = max(map(len, bars.values()))
    keys = [
        (t, asset)
        for t in range(n_times)
        for asset, name in enumerate(names)
        if t < len(bars[name]) and bars[name][t] is not None
    ]
    prices = np.array([bars[names[asset]][t] for t, asset in keys], float)
    columns = {name: np.ascontiguousarray(prices[:, i]) for i, name in enumerate(PRICES)}
    return MarketData.from_arrays(
        names,
        [day(t) for t in range(n_times)],
        np.searchsorted([t for t, _ in keys], np.arange(n_times + 1)),
        [asset for _, asset in keys],
        **columns,
        features={
            name: [values[names[asset]][t] for t, asset in keys]
            for name, values in (features or {}).items()
        },
        context=context,
        actions=np.array(list(actions), ACTION),
    )


PRICES = ("open", "high", "low", "close")


class Acts(Strategy):
    """Does at the close of bar t what ``acts[t]`` does with the strategy."""

    def __init__(self, acts: Mapping[int, Callable[[Strategy], Any]]) -> None:
        self.acts = acts

    def on_timestamp_batch(self, timestamp, events, context) -> None:
        act = self.acts.get((timestamp.value - START) // DAY)
        if act is not None:
            act(self)


def buy_first(strategy: Strategy) -> None:
    strategy.buy("A", 10.0)


def sell_first(strategy: Strategy) -> None:
    strategy.sell("A", 10.0)


def run(
    bars: Sequence[Bar | None] | MarketData,
    rules: Sequence[Any] = (),
    acts: Mapping[int, Callable[[Strategy], Any]] | Strategy | None = None,
    *,
    risk_manager: Any = None,
    **settings: Any,
) -> BacktestResult:
    """Run bars of one asset "A" in a margin account, checked; by default ten are bought at the first."""
    data = bars if isinstance(bars, MarketData) else market({"A": bars})
    strategy = (
        acts if isinstance(acts, Strategy) else Acts({0: buy_first} if acts is None else acts)
    )
    config = BacktestConfig(**{"account": "margin", "debug": True} | settings)
    given = {"rules": rules} if risk_manager is None else {"risk_manager": risk_manager}
    return run_backtest(data, strategy, config=config, **given)


def fills(result: BacktestResult, *columns: str) -> list[tuple]:
    """The fills as tuples of these columns."""
    return list(result.fills[list(columns)].itertuples(index=False, name=None))


def only_trade(result: BacktestResult) -> dict:
    (trade,) = result.trades.to_dict("records")
    return trade
