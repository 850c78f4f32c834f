"""Fail when a line of the per-bar path talks to Python.

``python profiling/annotate.py`` translates the modules of :data:`HOT_PATHS` as ``cython -a`` does and looks
at the lines of the functions named there. A line is yellow when the C made from it calls Python: a
box, a lookup, a reference count. The pages are kept in ``profiling/output/``.
"""

from __future__ import annotations

import contextlib
import os
import re
import runpy
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from Cython.Compiler.Main import CompilationOptions, compile_single

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "profiling" / "output"

HOT_PATHS: dict[str, tuple[str, ...]] = {}
"""The per-bar path: module source -> the functions in it (``Class.method``) that run for every bar."""

_PAGE_LINE = re.compile(
    r'<pre class="cython line score-(\d+)"[^>]*>[+\s]*<span class="">(\d+)</span>'
)
_DEFINITION = re.compile(r"^(\s*)(?:cpdef|cdef|def)\s[^=(]*?\b(\w+)\s*\(")
_CLASS = re.compile(r"^(\s*)(?:cdef\s+)?class\s+(\w+)")


class YellowLine(NamedTuple):
    """A line that talks to Python, and how much: Cython's score."""

    function: str
    number: int
    score: int
    text: str


class Function(NamedTuple):
    """A function and the numbers of its body's lines, signature and docstring aside."""

    name: str
    body: range


def functions_of(source: str) -> Iterator[Function]:
    """Find the functions and methods of a .pyx, in the order they stand."""
    lines = source.splitlines()
    classes: list[tuple[int, str]] = []
    for number, line in enumerate(lines):
        found = _CLASS.match(line) or _DEFINITION.match(line)
        if found is None:
            continue
        indent, name = len(found[1]), found[2]
        classes = [(depth, owner) for depth, owner in classes if depth < indent]
        qualified = ".".join([*(owner for _, owner in classes), name])
        if _CLASS.match(line):
            classes.append((indent, name))
            continue
        # The signature's line carries the C of the traceback, which runs when something failed.
        first = _after_signature(lines, number)
        if first is not None:
            yield Function(qualified, range(first + 1, _end_of_body(lines, first, indent) + 1))


def _after_signature(lines: list[str], number: int) -> int | None:
    # None for a declaration, which has no body.
    depth = 0
    while True:
        text = lines[number].split("#")[0].rstrip()
        depth += sum(text.count(c) for c in "([") - sum(text.count(c) for c in ")]")
        number += 1
        if depth == 0:
            return number if text.endswith(":") else None


def _end_of_body(lines: list[str], first: int, indent: int) -> int:
    for number in range(first, len(lines)):
        text = lines[number]
        if (
            text.strip()
            and len(text) - len(text.lstrip()) <= indent
            and not text.lstrip().startswith("#")
        ):
            return number
    return len(lines)


def annotated_scores(path: Path, module: str, output: Path) -> dict[int, int]:
    """Translate a .pyx as the release build does and return the score of each line that made C.

    Raises
    ------
    RuntimeError
        If Cython refuses the module, or its page cannot be read.
    """
    output.mkdir(parents=True, exist_ok=True)
    c_file = output / f"{module}.c"
    options = CompilationOptions(
        annotate=True,
        compiler_directives=_recipe()["DIRECTIVES"],
        include_path=[str(ROOT)],
        output_file=str(c_file),
    )
    # Cython names what it looks for relative to here.
    with contextlib.chdir(ROOT):
        if compile_single(str(path), options, module).num_errors:
            raise RuntimeError(f"Cython refused {path}")
    page = c_file.with_suffix(".html").read_text(encoding="utf-8")
    scores = {int(number): int(score) for score, number in _PAGE_LINE.findall(page)}
    if not scores:
        raise RuntimeError(
            f"{c_file.with_suffix('.html')} has no line this script can read: correct _PAGE_LINE"
        )
    return scores


def yellow_lines(path: Path, module: str, names: Iterable[str], output: Path) -> list[YellowLine]:
    """Return the lines of the named functions that talk to Python.

    Raises
    ------
    LookupError
        If a function is not in the file: renamed, most likely.
    """
    source = path.read_text(encoding="utf-8")
    bodies = {function.name: function.body for function in functions_of(source)}
    missing = [name for name in names if name not in bodies]
    if missing:
        raise LookupError(f"{path} has no function {', '.join(missing)}: correct HOT_PATHS")
    scores = annotated_scores(path, module, output)
    lines = source.splitlines()
    return [
        YellowLine(name, number, scores[number], lines[number - 1].strip())
        for name in names
        for number in bodies[name]
        # Asserts are compiled out of a release build.
        if scores.get(number, 0) > 0 and not lines[number - 1].lstrip().startswith("assert ")
    ]


def check(hot_paths: Mapping[str, tuple[str, ...]], output: Path = OUTPUT) -> list[str]:
    """Return one sentence for each yellow line of the functions of ``hot_paths``."""
    return [
        f"{source}:{line.number}: {line.function} talks to Python (score {line.score}): {line.text}"
        for source, names in hot_paths.items()
        for line in yellow_lines(
            ROOT / source, source.removesuffix(".pyx").replace("/", "."), names, output
        )
    ]


def _recipe() -> dict:
    chosen = os.environ.pop("ML4T_BUILD", None)
    try:
        return runpy.run_path(str(ROOT / "setup.py"), run_name="recipe")
    finally:
        if chosen is not None:
            os.environ["ML4T_BUILD"] = chosen


def main() -> int:
    """Print the yellow lines; return how the command ends."""
    found = check(HOT_PATHS)
    for sentence in found:
        print(sentence)
    n_functions = sum(map(len, HOT_PATHS.values()))
    print(
        f"{n_functions} functions of {len(HOT_PATHS)} modules, {len(found)} yellow lines; pages in {OUTPUT}"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
