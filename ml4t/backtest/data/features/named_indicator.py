"""Indicators by name: ``"ATR(14)"`` in the place of a column.

A column that reads like a call of one of these classes, and that the market data do not have, is computed for the run.
"""

from __future__ import annotations

import ast
import difflib
import re
from dataclasses import MISSING, fields
from typing import Any

import numpy as np

from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.features.indicators import (
    ATR,
    EWMA,
    RSI,
    SMA,
    Indicator,
    RealizedVolatility,
    RollingMax,
    RollingMin,
)
from ml4t.backtest.data.features.ta_lib import TALib

INDICATORS: dict[str, type[Indicator]] = {
    kind.__name__: kind
    for kind in (ATR, EWMA, RSI, SMA, RealizedVolatility, RollingMax, RollingMin, TALib)
}
"""The indicators that can be named."""

_CALL = re.compile(r"\s*(\w+)\s*\((.*)\)\s*", re.DOTALL)


def indicator_named(text: str) -> Indicator | None:
    """Return the indicator that a name spells; None where it spells none.

    Parameters
    ----------
    text : str
        ``"ATR(14)"``, ``"RSI(14, field='open')"``: the name of a class and literal arguments.

    Raises
    ------
    DataError
        If it reads like a call, and there is no such class, or it takes no such arguments.
    """
    call = _CALL.fullmatch(text)
    if call is None:
        return None
    if call[1] not in INDICATORS:
        near = difflib.get_close_matches(call[1], INDICATORS, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(INDICATORS)}"
        raise DataError(
            f"no column {text!r} in the market data, and no indicator {call[1]}; {hint}"
        )
    try:
        return _called(INDICATORS[call[1]], call[2])
    except DataError as error:
        raise DataError(f"{text!r}: {error}") from error
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise DataError(
            f"{text!r} is no indicator: write its parameters as in {example(call[1])!r}"
        ) from error


def _called(kind: type[Indicator], arguments: str) -> Indicator:
    """Return the indicator of literal arguments, as they stand between the brackets of a call."""
    made = ast.parse(f"_({arguments}\n)", mode="eval").body
    if not isinstance(made, ast.Call) or not isinstance(made.func, ast.Name):
        raise ValueError("more than one call")
    given = [ast.literal_eval(one) for one in made.args]
    named = {str(one.arg): ast.literal_eval(one.value) for one in made.keywords}
    if len(named) < len(made.keywords):
        raise ValueError("an argument is given twice")
    return kind(*given, **named)


def example(kind: str) -> str:
    """Return how one of a kind is written, with its default parameters."""
    return "TALib('NATR', 14)" if kind == "TALib" else spelled(INDICATORS[kind]())


def spelled(indicator: Indicator) -> str:
    """Return the name that :func:`indicator_named` makes the indicator of again.

    Raises
    ------
    DataError
        If it is of no class that can be named.
    """
    kind = type(indicator).__name__
    if INDICATORS.get(kind) is not type(indicator):
        raise DataError(
            f"{kind} is no built-in indicator: give it among the features, and name its column, {indicator.name!r}"
        )
    if isinstance(indicator, TALib):
        return repr(indicator)
    first, *others = fields(indicator)
    shown = [f"{_plain(getattr(indicator, first.name))!r}"]
    for one in others:
        value = getattr(indicator, one.name)
        if one.default is MISSING or value != one.default:
            shown.append(f"{one.name}={_plain(value)!r}")
    return f"{kind}({', '.join(shown)})"


def _plain(value: Any) -> Any:
    """Return a number of NumPy as one of Python."""
    return value.item() if isinstance(value, np.generic) else value


def column_name(given: Any) -> Any:
    """Return an indicator as the name of its column, and anything else as it is."""
    return spelled(given) if isinstance(given, Indicator) else given
