"""Names in a strategy: the callbacks, what other tools call them, and what the base class owns."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import cache
from typing import Any

SIGNATURES = {
    "on_start": "on_start(self)",
    "on_fill": "on_fill(self, fill)",
    "on_order": "on_order(self, order)",
    "on_market_data": "on_market_data(self, event)",
    "on_timestamp_batch": "on_timestamp_batch(self, timestamp, events, context)",
    "on_end": "on_end(self)",
}
"""Every callback of a strategy, as it is written."""

ELSEWHERE = {
    "on_start": ("init", "initialize", "on_init", "on_initialize", "on_begin"),
    "on_fill": (
        "notify_trade", "on_trade", "on_execution", "on_order_filled", "on_position_opened",
        "on_position_changed", "on_position_closed",
    ),
    "on_order": (
        "notify_order", "on_order_event", "on_order_update", "on_order_updated", "on_order_status",
        "on_order_accepted", "on_order_rejected", "on_order_canceled", "on_order_cancelled",
        "on_order_expired",
    ),
    "on_market_data": (
        "next", "nextstart", "prenext", "handle_data", "handle_bar", "on_bar", "on_candle", "on_data",
        "on_event", "on_market", "on_price", "on_quote", "on_quote_tick", "on_tick", "on_trade_tick",
    ),
    "on_timestamp_batch": ("before_trading_start", "on_bars", "on_batch", "on_timestamp"),
    "on_end": ("on_stop", "on_ended", "on_finish", "on_finished", "on_end_of_algorithm"),
}  # fmt: skip
"""What backtesting.py, backtrader, zipline, Lean, Nautilus, vn.py and others call them."""

_MEANT = {foreign: ours for ours, names in ELSEWHERE.items() for foreign in names}
_ALIKE = 0.8


@cache
def owned_names(base: type) -> tuple[str, ...]:
    """Return the public names of ``base`` that are no callbacks: values of a run, and what is ordered with."""
    names = [name for name in vars(base) if not name.startswith("_") and name not in SIGNATURES]
    return tuple(sorted(names))


@cache
def _owned(base: type) -> frozenset[str]:
    return frozenset(owned_names(base))


def check_names(kind: type, base: type) -> None:
    """Refuse a strategy's class whose names would be taken for others, or never be called.

    Parameters
    ----------
    kind : type
    base : type
        ``Strategy``.

    Raises
    ------
    TypeError
        If the class defines a name that the base class owns, or a function that looks like a callback and
        is none.
    """
    parents = kind.__mro__[: kind.__mro__.index(base)]
    defined = {name: value for parent in reversed(parents) for name, value in vars(parent).items()}
    shadowed = [name for name in owned_names(base) if name in defined]
    if shadowed:
        raise TypeError(f"{kind.__name__} defines {is_owned(shadowed[0], base)}")
    for name, value in defined.items():
        meant = callback_meant(name) if callable(value) else None
        if meant is not None:
            raise TypeError(
                f"{kind.__name__} defines {name}, which is never called: did you mean "
                f"{SIGNATURES[meant]}? A function of your own needs another name"
            )


def check_attributes(strategy: object, base: type) -> None:
    """Refuse attributes of an object that hide what the base class owns.

    Raises
    ------
    TypeError
        If there is one.
    """
    attributes = getattr(strategy, "__dict__", {})
    if not _owned(base).isdisjoint(attributes):
        shadowed = [name for name in owned_names(base) if name in attributes]
        raise TypeError(f"{type(strategy).__name__} sets {is_owned(shadowed[0], base)}")


def is_owned(name: str, base: type) -> str:
    """Return what is wrong with ``name``, and every name that is wrong for the same reason."""
    return (
        f"{name}, which {base.__name__} owns: choose another name. It owns "
        f"{', '.join(owned_names(base))}"
    )


def callback_meant(name: str) -> str | None:
    """Return the callback that a name stands for elsewhere, or that it nearly is; None for others."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    if name in SIGNATURES:
        return None
    if snake in _MEANT:
        return _MEANT[snake]
    return _near(snake) if snake.startswith("on") else None


def _near(name: str) -> str | None:
    # The beginning that all of them share would make all of them alike.
    what = _without_on(name)
    alike: list[tuple[float, str]] = [
        (SequenceMatcher(None, what, _without_on(ours)).ratio(), ours)
        for ours in SIGNATURES
        if what[:1] == _without_on(ours)[0]
    ]
    ratio, nearest = max(alike, default=(0.0, ""))
    return nearest if ratio >= _ALIKE else None


def _without_on(name: str) -> str:
    return name.removeprefix("on").lstrip("_")


def refuse_to_set(name: str, base: Any) -> None:
    """Refuse to set or delete an attribute that the engine alone sets.

    Raises
    ------
    AttributeError
        Always.
    """
    raise AttributeError(f"an attribute must not be called {is_owned(name, base)}")


CALLBACKS = ("on_fill", "on_order", "on_market_data", "on_timestamp_batch")
"""What a strategy in Python is told at a timestamp."""


def refuse_callbacks(kind: type, base: type) -> None:
    """Refuse a compiled strategy with callbacks, which would never be called.

    Raises
    ------
    TypeError
        If ``kind`` defines one.
    """
    defined = [name for name in CALLBACKS if getattr(kind, name) is not getattr(base, name)]
    if defined:
        raise TypeError(
            f"{kind.__name__} is a CompiledStrategy and defines {defined[0]}, which would never be "
            "called: do it in on_timestamp, or derive from Strategy"
        )
