"""Where two outcomes differ, bit for bit: floats are equal, or both NaN."""

from __future__ import annotations

from math import isclose

from reference import Outcome

TABLES = (
    "orders",
    "events",
    "fills",
    "ledger",
    "trades",
    "equity",
    "holdings",
    "positions",
    "told",
    "seen",
)


def differences(expected: Outcome, found: Outcome, near: float = 0.0) -> list[str]:
    """One line for each table that differs: the first row that does, by more than `near` in a float."""
    lines = []
    for table in TABLES:
        ours, theirs = getattr(expected, table), getattr(found, table)
        for number, (one, other) in enumerate(zip(ours, theirs, strict=False)):
            parts = _parts(one, other, near)
            if parts:
                lines.append(f"{table}[{number}]: {'; '.join(parts)}")
                break
        else:
            if len(ours) != len(theirs):
                more = ours[len(theirs) :] or theirs[len(ours) :]
                lines.append(f"{table}: {len(ours)} rows, found {len(theirs)}; {more[0]}")
    return lines


def _parts(one, other, near: float) -> list[str]:
    if isinstance(one, tuple):
        one, other = one._asdict(), other._asdict()
    if one.keys() != other.keys():
        return [f"columns {sorted(one)} and {sorted(other)}"]
    return [
        f"{name} {value!r}, found {other[name]!r}"
        for name, value in one.items()
        if not _same(value, other[name], near)
    ]


def _same(one, other, near: float) -> bool:
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other, [near] * len(one)))
    if one == other or (one != one and other != other):
        return True
    floats = isinstance(one, float) and isinstance(other, float)
    return floats and near > 0.0 and isclose(one, other, rel_tol=near, abs_tol=near)
