"""Names of assets that are names of columns or keys of a mapping: text stays text, integers integers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from ml4t.backtest.data.errors import DataError
from ml4t.backtest.data.tables.asked import Asked, is_integer

INT64 = range(-(2**63), 2**63)


def given_assets(given: Any) -> tuple[Any, ...] | None:
    """Return what is said in ``assets=``, text and integers as Python has them; None where nothing is.

    Raises
    ------
    DataError
        If it is no sequence of names, or names none, one twice, or one as no table can.
    """
    if given is None:
        return None
    # Elements of Arrow's arrays are wrapped.
    names = given.to_pylist() if hasattr(given, "to_pylist") else given
    if isinstance(names, str | bytes | Set) or not isinstance(names, Iterable):
        raise DataError(f"assets= must be a list of names in their order, was {given!r}")
    assets = tuple(key_assets(names, "assets="))
    if not assets:
        raise DataError("assets= names no asset; leave it out, or name one")
    if len(set(assets)) < len(assets):
        raise DataError("assets= must name each asset once")
    return assets


def column_assets(
    columns: Sequence[str], labels: Iterable[Any] | None, name: str, asked: Asked
) -> list[Any]:
    """Return the assets that columns are named as.

    Parameters
    ----------
    columns : sequence of str
        Names of the columns as an Arrow table has them: text.
    labels : iterable, optional
        Names as a pandas frame has them, which may be integers; None where names can be text only.
    name : str
        What the table is called in messages.
    asked : Asked
        Names that can be text only are integers if those of the run are.

    Raises
    ------
    DataError
        If a name is neither text nor an integer, or empty, or some are text and some integers.
    """
    if labels is not None:
        own = {str(label): label for label in labels}
        return key_assets([own[column] for column in columns], name)
    if asked.integers and all(column.removeprefix("-").isdecimal() for column in columns):
        return [int(column) for column in columns]
    return key_assets(columns, name)


def key_assets(keys: Iterable[Any], name: str) -> list[Any]:
    """Return the assets that keys name; see :func:`column_assets`."""
    names = [int(key) if is_integer(key) else key for key in keys]
    names = [str(key) if isinstance(key, str) else key for key in names]
    for key in names:
        if not isinstance(key, int | str) or isinstance(key, bool):
            raise DataError(
                f"{name}: {key!r} is the name of an asset, must be text or an integer; rename it"
            )
        if isinstance(key, str) and not key.strip():
            raise DataError(f"{name}: the name of an asset is empty; name it")
        if not (key in INT64 if isinstance(key, int) else _is_unicode(key)):
            raise DataError(
                f"{name}: {key!r} is the name of an asset that no table can hold; rename it"
            )
    kinds: Mapping[type, Any] = {type(key): key for key in names}
    if len(kinds) > 1:
        one, other = kinds.values()
        raise DataError(
            f"{name}: some assets are named as text and some as integers ({one!r}, {other!r}); name all in one way"
        )
    return names


def _is_unicode(text: str) -> bool:
    """Tell whether text can be written: halves of surrogates, as bytes of file names become, cannot."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)
