"""One strategy in place of several: each takes over the positions of the one before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ml4t.backtest.strategy.names import owned_names
from ml4t.backtest.strategy.strategy import CompiledStrategy, Strategy
from ml4t.backtest.sweep.code_fingerprint import code_hash
from ml4t.backtest.walk_forward.errors import WalkForwardError

OWNED = frozenset(owned_names(Strategy))
TOLD = ("on_fill", "on_order", "on_market_data", "on_timestamp_batch")
FLAT = 'take positions="flat", or let fit give the same'


def one_strategy(strategies: Sequence[Strategy], starts: Sequence[int]) -> Strategy:
    """Return what runs over all test parts.

    Parameters
    ----------
    strategies : sequence of Strategy
        One for each part: where they are the same it is the first of them.
    starts : sequence of int
        The first timestamp of each part, nanoseconds UTC.

    Raises
    ------
    WalkForwardError
        If they cannot take over from one another.
    """
    if _are_the_same(strategies):
        return strategies[0]
    for number, one in enumerate(strategies):
        if isinstance(one, CompiledStrategy):
            raise WalkForwardError(
                f"part {number} runs {type(one).__name__}, which is compiled, and not that of all parts: nobody takes over "
                f"its positions; {FLAT}"
            )
        if _call_times(one) != _call_times(strategies[0]):
            raise WalkForwardError(
                f"part {number} is called at other times (every, when) than the first one: its strategy cannot take over "
                f"positions; {FLAT}"
            )
    return _taking_turns(strategies, starts)


def check_same(what: str, given: Sequence[Any]) -> None:
    """Refuse settings or rules of a part that are not those of the first.

    Raises
    ------
    WalkForwardError
    """
    for number, one in enumerate(given):
        if one != given[0] and not _are_the_same([given[0], one]):
            raise WalkForwardError(
                f"part {number} has other {what} than the first one, and a position is held by those it was opened under; "
                f"{FLAT}"
            )


def _are_the_same(given: Sequence[Any]) -> bool:
    try:
        return len({code_hash(one) for one in given}) == 1
    except ValueError:  # of something whose value nobody can read
        return False


def _call_times(strategy: Strategy) -> tuple[Any, Any]:
    return getattr(strategy, "every", None), getattr(strategy, "when", None)


def _taking_turns(strategies: Sequence[Strategy], starts: Sequence[int]) -> Strategy:
    # The engine calls what a class defines: what no part has is left out.
    told = {name for name in TOLD for one in strategies if _defines(one, name)}
    members = {name: _passed_on(name) for name in told}
    kind: type = type("WalkForwardStrategy", (_TakingTurns,), members)
    made: Strategy = kind(strategies, starts)
    return made


def _defines(strategy: Strategy, name: str) -> bool:
    return getattr(type(strategy), name) is not getattr(Strategy, name)


def _passed_on(name: str) -> Any:
    def told(self: _TakingTurns, *arguments: Any) -> None:
        getattr(self._now, name)(*arguments)

    told.__name__ = name
    return told


class _TakingTurns(Strategy):
    """Passes what it is told to the strategy of the part in which a timestamp lies."""

    def __init__(self, strategies: Sequence[Strategy], starts: Sequence[int]) -> None:
        self._parts = [_lent(one, self) for one in strategies]
        self._starts = list(starts)
        self._place = 0

    @property
    def _now(self) -> Strategy:
        """The strategy of this timestamp; the one before has ended when it begins."""
        time = self.broker.cursor.now
        while self._place + 1 < len(self._starts) and time >= self._starts[self._place + 1]:
            self._parts[self._place].on_end()
            self._place += 1
            self._parts[self._place].on_start()
        return self._parts[self._place]

    def on_start(self) -> None:
        self._parts[0].on_start()
        # Read by the engine from here on; on_start may have set them.
        self.every, self.when = _call_times(self._parts[0])

    def on_end(self) -> None:
        self._now.on_end()


def _lent(strategy: Strategy, owner: Strategy) -> Strategy:
    """Return a strategy that owns nothing of a run: what it asks for, and orders, are those of another.

    Its class is one of its own, so that its code, `super()` and all, is what it was.
    """
    kind = type(strategy)

    def of_owner(self: Any, name: str) -> Any:
        return getattr(owner, name) if name in OWNED else kind.__getattribute__(self, name)

    lent = type(kind.__name__, (kind,), {"__getattribute__": of_owner, "__slots__": ()})
    try:
        strategy.__class__ = lent
    except TypeError as error:  # of an extension type
        raise WalkForwardError(
            f"{kind.__name__} cannot take over positions from another strategy: {error}; {FLAT}"
        ) from error
    return strategy
