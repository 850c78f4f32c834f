"""Which files a path, a pattern, a folder or a list of them means, and what their folders are called."""

from __future__ import annotations

import glob
import re
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml4t.backtest.data.errors import DataError

CSV = (".csv", ".csv.gz")

DATE = r"(19|20|21)\d\d([-_.]?(0[1-9]|1[0-2])([-_.]?(0[1-9]|[12]\d|3[01]))?)?"
PARTS = re.compile(
    rf"(?P<prefix>.*?)(?P<date>{DATE})"
    r"|(part|chunk|data|file|batch|split|prices|bars)?[-_.]?(\d{1,3}|0+[0-9a-f]*)"
    r"|part-.*|[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}(-\d+)?",
    re.IGNORECASE,
)
"""Names of files that are parts of one table: dates behind one and the same word, numbers, what writers make."""


@dataclass(frozen=True)
class TableFile:
    """A file of a table."""

    path: Path
    keys: dict[str, str] = field(default_factory=dict)
    """What the names of its folders say: ``year=2024`` gives every row of it a year."""

    @property
    def is_csv(self) -> bool:
        return self.path.name.lower().endswith(CSV)

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        suffix = next((s for s in CSV if self.path.name.lower().endswith(s)), self.path.suffix)
        return self.path.name[: len(self.path.name) - len(suffix)]


def are_files(given: Any) -> bool:
    """Tell whether what was given as a table is a path, or a list of them."""
    if isinstance(given, list | tuple):
        return bool(given) and all(isinstance(item, str | Path) for item in given)
    return isinstance(given, str | Path)


def find_files(given: Any, name: str) -> list[TableFile]:
    """Return the files of a table; all are CSV files, or none is.

    Parameters
    ----------
    given : path of a file or folder, pattern (``"bars/*.csv"``), or list of these
    name : str
        What the table is called in messages.

    Raises
    ------
    DataError
        If there is no such file, or CSV files stand beside others.
    """
    items = given if isinstance(given, list | tuple) else [given]
    files = [file for item in items for file in _files_of(Path(item), name)]
    others = [file for file in files if file.is_csv != files[0].is_csv]
    if others:
        raise DataError(
            f"{name}: {files[0].path} and {others[0].path} are files of two kinds; give those of one table, "
            "by a pattern like 'bars/*.csv', say"
        )
    return files


def is_there(path: str | Path) -> bool:
    """Tell whether there is a file or folder; a text that can be no path is none."""
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def is_pattern(path: Path) -> bool:
    """Tell whether a path that does not exist may mean several."""
    return glob.has_magic(str(path))


def is_matched(path: Path) -> bool:
    """Tell whether a path is a pattern of files that are there."""
    return is_pattern(path) and bool(_matches(path))


def are_parts(stems: Sequence[str]) -> bool:
    """Tell whether files are named as parts of one table, not each as what it holds."""
    if len(set(stems)) < len(stems):
        return True
    found = [PARTS.fullmatch(stem) for stem in stems]
    return None not in found and len({match["prefix"] for match in found if match}) == 1


def _files_of(path: Path, name: str) -> list[TableFile]:
    if is_there(path):
        if not path.is_dir():
            return [TableFile(path, _keys(path))]
        try:
            inside = [TableFile(found, _keys(found.relative_to(path))) for found in _visible(path)]
        except OSError as error:
            raise DataError(f"{name}: the folder {path} could not be read: {error}") from error
        if not inside:
            raise DataError(f"{name}: there is no file in the folder {path}")
        return inside
    if is_pattern(path):
        inside = [TableFile(match, _keys(match)) for match in _matches(path)]
        if not inside:
            raise DataError(f"{name}: no file is called like {path}")
        return inside
    if re.match(r"[a-z][a-z0-9+]+:/", str(path)):
        raise DataError(
            f"{name}: {path} is an address, and only files are read; read it with pandas, and give the frame"
        )
    raise DataError(f"{name}: there is no file {path}")


def _matches(pattern: Path) -> list[Path]:
    """Return the files that a pattern means, from the folder before its first magic part on, in order."""
    magic = next(i for i, part in enumerate(pattern.parts) if glob.has_magic(part))
    folder = Path(*pattern.parts[:magic])
    try:
        found = folder.glob(str(Path(*pattern.parts[magic:])))
        return sorted(match for match in found if match.is_file())
    except (OSError, ValueError):  # a text that can be no path
        return []


def _visible(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder in order, but those that writers hide."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part[0] in "._" for part in path.relative_to(folder).parts)
        if not hidden and path.is_file():
            yield path


def _keys(path: Path) -> dict[str, str]:
    pairs = (folder.partition("=") for folder in path.parent.parts if "=" in folder)
    return {key: urllib.parse.unquote(value) for key, _, value in pairs}
