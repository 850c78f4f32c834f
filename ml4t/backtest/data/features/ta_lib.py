"""Functions of TA-Lib as indicators: from the bars of each asset, chunk after chunk, over splits."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from ml4t.backtest.data.arrays import Float64s, Int32s
from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.features.indicators import FIELDS, Indicator, Update
from ml4t.backtest.data.join._row_order import sort_by_rank

Columns = list[Float64s]
Computes = Callable[[Columns], Float64s]
"""From the columns that a function reads to a value a bar."""


@dataclass(frozen=True, init=False, repr=False)
class TALib(Indicator):
    """A function of TA-Lib, which the extra ``ml4t-backtest[talib]`` installs.

    Parameters
    ----------
    function : str
        Its name: ``"RSI"``, ``"BBANDS"``, ``"CDLDOJI"``.
    *arguments : str or number
        Columns of the bars to read, in place of TA-Lib's own (``"high"``), then parameters in the order of
        TA-Lib: ``TALib("SMA", "high", 50)``.
    inputs : str or sequence of str, optional
        The columns by a name of their own.
    output : str, optional
        Which one, of a function that has several: ``"upperband"``.
    warm_up : int, optional
        The least number of bars before a bar that its value rests on, where the asset has as many: then no
        more than twice as many bars of an asset are kept. None: all of them, and the value is TA-Lib's of
        all bars up to its own.
    **parameters : number
        Parameters by TA-Lib's names: ``timeperiod=14``.

    Raises
    ------
    ImportError
        If TA-Lib is not installed.
    DataError
        If TA-Lib has no such function, column, output or parameter, or refuses its value.

    Notes
    -----
    On a split all prices before it are divided by its ratio and volumes multiplied, and the value is that of
    the bars in units of the day. With `warm_up` = n the bars k·n to (k + 1)·n - 1 of an asset are computed
    from its bar (k - 1)·n on, so how data are cut into chunks changes no bit of them, either.

    Examples
    --------
    >>> TALib("BBANDS", 20, output="upperband").name
    'bbands_upperband_20'
    """

    function: str
    inputs: tuple[str, ...]
    settings: tuple[tuple[str, float], ...]
    output: str
    warm_up: int | None

    def __init__(
        self,
        function: str,
        *arguments: str | float,
        inputs: str | Sequence[str] | None = None,
        output: str | None = None,
        warm_up: int | None = None,
        **parameters: float,
    ) -> None:
        about = _described(function)
        columns = [word for word in arguments if isinstance(word, str)]
        numbers = [number for number in arguments if not isinstance(number, str)]
        if columns and inputs is not None:
            raise DataError(f"TALib: give the columns of {function} once, not in inputs= as well")
        given = [inputs] if isinstance(inputs, str) else list(inputs or columns)
        settings = _settings(function, about["parameters"], numbers, parameters)
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "inputs", _inputs(function, given, _read_by(about)))
        object.__setattr__(self, "settings", settings)
        object.__setattr__(self, "output", _output(function, output, about["output_names"]))
        object.__setattr__(self, "warm_up", warm_up)
        _check_warm_up(self, _lookback(function, dict(settings)))

    def __repr__(self) -> str:
        function, *others = self.parameters.items()
        return f"TALib({', '.join([repr(function[1]), *(f'{n}={v!r}' for n, v in others)])})"

    @property
    def name(self) -> str:
        given = self.parameters
        words = [self.function.lower(), given.get("output"), *given.get("inputs", [])]
        words += [f"{number:g}".replace(".", "_") for _, number in self.settings]
        return "_".join(word for word in words if word)

    @property
    def fields(self) -> tuple[str, ...]:
        return self.inputs

    @property
    def parameters(self) -> dict[str, Any]:
        """What it is made with again, by name."""
        about = _described(self.function)
        given = {
            "inputs": list(self.inputs) if self.inputs != _read_by(about) else None,
            "output": self.output if len(about["output_names"]) > 1 else None,
            "warm_up": self.warm_up,
        }
        chosen = {name: value for name, value in given.items() if value is not None}
        return {"function": self.function, **chosen, **dict(self.settings)}

    def begin(self, n_assets: int) -> Update:
        return _Histories(self, n_assets).update


class _Histories:
    """The bars of each asset so far, in units of its last one."""

    def __init__(self, indicator: TALib, n_assets: int) -> None:
        self._compute = _computes(indicator)
        self._fields = indicator.fields
        self._warm_up = indicator.warm_up
        self._kept: list[Columns] = [[np.empty(0)] * len(self._fields) for _ in range(n_assets)]
        self._seen = [0] * n_assets

    def update(self, codes: Int32s, columns: Mapping[str, Float64s], ratios: Float64s) -> Float64s:
        """Return the value at each of the next bars."""
        values = np.empty(len(codes))
        n_assets = len(self._kept)
        by_asset = sort_by_rank(codes.astype(np.int64), np.arange(len(codes)), n_assets)
        ends = np.cumsum(np.bincount(codes, minlength=n_assets))
        for code in np.flatnonzero(np.diff(ends, prepend=0)):
            rows = by_asset[ends[code - 1] if code else 0 : ends[code]]
            for part in np.split(rows, self._cuts(int(code), ratios[rows])):
                if len(part):
                    new = [columns[field][part] for field in self._fields]
                    values[part] = self._take(int(code), new, float(ratios[part[0]]))
        return values

    def _cuts(self, code: int, ratios: Float64s) -> Any:
        """Return where bars change their unit, or a warm-up begins."""
        if self._warm_up is None:
            return np.flatnonzero(ratios != 1.0)
        bars = self._seen[code] + np.arange(len(ratios))
        return np.flatnonzero((ratios != 1.0) | (bars % self._warm_up == 0))

    def _take(self, code: int, new: Columns, ratio: float) -> Float64s:
        kept = self._kept[code]
        if self._warm_up is not None and self._seen[code] % self._warm_up == 0:
            kept = [column[-self._warm_up :] for column in kept]
        if ratio != 1.0:
            kept = [
                column * ratio if field == "volume" else column / ratio
                for field, column in zip(self._fields, kept, strict=True)
            ]
        kept = [np.concatenate(pair) for pair in zip(kept, new, strict=True)]
        self._kept[code] = kept
        self._seen[code] += len(new[0])
        return self._compute(kept)[-len(new[0]) :]


def _computes(indicator: TALib) -> Computes:
    """Return the function of its columns, NaN where TA-Lib says no more than that bars are missing."""
    talib = _talib()
    function, settings = getattr(talib, indicator.function), dict(indicator.settings)
    names = _described(indicator.function)["output_names"]
    chosen = names.index(indicator.output)
    missing = _lookback(indicator.function, settings)

    def compute(columns: Columns) -> Float64s:
        answer = function(*columns, **settings)
        values = np.asarray(answer[chosen] if len(names) > 1 else answer)
        if values.dtype != np.float64:  # whole numbers have no NaN: they are 0 there
            values = values.astype(np.float64)
            values[:missing] = np.nan
        return values

    return compute


def _talib() -> ModuleType:
    try:
        import talib.abstract
    except ImportError as error:
        raise ImportError("TALib needs TA-Lib: pip install 'ml4t-backtest[talib]'") from error
    return talib


def _described(function: str) -> dict[str, Any]:
    talib = _talib()
    names = talib.get_functions()
    if function not in names:
        raise DataError(f"TA-Lib has no function {function!r}{_near(str(function).upper(), names)}")
    return dict(talib.abstract.Function(function).info)


def _read_by(about: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns that a function reads unless others are given, in its order."""
    read: list[str] = []
    for names in about["input_names"].values():
        read += [names] if isinstance(names, str) else names
    return tuple(read)


def _inputs(function: str, given: list[str], read: tuple[str, ...]) -> tuple[str, ...]:
    if given and len(given) != len(read):
        raise DataError(
            f"TALib: {function} reads {len(read)} columns ({', '.join(read)}), was given {given}"
        )
    for column in given or read:
        if column not in FIELDS:
            raise DataError(
                f"TALib: {function} would read {column!r}, and bars have {', '.join(FIELDS)}: name the columns "
                "to read after the function"
            )
    return tuple(given or read)


def _output(function: str, output: str | None, names: list[str]) -> str:
    if output is None and len(names) > 1:
        raise DataError(f"TALib: {function} has several outputs: say output= one of {names}")
    if output is not None and output not in names:
        raise DataError(f"TALib: {function} has no output {output!r}; it has {', '.join(names)}")
    return output or names[0]


def _settings(
    function: str, defaults: Mapping[str, float], numbers: list[float], named: Mapping[str, float]
) -> tuple[tuple[str, float], ...]:
    known = list(defaults)
    if len(numbers) > len(known):
        raise DataError(
            f"TALib: {function} has {len(known)} parameters ({', '.join(known)}), was given {numbers}"
        )
    settings = dict(zip(known, numbers, strict=False))
    for name, value in named.items():
        if name not in known:
            raise DataError(f"TALib: {function} has no parameter {name!r}{_near(name, known)}")
        if name in settings:
            raise DataError(f"TALib: {name} of {function} was given twice")
        settings[name] = value
    return tuple(
        (name, _number(f"{name} of {function}", settings[name], type(defaults[name])))
        for name in known
        if name in settings
    )


def _number(what: str, value: Any, kind: type) -> float:
    """Return a parameter as TA-Lib takes it, which would cut 2.5 bars to 2."""
    try:
        number = float(value)
        whole = number.is_integer()
    except (TypeError, ValueError) as error:
        raise DataError(f"TALib: {what} must be a number, was {value!r}") from error
    if kind is int and not whole:
        raise DataError(f"TALib: {what} must be a whole number, was {value!r}")
    return int(number) if kind is int else number


def _lookback(function: str, settings: dict[str, float]) -> int:
    """Return how many bars have no value, once TA-Lib has taken the parameters."""
    talib = _talib()
    about = talib.abstract.Function(function)
    read = len(_read_by(about.info))
    try:
        getattr(talib, function)(*[np.ones(1)] * read, **settings)
        about.parameters = settings
        return int(about.lookback)
    except Exception as error:  # TA-Lib raises nothing narrower for a parameter out of range
        given = ", ".join(f"{name}={value!r}" for name, value in settings.items())
        raise DataError(f"TALib: TA-Lib refuses {function}({given}): {error}") from error


def _check_warm_up(indicator: TALib, lookback: int) -> None:
    bars = indicator.warm_up
    if bars is not None and (not isinstance(bars, int | np.integer) or bars <= lookback):
        raise DataError(
            f"TALib: warm_up of {indicator.name} must be a whole number of more than the {lookback} bars that "
            f"have no value, was {bars!r}"
        )


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; it has {', '.join(known) or 'none'}" if len(known) < 10 else ""
