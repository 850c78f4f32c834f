"""Whether files are still what they were when a feed was made."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ml4t.backtest.data.errors import DataError


class FileStates:
    """What files looked like: their sizes and when they were last written.

    Parameters
    ----------
    files : iterable of (table name, path)
        Looked at now.
    """

    def __init__(self, files: Iterable[tuple[str, str]]) -> None:
        found = [(table, Path(path).absolute()) for table, path in files]
        self._seen = [(table, path, _state(path)) for table, path in found]

    def refuse_changed(self) -> None:
        """Look again.

        Raises
        ------
        DataError
            If a file was written since, or is gone.
        """
        for table, path, state in self._seen:
            now = _state(path)
            if now != state:
                what = "is gone" if now is None else "was written"
                raise DataError(
                    f"{table}: {path} {what} since the feed was made, so what was read from it can no longer be "
                    "told; make the feed anew, and run that"
                )


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
