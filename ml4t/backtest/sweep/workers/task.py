"""What a worker of another process is handed: the pickled runner, and a few trials."""

from __future__ import annotations

import io
import pickle
import uuid
from collections import ChainMap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import FunctionType
from typing import Any, ClassVar, NamedTuple, NoReturn

from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.market_file import on_file
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.risk import RiskRule
from ml4t.backtest.strategy.strategy import Strategy
from ml4t.backtest.sweep.errors import SweepError
from ml4t.backtest.sweep.space import Parameters
from ml4t.backtest.sweep.trial import Outcome, Runner, Trial

Columns = list[tuple[Any, ...]]
"""The fields of outcomes but for the key, each of all trials of a batch."""

_kept: dict[str, Runner] = {}


@dataclass(frozen=True)
class Sent:
    """A runner on its way to other processes; each of them unpickles it once."""

    content: bytes
    token: str = field(default_factory=lambda: uuid.uuid4().hex)


def sent(runner: Runner) -> Sent:
    """Pickle a runner, all market data in it as the path of their file.

    Raises
    ------
    SweepError
        If something of it cannot be pickled; it says what.
    """
    for where, thing in _code_of(runner):
        _check_is_named(where, thing)
    pickle_of = _pickler()
    try:
        return Sent(pickle_of(runner))
    except Exception as error:
        raise SweepError(
            f"{runner.recipe.name} cannot be sent to other processes: {error}; or let it run in threads, with "
            'backend="threads"'
        ) from error


def _code_of(runner: Runner) -> Iterator[tuple[str, Any]]:
    """Yield the functions and classes that a runner is made of, and where they stand."""
    given = runner.recipe.given
    if isinstance(given, dict):
        for name, part in given.items():
            yield from _code_in(name, part)
    else:
        yield from _code_in("the function of the sweep", given)
    for name, measure in runner.measures.of.items():
        yield from _code_in(f"measure {name}", measure)


def _code_in(where: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, partial):
        yield from _code_in(where, value.func)
        value = [*value.args, *value.keywords.values()]
    if isinstance(value, list | tuple):
        for place, one in enumerate(value):
            yield from _code_in(f"{where}[{place}]", one)
    elif isinstance(value, type | FunctionType):
        yield where, value
    elif isinstance(value, Strategy | RiskRule):
        yield where, type(value)


def _check_is_named(where: str, thing: Any) -> None:
    """Refuse what other processes do not find by its name: its code alone would be read by another Python."""
    if "<lambda>" in thing.__qualname__:
        what = "a lambda"
    elif "<locals>" in thing.__qualname__:
        what = f"{thing.__qualname__}, which is made inside of a function"
    else:
        return
    raise SweepError(
        f"{where} is {what}, and cannot be sent to other processes: write it at the top of a module, or let it run in "
        'threads, with backend="threads"'
    )


def _pickler() -> Callable[[Any], bytes]:
    """Return a function that pickles code by its name and market data by their path, wherever they stand."""
    try:
        import cloudpickle
    except ImportError as error:
        raise ImportError(
            "other processes need cloudpickle; install it with: pip install 'ml4t-backtest[sweep]'"
        ) from error

    by_path = {MarketData: lambda data: on_file(data).__reduce__()}

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        dispatch_table: ClassVar = ChainMap(by_path, cloudpickle.Pickler.dispatch_table)

    def pickled(thing: Any) -> bytes:
        buffer = io.BytesIO()
        Pickler(buffer).dump(thing)
        return buffer.getvalue()

    return pickled


class Packed(NamedTuple):
    """Trials on their way: a process would pickle objects one after the other, and each takes longer than its numbers."""

    parameters: list[Parameters]
    n_times: list[int | None]


def packed(trials: Sequence[Trial]) -> Packed:
    """Return what another process has to know of trials; their keys stay here."""
    return Packed([one.parameters for one in trials], [one.n_times for one in trials])


def unpacked(trials: Sequence[Trial], columns: Columns) -> list[Outcome]:
    """Return what came of trials from what another process returned of them."""
    keys = [one.key for one in trials]
    return [*map(Outcome._make, zip(keys, *columns, strict=True))]


def run_trials(given: Sent, trials: Packed) -> Columns:
    """Run trials in another process; what came of them is returned in columns, without their keys."""
    runner = _kept.get(given.token)  # another sweep's thread may clear it meanwhile
    if runner is None:
        runner = pickle.loads(given.content)
        _kept.clear()  # one sweep at a time
        _kept[given.token] = runner
    outcomes = runner.outcomes([*map(Trial, range(len(trials.parameters)), *trials)])
    return [*zip(*outcomes, strict=True)][1:]


def raise_lost(error: BaseException) -> NoReturn:
    """Raise an exception that no trial raised; where a worker lacks what it needs, say what.

    Raises
    ------
    SweepError
    """
    if isinstance(error, ModuleNotFoundError):
        raise SweepError(
            f"a worker cannot import {error.name}: install ml4t-backtest, and what the strategy needs, where the workers "
            "are"
        ) from error
    if isinstance(error, DataError):
        raise SweepError(
            f"a worker cannot read the data: {error}; save them where all workers find them, and give "
            "MarketData.load(path)"
        ) from error
    raise error
