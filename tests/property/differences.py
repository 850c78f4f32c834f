"""Where two outcomes differ, bit for bit: floats are equal, or both NaN."""

from __future__ import annotations

from reference import Outcome

TABLES = ("orders", "events", "fills", "trades", "equity", "holdings", "positions")


def differences(expected: Outcome, found: Outcome) -> list[str]:
    """One line for each table that differs: the first row that does."""
    lines = []
    for table in TABLES:
        ours, theirs = getattr(expected, table), getattr(found, table)
        for number, (one, other) in enumerate(zip(ours, theirs, strict=False)):
            parts = _parts(one, other)
            if parts:
                lines.append(f"{table}[{number}]: {'; '.join(parts)}")
                break
        else:
            if len(ours) != len(theirs):
                more = ours[len(theirs) :] or theirs[len(ours) :]
                lines.append(f"{table}: {len(ours)} rows, found {len(theirs)}; {more[0]}")
    return lines


def _parts(one, other) -> list[str]:
    if isinstance(one, tuple):
        one, other = one._asdict(), other._asdict()
    if one.keys() != other.keys():
        return [f"columns {sorted(one)} and {sorted(other)}"]
    return [
        f"{name} {value!r}, found {other[name]!r}"
        for name, value in one.items()
        if not _same(value, other[name])
    ]


def _same(one, other) -> bool:
    return one == other or (one != one and other != other)
