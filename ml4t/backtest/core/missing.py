"""Values that stand for none."""

from __future__ import annotations

from typing import Any


def is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN, or what pandas writes for none."""
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas.NA, which is neither
        return True
    except ValueError:  # an array, which is no single value
        return False
