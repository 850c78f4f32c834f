"""What a unit of exposure has risked so far (semantics 7): of values of x, oldest first."""

from __future__ import annotations

from math import ceil, sqrt


def volatility(values: list[float], periods_per_year: float) -> float:
    total = 0.0
    for x in values:
        total = total + x
    mean = total / len(values)
    squares = 0.0
    for x in values:
        squares = squares + (x - mean) * (x - mean)
    return sqrt(squares / (len(values) - 1)) * sqrt(periods_per_year)


def worst(values: list[float], confidence: float) -> list[float]:
    """The k smallest, from the smallest."""
    k = max(1, ceil((1.0 - confidence) * len(values) - 1e-9))
    return sorted(values)[:k]


def value_at_risk(values: list[float], confidence: float) -> float:
    return -worst(values, confidence)[-1]


def conditional_value_at_risk(values: list[float], confidence: float) -> float:
    total, smallest = 0.0, worst(values, confidence)
    for x in smallest:
        total = total + x
    return -(total / len(smallest))
