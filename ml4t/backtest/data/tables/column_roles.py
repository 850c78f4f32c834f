"""Which column of a table is the time, the asset, the close: names without regard to case."""

import re
from collections.abc import Mapping, Sequence
from functools import cache

from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.tables.vendor_columns import LETTERS, vendor_names

Roles = Mapping[str, tuple[str, ...]]

TIME = ("timestamp", "datetime", "date", "time")
ASSET = ("asset", "symbol", "ticker", "instrument")
AVAILABLE = ("available_at", "published_at")
ADJUSTED_CLOSE = ("adj_close", "adjclose", "adjusted_close")

SERIES_ROLES = {"timestamp": TIME, "asset": ASSET, "available_at": AVAILABLE}
PRICE_ROLES = {
    **SERIES_ROLES,
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c"),
    "volume": ("volume", "vol", "v"),
    "bid": ("bid", "bid_price", "bid_close"),
    "ask": ("ask", "ask_price", "ask_close"),
}
ACTION_ROLES = {
    "timestamp": ("effective", "effective_at", "effective_time", "ex_date", *TIME),
    "asset": ASSET,
    "kind": ("kind", "type", "action"),
    "value": ("value", "ratio", "amount"),
}
TIMES = frozenset({*TIME, *AVAILABLE, *ACTION_ROLES["timestamp"]} | vendor_names("timestamp"))
"""Every name of a column of times."""
UNNAMED = re.compile(r"Unnamed: \d+(\.\d+)*|__index_level_\d+__")
OHLC = ("open", "high", "low", "close")
QUOTES = ("volume", "bid", "ask")


def plain(name: object) -> str:
    """Return a column name as it is compared: lower case, underscores for blanks."""
    return str(name).strip().lower().replace(" ", "_").replace("-", "_")


def is_unnamed(name: str) -> bool:
    """Tell whether a name is what pandas and its files call an index without one."""
    return UNNAMED.fullmatch(name) is not None


def find_roles(
    table_name: str,
    column_names: Sequence[str],
    roles: Roles,
    given: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Find the column of each role.

    Parameters
    ----------
    table_name : str
        For messages.
    column_names : sequence of str
    roles : mapping of role to the names it goes by
    given : mapping of role to column name, optional
        The user's own assignment; it goes before the names known here.

    Returns
    -------
    dict of role to column name, for the roles found

    Raises
    ------
    DataError
        If a given column is absent or a given role unknown, or if two columns go by one role.
    """
    found = {}
    for role, column in (given or {}).items():
        if role not in roles:
            raise DataError(
                f"{table_name}: columns= names the unknown role {role!r}; roles are {', '.join(roles)}"
            )
        if column not in column_names:
            raise DataError(
                f"{table_name}: columns= names {column!r} as {role}, which is not among its columns "
                f"({', '.join(column_names)})"
            )
        found[role] = column
    free = [name for name in column_names if name not in found.values()]
    letters = _letters_are_fields(free, roles)
    plains = {name: plain(name) for name in free}
    for role, known in roles.items():
        if role in found:
            continue
        usual = known if letters else {name for name in known if len(name) > 1}
        matches = [name for name in free if plains[name] in usual]
        if not matches:
            matches = [name for name in free if plains[name] in vendor_names(role)]
        if len(matches) > 1:
            matches = _exact(matches, role)
        if len(matches) > 1:
            raise DataError(_two_of_one_role(table_name, matches, role))
        if matches:
            found[role] = matches[0]
    return found


@cache
def known_names(role: str) -> frozenset[str]:
    """Return every name that a role of a price table goes by, those of vendors too."""
    return frozenset(PRICE_ROLES[role]) | vendor_names(role)


def no_times(table_name: str, column_names: Sequence[str], with_publication: bool = False) -> str:
    """Say that a table has no column of times."""
    usual = f"{'available_at, ' if with_publication else ''}timestamp, date, datetime or time"
    return (
        f"{table_name}: no column of times ({usual}) among {', '.join(column_names) or 'no columns'}; rename "
        "it, or name it with columns={'timestamp': ...}"
    )


def _two_of_one_role(table_name: str, matches: Sequence[str], role: str) -> str:
    both = f"{table_name}: {' and '.join(map(repr, matches))} could both be the {role}"
    date, time = (
        next((name for name in matches if plain(name).strip("<>") == word), None)
        for word in ("date", "time")
    )
    if len(matches) == 2 and date is not None and time is not None:
        # To name one and drop the other would lose the time of day.
        return (
            f"{both}; where one has the date and the other the time of day, join them: "
            f"frame.assign(timestamp=pandas.to_datetime(frame.pop({date!r}).astype(str) + ' ' + "
            f"frame.pop({time!r}).astype(str)))"
        )
    return f"{both}; name one with columns={{{role!r}: ...}} and drop the others"


def _exact(matches: list[str], role: str) -> list[str]:
    # `bid` beside `bid_close`: the first is the bid, the second a column of its own. Two times or
    # two asset columns are never told apart by their names.
    exact = [name for name in matches if plain(name) == role]
    return exact if len(exact) == 1 and role not in SERIES_ROLES else matches


def _letters_are_fields(column_names: Sequence[str], roles: Roles) -> bool:
    """Tell whether o, h, l, c, v are prices and not the tickers O, H, L, C and V."""
    present = {plain(name) for name in column_names}
    known = {name for names in roles.values() for name in names}
    has_asset = bool(present & set(ASSET))
    return {"o", "h", "l", "c"} <= present and (has_asset or present <= known.union(LETTERS))
