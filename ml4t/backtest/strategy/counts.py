"""Numbers of things that a strategy is asked with: whole, and at least one."""

from __future__ import annotations

from numbers import Integral
from typing import TypeGuard

MOST_COUNTED = 2**31 - 1
"""The largest of them."""


def is_count(given: object) -> TypeGuard[Integral]:
    """Tell whether it is a whole number, NumPy's too, from 1 to :data:`MOST_COUNTED`."""
    if isinstance(given, bool) or not isinstance(given, Integral):
        return False
    return 1 <= int(given) <= MOST_COUNTED


def count_of(name: str, given: object) -> int:
    """Return the number.

    Raises
    ------
    ValueError
        If it is none.
    """
    if not is_count(given):
        raise ValueError(f"{name} must be a whole number of at least 1, was {given!r}")
    return int(given)
