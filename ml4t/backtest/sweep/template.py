"""From parameters to what ``run_backtest`` takes: by a function, or a template with parameters named in it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from ml4t.backtest.backtest.over_tables import run_backtest
from ml4t.backtest.core.named_arguments import keywords_of, unknown_argument
from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.data.stream.mapped_bars import mapped_bars
from ml4t.backtest.strategy.strategy import Strategy
from ml4t.backtest.sweep.copied import copied_values
from ml4t.backtest.sweep.errors import SweepError
from ml4t.backtest.sweep.parts import Make, Param, maker_of, params

OURS = ("progress", "bounds")
KEYWORDS = tuple(name for name in keywords_of(run_backtest) if name not in OURS)


def param(name: str) -> Any:
    """Return what stands for a parameter in a template.

    Examples
    --------
    >>> from functools import partial
    >>> from ml4t.backtest import SignalStrategy
    >>> from ml4t.backtest.risk import TrailingStop
    >>> template = {
    ...     "strategy": SignalStrategy("up"),
    ...     "rules": [partial(TrailingStop, param("trail"))],
    ... }
    """
    if not isinstance(name, str) or not name:
        raise SweepError(f"param takes the name of a parameter, was {name!r}")
    return Param(name)


class Recipe:
    """Makes the arguments of ``run_backtest`` of parameters.

    Parameters
    ----------
    given : callable or mapping
        A function that returns them, called with the parameters by name; or the arguments themselves, with
        :func:`param` where a parameter belongs.
    """

    def __init__(self, given: Any) -> None:
        if isinstance(given, Mapping):
            given = dict(given)
            _check_keywords(given, "the template")
            if isinstance(given.get("fine"), DataFeed):
                given["fine"] = mapped_bars(given["fine"])  # once, not for each trial
        elif not callable(given) or isinstance(given, Strategy):
            raise SweepError(
                "a sweep takes a function from parameters to the arguments of run_backtest, or a mapping of them, was "
                f"{type(given).__name__}"
            )
        self.given = given

    @property
    def name(self) -> str:
        """What messages call it."""
        if isinstance(self.given, dict):
            return "the template"
        return str(getattr(self.given, "__qualname__", type(self.given).__name__))

    @property
    def made_of(self) -> Any:
        """What tells one sweep from another: its code, and the values in it."""
        return getattr(self.given, "made_of", self.given)

    @cached_property
    def _makers(self) -> dict[str, Make]:
        # A rule may be any callable, with something in it that each call changes.
        return {name: maker_of(one, name == "rules") for name, one in self.given.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        return Recipe, (self.given,)

    def check_reads(self, names: Sequence[str]) -> None:
        """Refuse parameters that nobody reads, and a template or function that reads others.

        Raises
        ------
        SweepError
        """
        read, needed, takes_any = _read_by(self.given)
        for name in names:
            if name not in read and not takes_any:
                near = get_close_matches(name, read, 1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise SweepError(f"{name} is a parameter that {self.name} does not read{hint}")
        for name in needed:
            if name not in names:
                raise SweepError(f"{self.name} reads the parameter {name}, which the space lacks")

    def made(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a run, made anew.

        Raises
        ------
        SweepError
            If a function returns something else.
        """
        if isinstance(self.given, dict):
            memo: dict[int, Any] = {}
            return {name: make(parameters, memo) for name, make in self._makers.items()}
        made = self.given(**copied_values(parameters))
        if not isinstance(made, Mapping):
            raise SweepError(
                f"{self.name} must return a mapping of the arguments of run_backtest, returned {type(made).__name__}"
            )
        _check_keywords(made, f"what {self.name} returns")
        return dict(made)


def _read_by(given: Any) -> tuple[set[str], list[str], bool]:
    """Return what may be given by name, what must be, and whether anything may."""
    if isinstance(given, dict):
        names = list(dict.fromkeys(params(given)))
        return set(names), names, False
    try:
        signature = inspect.signature(given)
    except (TypeError, ValueError):  # compiled callables may not tell
        return set(), [], True
    by_name = [
        one
        for one in signature.parameters.values()
        if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    ]
    needed = [one.name for one in by_name if one.default is one.empty]
    takes_any = any(one.kind is one.VAR_KEYWORD for one in signature.parameters.values())
    return {one.name for one in by_name}, needed, takes_any


def _check_keywords(made: Mapping[Any, Any], what: str) -> None:
    for name in made:
        if name in OURS:
            raise SweepError(f"{what}: {name} is not for the runs of a sweep; leave it out")
        if name not in KEYWORDS:
            raise SweepError(f"{what}: {unknown_argument(name, KEYWORDS)}")


Given = Callable[..., Mapping[str, Any]] | Mapping[str, Any]
"""What a sweep takes to make a run of parameters."""
