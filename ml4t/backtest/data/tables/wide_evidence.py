"""Whether the columns of a table are assets: where they may be the fields of one, nothing is guessed."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.tables.column_roles import PRICE_ROLES, is_unnamed, known_names, plain
from ml4t.backtest.data.tables.vendor_columns import LETTERS as OTHER_LETTERS

HELD = ("close", "price", "volume")
"""What no ticker holds, whatever stands around it."""
WORDS = (
    "open",
    "high",
    "low",
    "last",
    "settle",
    "vol",
    "bid",
    "ask",
    "vwap",
    "amount",
    "turnover",
    "trade",
    "trades",
)
"""What tickers may hold, but not as a word of its own."""
LETTERS = {"o", "h", "l", "c"}
SMALL_LETTERS = LETTERS | {"v", *OTHER_LETTERS}
"""What tickers are not: those are capitals."""
INDEX = ("index", "level_0")
"""What pandas calls an index that became a column."""
TICKERS = ("LOW", "OPEN")
"""Shares that are called like a field."""

LIKENESS = {
    "close": ("close", "last", "settle", "price"),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "volume": ("volume", "vol"),
    "bid": ("bid",),
    "ask": ("ask",),
}


def refuse_fields(
    name: str, columns: Sequence[str], given: Mapping[str, str], assets: Sequence[Any] | None
) -> None:
    """Refuse a table whose columns would be assets, but look like the fields of one.

    Parameters
    ----------
    name : str
        What the table is called in messages.
    columns : sequence of str
        All but that of times.
    given : mapping of role to column name
        What the user said about columns.
    assets : sequence of asset names, optional
        The user's: columns that they name are assets.

    Raises
    ------
    DataError
        If there is such a column; shows the ``columns=`` to write.
    """
    named = {str(asset) for asset in assets or ()}
    doubtful = [c for c in columns if c not in named and (c in given.values() or _is_field(c))]
    letters = {plain(column) for column in columns if column not in named}
    if letters >= LETTERS:
        doubtful += [c for c in columns if plain(c) in LETTERS and c not in doubtful]
    if SMALL_LETTERS.issuperset(columns):
        doubtful = [column for column in columns if column not in named]
    if not doubtful or _is_a_ticker(doubtful, columns):
        return
    raise DataError(
        f"{name}: has no close, and {_listed(doubtful)} {'is no asset' if len(doubtful) == 1 else 'are no assets'} "
        f"by {'its name' if len(doubtful) == 1 else 'their names'}: name the columns of an asset with "
        f"columns={_suggested(columns, given)}, or, if every column is an asset, name them all in assets="
    )


def _is_field(column: str) -> bool:
    name = plain(column)
    if name in INDEX or is_unnamed(column):
        return True
    if len(name) > 1 and any(name in known_names(role) for role in PRICE_ROLES):
        return True
    return any(part in name for part in HELD) or bool(set(WORDS) & set(_words(column)))


def _words(column: str) -> list[str]:
    """Return the words of a name: those of ``lastPrice`` and ``PX_LAST`` are two each."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column)
    return re.findall(r"[a-z]+", apart.lower())


def _is_a_ticker(doubtful: Sequence[str], columns: Sequence[str]) -> bool:
    """Tell whether the one doubtful name is a share's, among others that are tickers as well."""
    others = [column for column in columns if column not in doubtful]
    return (
        len(doubtful) == 1
        and doubtful[0] in TICKERS
        and len(others) > 1
        and all(re.fullmatch(r"[A-Z][A-Z0-9.\-/]{0,6}", column) for column in others)
    )


def _suggested(columns: Sequence[str], given: Mapping[str, str]) -> str:
    """Return the assignment of roles that the names suggest, as code."""
    found: dict[str, str] = {r: c for r, c in given.items() if r != "timestamp"}
    for role, like in LIKENESS.items():
        fitting = [c for c in columns if c not in found.values() and _is_like(c, role, like)]
        if role not in found and len(fitting) == 1:
            found[role] = fitting[0]
    close = repr(found.pop("close")) if "close" in found else "..."
    # Without all of them, open, high and low are of no use.
    if not {"open", "high", "low"} <= set(found):
        found = {role: c for role, c in found.items() if role not in ("open", "high", "low")}
    items = [f"'close': {close}", *(f"{role!r}: {column!r}" for role, column in found.items())]
    return f"{{{', '.join(items)}}}"


def _is_like(column: str, role: str, like: Sequence[str]) -> bool:
    name = plain(column)
    return name in known_names(role) or any(
        part in name if part in HELD else part in _words(column) for part in like
    )


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(map(repr, columns[:3]))
    return f"{shown}, ..." if len(columns) > 3 else shown
