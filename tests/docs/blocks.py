"""Code blocks of Markdown files: found, run in order, and held to the output written below them.

A block fenced as ``python`` is run; all blocks of one file share one namespace. A block fenced as
``text output`` is what was printed since the last one: white space counts as one blank, ``...`` stands
for anything. A block fenced as ``cython`` is compiled in the working folder, as the file its first line
names; the blocks after it can import it.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FENCE = re.compile(r"^(?P<fence>`{3,})(?P<info>[^`]*)$")
_CHECKER = doctest.OutputChecker()
_OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
_FILE_NAME = re.compile(r"# (\w+\.pyx)\n")

RUN = "python"
COMPILE = "cython"
OUTPUT = "text output"
SHOWN = ("text", "bash", "console", "c", "toml", "yaml", "json", "make", "mermaid")
KNOWN = frozenset({RUN, COMPILE, OUTPUT, *SHOWN})
"""A misspelled ``py`` would escape the test; so every other word is refused."""


class DocumentError(AssertionError):
    """A block that cannot be read, or printed something else than the page says."""


@dataclass(frozen=True)
class Block:
    """One fenced block: the word behind the fence, its text, and the line its text starts at."""

    info: str
    text: str
    line: int


def blocks(path: Path) -> Iterator[Block]:
    """Find the fenced blocks of a Markdown file."""
    fence, info, first, lines = "", "", 0, []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = _FENCE.match(line.strip())
        if not fence and match:
            fence, info, first, lines = match["fence"], match["info"].strip(), number + 1, []
            if info not in KNOWN:
                raise DocumentError(
                    f"{path.name}:{number}: block of kind {info!r}; write one of {sorted(KNOWN)}"
                )
        elif fence and line.strip() == fence:
            yield Block(info, "\n".join(lines) + "\n", first)
            fence = ""
        elif fence:
            lines.append(line)
    if fence:
        raise DocumentError(f"{path.name}:{first - 1}: the block is not closed")


def run(path: Path) -> int:
    """Run the Python blocks of a file and compare what they print; return how many ran.

    Files that blocks write, and the modules they compile, go to the working folder.

    Raises
    ------
    DocumentError
        If the output differs, there is an output before any code, or a module does not compile.
    Exception
        Whatever a block raises; its traceback has the line of the page.
    """
    namespace: dict[str, Any] = {"__name__": "__docs__", "__file__": str(path)}
    printed, count = "", 0
    for block in blocks(path):
        if block.info == RUN:
            printed += _execute(block, path, namespace)
            count += 1
        elif block.info == COMPILE:
            _build(block, path)
        elif block.info == OUTPUT:
            _compare(block, printed, path, count)
            printed = ""
    return count


def _execute(block: Block, path: Path, namespace: dict[str, Any]) -> str:
    # Lines of the page, so that a traceback points into it.
    source = "\n" * (block.line - 1) + block.text
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(source, str(path), "exec", dont_inherit=True), namespace)
    return out.getvalue()


def _build(block: Block, path: Path) -> None:
    named = _FILE_NAME.match(block.text)
    if not named:
        raise DocumentError(f"{path.name}:{block.line}: the first line must be '# name.pyx'")
    Path(named[1]).write_text(block.text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "Cython.Build.Cythonize", "-i", "-q", "-3", named[1]],
        env=os.environ | {"CFLAGS": "-O0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode:
        raise DocumentError(
            f"{path.name}:{block.line}: does not compile\n{done.stdout}{done.stderr}"
        )
    importlib.invalidate_caches()


def _compare(block: Block, printed: str, path: Path, count: int) -> None:
    if count == 0:
        raise DocumentError(f"{path.name}:{block.line}: an output without code above it")
    expected, actual = (
        "".join(line.rstrip() + "\n" for line in text.strip("\n").splitlines())
        for text in (block.text, printed)
    )
    if not _CHECKER.check_output(expected, actual, _OPTIONS):
        raise DocumentError(
            f"{path.name}:{block.line}: printed something else\n--- page\n{expected}--- run\n{actual}"
        )
