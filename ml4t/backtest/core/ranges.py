"""What numbers may come in, as ``docs/semantics.md`` section 1 states it; ``ranges.pxd`` says the same in C."""

from typing import NamedTuple


class Range(NamedTuple):
    """The least and the most that a number may be."""

    least: float
    most: float

    def __str__(self) -> str:
        """Return it as messages have it."""
        return f"[{self.least:g}, {self.most:g}]"


PRICE = Range(1e-12, 1e15)
"""Prices and quotes (currency per unit)."""

QUANTITY = Range(1e-12, 1e15)
"""Units of an order, whatever its side."""

SPLIT = Range(1e-6, 1e6)
"""New units for an old one."""

SPLIT_PRODUCT = Range(1e-15, 1e15)
"""All splits of an asset up to a day, multiplied."""

DIVIDEND = Range(0.0, 1e15)
"""Cash dividends (currency per unit); 0 is none."""

VOLUME = Range(0.0, 1e18)
"""Units traded in a bar."""
