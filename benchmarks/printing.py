"""Where tables are printed: as wide as they are, unless a terminal is narrower."""

from __future__ import annotations

from typing import IO

from rich.console import Console

LOG_WIDTH = 240


def table_console(file: IO[str] | None = None) -> Console:
    """Return a console on which a row of a table stays a line, in a log file too.

    Without a terminal rich takes 80 columns, and wraps every cell.

    Parameters
    ----------
    file : text file, optional
        Where to print; by default standard output.
    """
    console = Console(file=file)
    return console if console.is_terminal else Console(file=file, width=LOG_WIDTH)
