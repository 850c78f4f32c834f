"""Where the lines of an axis lie, and what is written beside them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from ml4t.backtest.report.picture.shapes import Numbers

MOST_TIMES, MOST_LONG_TIMES = 9, 6
TIMES = (
    ("YS", 20, "%Y"), ("YS", 10, "%Y"), ("YS", 5, "%Y"), ("YS", 2, "%Y"), ("YS", 1, "%Y"),
    ("MS", 6, "%b %Y"), ("MS", 3, "%b %Y"), ("MS", 2, "%b %Y"), ("MS", 1, "%b %Y"),
    ("D", 14, "%d %b"), ("D", 7, "%d %b"), ("D", 2, "%d %b"), ("D", 1, "%d %b"),
    ("h", 12, "%d %b %H:%M"), ("h", 6, "%d %b %H:%M"), ("h", 2, "%H:%M"), ("h", 1, "%H:%M"),
    ("min", 30, "%H:%M"), ("min", 10, "%H:%M"), ("min", 5, "%H:%M"), ("min", 1, "%H:%M"),
)  # fmt: skip
"""Steps between the lines of an axis of time, the longest first, and how their times are written."""


def value_range(
    values: np.ndarray, *, with_zero: bool = False, below: bool = False
) -> tuple[float, float]:
    """Return the least and the greatest of values, a little apart where they are one; 0 and 1 without any.

    ``with_zero`` takes zero in; where all are zero they lie at the edge, ``below`` at the upper one.
    """
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    if with_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if with_zero and low == high:
        return -1.0 if below else 0.0, 0.0 if below else 1.0
    if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):
        pad = 0.05 * abs(high) or 1.0
        return low - pad, high + pad
    return low, high


def value_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round values from ``low`` to ``high``: a step of 1, 2, 2.5 or 5 times a power of ten."""
    span = high - low
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(
        (power * one for one in (1.0, 2.0, 2.5, 5.0, 10.0) if span / (power * one) <= most),
        power * 20.0,
    )
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step + 0.0 for number in range(first, last + 1)]


def time_ticks(first: pd.Timestamp, last: pd.Timestamp) -> list[tuple[pd.Timestamp, str]]:
    """Return times from ``first`` to ``last`` and what is written at them, as many as there is room for."""
    best: list[tuple[pd.Timestamp, str]] = []
    if first == last:
        return [(first, f"{first:%Y-%m-%d}")]
    for unit, step, form in TIMES:
        begin = first.normalize()
        if unit == "YS":
            begin = pd.Timestamp(year=first.year // step * step, month=1, day=1)
        elif unit == "MS":
            month = (first.month - 1) // step * step + 1
            begin = pd.Timestamp(year=first.year, month=month, day=1)
        if (last - begin) / STEP_DAYS[unit] / step > 40.0 * MOST_TIMES:
            break
        times = pd.date_range(begin, last, freq=f"{step}{unit}")
        found = [(time, f"{time:{form}}") for time in times if time >= first]
        if len(found) > (MOST_LONG_TIMES if "%H" in form and "%d" in form else MOST_TIMES):
            break
        best = found or best
    return best or [(first, f"{first:%Y-%m-%d}")]


STEP_DAYS = {
    "YS": pd.Timedelta(days=365),
    "MS": pd.Timedelta(days=28),
    "D": pd.Timedelta(days=1),
    "h": pd.Timedelta(hours=1),
    "min": pd.Timedelta(minutes=1),
}


def short(value: float, numbers: Numbers) -> str:
    """Write a value beside an axis."""
    if numbers == "percent":
        return f"{100.0 * value:.4g}%"
    if numbers in ("money", "count"):
        for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
            if abs(value) >= size:
                return f"{value / size:.4g}{unit}"
    return f"{value:.4g}"


def full(value: float, numbers: Numbers) -> str:
    """Write a value where one points at it."""
    if numbers == "percent":
        return f"{value:.2%}"
    return f"{value:,.0f}" if numbers == "count" else f"{value:,.2f}"
