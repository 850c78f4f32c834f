"""Numbers of things that a strategy is asked with: whole, and at least one."""

from __future__ import annotations

MOST_COUNTED = 2**31 - 1
"""The largest of them."""


def is_count(given: object) -> bool:
    """Tell whether it is a whole number from 1 to :data:`MOST_COUNTED`."""
    return isinstance(given, int) and not isinstance(given, bool) and 1 <= given <= MOST_COUNTED


def count_of(name: str, given: int) -> int:
    """Return the number.

    Raises
    ------
    ValueError
        If it is none.
    """
    if not is_count(given):
        raise ValueError(f"{name} must be a whole number of at least 1, was {given!r}")
    return given
