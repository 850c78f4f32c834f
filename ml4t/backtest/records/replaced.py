"""Files of a folder, replaced all at once: who looks, at any moment, finds all old or all new ones.

New files are written aside, into ``.partial``. Renamed to ``.complete`` they are what the folder holds,
from that moment on; then each takes its place. What is cut short in between is brought to its end by
whoever writes next.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ml4t.backtest.records.errors import ResultError

PARTIAL, COMPLETE = ".partial", ".complete"


@contextmanager
def replaced(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    """Give a folder to write files into; on leaving without an error they replace those of ``folder``.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    names : sequence of str
        The files that will be written.

    Raises
    ------
    ResultError
        If one of them is something else than a file, a symbolic link among others, or cannot be written.
    """
    try:
        _make(folder)
        _refuse_others(folder, names)
        _settle(folder)
        partial = folder / PARTIAL
        partial.mkdir()
        try:
            yield partial
            partial.rename(folder / COMPLETE)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise ResultError(
            f"{folder} cannot be written: {reason(error)}; what it held before, if anything, is there still"
        ) from error
    try:
        _settle(folder)
    except OSError as error:
        raise ResultError(
            f"{folder} holds the new files in {COMPLETE}, where they cannot leave: {reason(error)}; write it again"
        ) from error


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except ValueError as error:
        raise ResultError(
            f"{str(folder)!r} can be no path ({error}); choose another folder"
        ) from error


def current(folder: Path, name: str) -> Path:
    """Return where a file of ``folder`` is: in its place, or waiting for it."""
    waiting = folder / COMPLETE / name
    return waiting if waiting.is_file() else folder / name


def reason(error: OSError) -> str:
    """Return what the system said, and of which file where it names one."""
    said = error.strerror or str(error)
    return f"{said} ({error.filename})" if error.filename else said


def _refuse_others(folder: Path, names: Sequence[str]) -> None:
    for path in (folder / name for name in (PARTIAL, COMPLETE, *names)):
        if path.is_symlink():
            raise ResultError(
                f"{path} is a symbolic link, and what it leads to would be lost; remove it, or choose another folder"
            )
    for path in (folder / name for name in names):
        if path.exists() and not path.is_file():
            raise ResultError(f"{path} is no file; remove it, or choose another folder")


def _settle(folder: Path) -> None:
    """Bring what was cut short to its end: drop what is partial, put in place what is complete."""
    if (folder / PARTIAL).exists():
        shutil.rmtree(folder / PARTIAL)
    complete = folder / COMPLETE
    if complete.exists():
        for path in complete.iterdir():
            path.replace(folder / path.name)
        complete.rmdir()


def checked_file(path: str | Path) -> Path:
    """Return where a file can be written, as far as that can be seen before it is made.

    Raises
    ------
    ResultError
        If it is a folder, a symbolic link or no path, or there is no folder for it.
    """
    try:
        target = Path(path)
    except TypeError as error:
        raise ResultError(f"{path!r} is no path of a file; write one, like 'run.html'") from error
    if "\0" in str(target):
        raise ResultError(f"{str(target)!r} can be no path; choose another file")
    try:
        return _checked(target)
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise ResultError(f"{target} cannot be written: {reason(error)}") from error


def _checked(target: Path) -> Path:
    if target.is_symlink():
        raise ResultError(
            f"{target} is a symbolic link, and what it leads to would be lost; remove it, or choose another file"
        )
    if target.is_dir():
        raise ResultError(f"{target} is a folder; name a file in it, like {target / 'run.html'}")
    if target.exists() and not target.is_file():
        raise ResultError(f"{target} is no file; choose another path")
    if not target.parent.is_dir():
        raise ResultError(f"{target} cannot be written: there is no folder {target.parent}")
    return target


def replace_file(target: Path, text: str) -> Path:
    """Write a file aside and put it in its place all at once.

    Raises
    ------
    ResultError
        If it cannot be written; what was there before is there still.
    """
    aside = target.with_name(f".{uuid.uuid4().hex}{PARTIAL}")  # a name that always fits
    try:
        try:
            aside.write_text(text, encoding="utf-8")
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise ResultError(f"{target} cannot be written: {reason(error)}") from error
    return target
