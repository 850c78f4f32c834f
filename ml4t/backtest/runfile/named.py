"""Rules and indicators made by name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from ml4t.backtest.core.planned import comes_with
from ml4t.backtest.runfile.imports import without_init
from ml4t.backtest.setting_errors import nearest


def make_named(known: Mapping[str, type], name: str, parameters: Mapping[str, Any]) -> Any:
    """Make one of the `known` classes.

    Raises
    ------
    ValueError
        If there is none of this name, it has no such parameter, or refuses its value.
    """
    if name not in known:
        raise ValueError(
            comes_with("rules", name) or f"there is no {name!r}; {nearest(name, known)}"
        )
    signature = inspect.signature(known[name])
    # One with parameters of other names too says itself which it has.
    open_ended = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    for parameter in parameters:
        if parameter not in signature.parameters and not open_ended:
            raise ValueError(
                f"{name} has no parameter {parameter!r}; {nearest(parameter, signature.parameters)}"
            )
    try:
        signature.bind(**parameters)
        return known[name](**parameters)
    except TypeError as error:
        raise ValueError(f"{name}: {without_init(name, error)}") from error
