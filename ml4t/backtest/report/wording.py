"""Numbers, times and counts as a reader of a summary sees them."""

import numpy as np
import pandas as pd

MOST_LISTED = 3


def money(value: float | None) -> str:
    """Write an amount of money, or n/a where there is none."""
    return "n/a" if value is None or np.isnan(value) else f"{value:,.2f}"


def percent(value: float | None) -> str:
    """Write a fraction in percent, or n/a where there is none."""
    return "n/a" if value is None or np.isnan(value) else f"{value:.2%}"


def price(value: float) -> str:
    """Write a price or a number of units: six digits, and of large numbers two decimals."""
    if np.isnan(value):
        return "n/a"
    return f"{value:,.2f}" if abs(value) >= 100_000 else f"{value:,.6g}"


def ratio(value: float | None) -> str:
    """Write a plain number, or n/a where there is none."""
    return "n/a" if value is None or np.isnan(value) else f"{value:,.2f}"


def duration(value: pd.Timedelta) -> str:
    """Write a time span in its largest fitting unit."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if value.total_seconds() >= 2 * size:
            return f"{value.total_seconds() / size:,.0f} {unit}"
    return f"{value.total_seconds():,.0f} seconds"


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """Write a count and what it counts; ``nouns`` where an s at the end does not make it many."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def moment(time: pd.Timestamp) -> str:
    """Write a time to the minute with its zone, where it has one; a date as a date."""
    zone = "" if time.tzinfo is None else f" {time.tzinfo}"
    return f"{time:{_form(time)}}{zone}"


def period(first: pd.Timestamp, last: pd.Timestamp) -> str:
    """Write the time from one moment to another of its zone."""
    return f"{first:{_form(last)}} to {moment(last)}"


def _form(time: pd.Timestamp) -> str:
    is_date = time.tzinfo is None and time == time.normalize()
    return "%Y-%m-%d" if is_date else "%Y-%m-%d %H:%M"


def listed(items: list[str], separator: str = ", ") -> str:
    """Write the first few items, and how many there are besides."""
    shown = items[:MOST_LISTED]
    if len(items) > MOST_LISTED:
        shown = [*shown, f"{len(items) - MOST_LISTED:,} more"]
    return separator.join(shown)


def counted(names: pd.Series) -> str:
    """Write how often each name of a category column occurs, the most frequent first."""
    counts = names.value_counts()
    return listed([f"{name} {count:,}" for name, count in counts[counts > 0].items()])
